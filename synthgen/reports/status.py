"""Where a run stands: published stages, a stage under way, and what a rerun would do."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from synthgen.reports.progress import duration
from synthgen.store.manifest import read_manifest

if TYPE_CHECKING:
    from synthgen.pipeline_file import Pipeline


def run_status(run_dir: Path, pipeline: Pipeline) -> dict[str, Any]:
    """Plain figures of a run: `stages` (id, kind, state, why, counts, usage, seconds) and `live` (the stage under way, or None)."""
    from synthgen.plan import Graph, standing

    live = live_status(run_dir)
    limit = re.search(r"\.limit-(\d+)$", run_dir.name)
    graph = Graph(pipeline, run_dir)
    stages = []
    for spec in pipeline.stages:
        now = standing(spec, pipeline, graph, limit=int(limit.group(1)) if limit else None)
        manifest = read_manifest(run_dir / spec.id)
        entry: dict[str, Any] = {"stage": spec.id, "kind": spec.kind, "state": now.state, "why": now.why}
        if live is not None and live["stage"].split(" ")[0] == spec.id:
            entry.update(state="running", why=live["line"])
        if manifest is not None:
            entry.update(counts=manifest.counts, requests=manifest.requests, usage=manifest.usage, seconds=manifest.seconds, finished_at=manifest.finished_at, partial=manifest.partial)
        stages.append(entry)
    return {"run": run_dir.name, "folder": str(run_dir), "live": live, "stages": stages}


def live_status(run_dir: Path) -> dict[str, Any] | None:
    """What a live process last said of itself, or None where none is at work here."""
    try:
        found = orjson.loads((run_dir / "status.json").read_bytes())
        lock = orjson.loads((run_dir / ".lock").read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    if time.time() - lock.get("heartbeat", 0) > 60 or not _alive_here(lock):
        return None
    return found if isinstance(found, dict) else None


def _alive_here(lock: dict[str, Any]) -> bool:
    import socket

    if lock.get("host") != socket.gethostname():
        return True  # another machine: its heartbeat has to do
    try:
        os.kill(int(lock["pid"]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def status_table(found: dict[str, Any]) -> str:
    """The figures as aligned text."""
    rows = [("stage", "state", "in", "kept", "rejected", "failed", "cost", "time", "why")]
    for stage in found["stages"]:
        counts = stage.get("counts") or {}
        cost = (stage.get("usage") or {}).get("cost_usd")
        rows.append((
            stage["stage"], "partial" if stage.get("partial") else stage["state"], _number(counts.get("in")), _number(counts.get("kept")),
            _number(sum(counts.get("rejected", {}).values()) if counts else None), _number(sum(counts.get("failed", {}).values()) if counts else None),
            f"${cost:,.2f}" if cost else "", duration(stage["seconds"]) if "seconds" in stage else "", "" if stage["why"] == "unchanged" else stage["why"],
        ))  # fmt: skip
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(width) if 2 <= at <= 7 else cell.ljust(width) for at, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip() for row in rows]
    head = f"run {found['run']} in {found['folder']}" + ("" if found["live"] is None else f" · at work now: {found['live']['line']}")
    return "\n".join([head, "", *lines])


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
