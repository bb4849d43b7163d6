"""Where a run stands: published stages, a stage under way, and what a rerun would do."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from synthgen.progress import duration
from synthgen.store.manifest import read_manifest

if TYPE_CHECKING:
    from synthgen.pipeline_file import Pipeline


def run_status(run_dir: Path, pipeline: Pipeline) -> dict[str, Any]:
    """Plain figures of a run: `stages` (id, kind, state, why, counts, usage, seconds) and `live` (the stage under way, or None)."""
    from synthgen.plan import standings

    live = live_status(run_dir)
    limit = re.search(r"\.limit-(\d+)$", run_dir.name)
    standing = standings(pipeline, run_dir, limit=int(limit.group(1)) if limit else None)
    stages = []
    for spec in pipeline.stages:
        now = standing[spec.id]
        manifest = read_manifest(run_dir / spec.id)
        entry: dict[str, Any] = {"stage": spec.id, "kind": spec.kind, "state": now.state, "why": now.why}
        if live is not None and live["stage"].split(" ")[0] == spec.id:
            entry.update(state="running", why=live["line"])
        if manifest is not None:
            entry.update(counts=manifest.counts, requests=manifest.requests, usage=manifest.usage, seconds=manifest.seconds, finished_at=manifest.finished_at, partial=manifest.partial)
            if "completion" in manifest.config:
                entry["completion"] = manifest.config["completion"]
        stages.append(entry)
    return {"run": run_dir.name, "folder": str(run_dir), "live": live, "stages": stages, "spent": spent(stages), "estimate": read_estimate(run_dir)}


def spent(stages: list[dict[str, Any]]) -> dict[str, Any]:
    """What the replies behind the run's rows took in all, and the cost of each row that the last row stage kept.

    Replies that other runs had paid for count too: it is what the rows are worth, not what this run paid.
    """
    usages = [stage["usage"] for stage in stages if stage.get("usage")]
    total = {name: sum(usage.get(name) or 0 for usage in usages) for name in ("prompt_tokens", "completion_tokens", "cost_usd")}
    kept = [stage["counts"]["kept"] for stage in stages if stage.get("counts") and stage["kind"] not in ("sft", "distill", "evaluate", "export")]
    return {**total, "requests": sum((stage.get("requests") or {}).get("planned", 0) for stage in stages), "kept_rows": kept[-1] if kept else 0}


def read_estimate(run_dir: Path) -> dict[str, Any] | None:
    """What `estimate` had foreseen of this run, or None."""
    try:
        found = orjson.loads((run_dir / "estimate.json").read_bytes())["total"]
    except (OSError, orjson.JSONDecodeError, KeyError):
        return None
    return found if isinstance(found, dict) else None


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
    students = [f"{stage['stage']} ({stage['completion']})" for stage in found["stages"] if "completion" in stage]
    return "\n".join([head, "", *lines, *(["", f"students and what they learned to say: {', '.join(students)}"] if students else []), *_money_lines(found)])


def _money_lines(found: dict[str, Any]) -> list[str]:
    came, foreseen = found["spent"], found["estimate"]
    if not came["requests"]:
        return []
    tokens = came["prompt_tokens"] + came["completion_tokens"]
    each = f", ${came['cost_usd'] / came['kept_rows']:.4f} for each of {came['kept_rows']:,} kept rows" if came["cost_usd"] and came["kept_rows"] else ""
    lines = ["", f"came to {came['requests']:,} requests, {tokens:,} tokens, ${came['cost_usd']:,.2f}{each}"]
    if foreseen is not None:
        expected = {p: foreseen["prompt_tokens"][p] + foreseen["completion_tokens"][p] for p in ("p50", "p95")}
        lines.append(
            f"estimated {foreseen['calls']['p50']:,.0f} requests (p95 {foreseen['calls']['p95']:,.0f}), {expected['p50']:,.0f} tokens (p95 {expected['p95']:,.0f}), ${foreseen['usd']['p50']:,.2f} (p95 ${foreseen['usd']['p95']:,.2f})"
        )
    return lines


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
