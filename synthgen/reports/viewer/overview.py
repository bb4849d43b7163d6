"""What a run's start page shows: its stages with counts, rules and files, and the losses so far."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from markupsafe import Markup, escape

from synthgen.core.text import percent
from synthgen.evaluation.recorded import scores
from synthgen.reports.run_folder import PublishedStage, failed_stages, stages_of, under_way
from synthgen.reports.status import live_status
from synthgen.reports.svg.axes import value_axis
from synthgen.reports.viewer.catalogue import Catalogue, RowFile
from synthgen.reports.viewer.line_index import parsed
from synthgen.reports.viewer.marking import asked_text
from synthgen.reports.viewer.relations import find_row
from synthgen.store.manifest import read_manifest
from synthgen.store.publish import NEW

LARGEST_GROUPS = 50
ROWS_OF_A_GROUP = 8
MOST_READ = 200_000
"""Rejected rows that are read for groups of duplicates."""
_POINTS = 400


def overview(catalogue: Catalogue) -> dict[str, Any]:
    """The values of the start page."""
    run = catalogue.run
    assert run is not None
    files = [file.name for file in catalogue.files()]
    own = read_manifest(run)
    if own is None:
        stages = stages_of(run) + failed_stages(run)
    else:
        stages = [PublishedStage(run.absolute().name, run, own)]
    return {
        "live": live_status(run),
        "stages": [_stage(stage, files) for stage in stages] + _unfinished(files),
        "scores": [] if own is not None else list(_scores(run, stages)),
        "curves": list(_curves(run, stages)),
    }


def _scores(run: Path, stages: list[PublishedStage]) -> Iterator[dict[str, Any]]:
    """Of each evaluation its metrics, and of each model its scores with their intervals, and the verdict."""
    for found in scores(run, [stage.id for stage in stages if stage.manifest.kind == "evaluate"]):
        lines = []
        for name, figures in found["models"].items():
            cells = []
            for metric in found["metrics"]:
                one = figures.get(metric)
                low, high = one["interval"] if one else (0, 0)
                cells += [percent(one["value"]), f"{100 * low:.1f}–{100 * high:.1f}"] if one else ["–", "–"]
            lines.append({"model": name, "cells": cells, "verdict": found["verdicts"].get(name, "")})
        metrics = [metric.replace("_", " ") for metric in found["metrics"]]
        yield {"stage": found["stage"], "metrics": metrics, "lines": lines}


def _stage(stage: PublishedStage, files: list[str]) -> dict[str, Any]:
    counts = stage.manifest.counts
    rejected = dict(counts.get("rejected", {}))
    failed = sum(counts.get("failed", {}).values())
    names = [name for name in files if name.partition("/")[0] == stage.id]
    if not failed and not sum(rejected.values()):
        names = [name for name in names if name != f"{stage.id}/rejected"]
    answers = stage.folder / "answers.jsonl"
    return {
        "id": stage.id,
        "kind": stage.manifest.kind,
        "counts": counts,
        "failed": failed,
        "rejected": sorted(rejected.items(), key=lambda entry: -entry[1]),
        "files": names,
        "matches": stage.manifest.kind in ("dedup", "decontaminate", "split") and sum(rejected.values()) > 0,
        "models": _models(answers) if answers.is_file() else [],
    }


def _unfinished(files: list[str]) -> list[dict[str, Any]]:
    names = dict.fromkeys(name.partition("/")[0] for name in files if "(under way)/" in name)
    none: dict[str, Any] = {
        "kind": "",
        "counts": {},
        "failed": 0,
        "rejected": [],
        "matches": False,
        "models": [],
    }
    return [
        {**none, "id": stage, "files": [name for name in files if name.startswith(f"{stage}/")]}
        for stage in names
    ]


def _models(path: Path) -> list[str]:
    with open(path, "rb") as source:
        first = parsed(source.readline()) or {}
    answers = first.get("answers")
    return [str(name) for name in answers] if isinstance(answers, dict) else []


def duplicates(catalogue: Catalogue, file: RowFile) -> dict[str, Any]:
    """Rejected rows by the row that they matched, the largest groups first."""
    groups: dict[str, list[dict[str, Any]]] = {}
    number = 0
    for line in islice(file.index.from_line(1), MOST_READ):
        number = line.number
        row = parsed(line.raw)
        rejection = row.get("rejection") if row is not None else None
        if row is None or not isinstance(rejection, dict) or not isinstance(rejection.get("matched_id"), str):
            continue
        score = rejection.get("score")
        groups.setdefault(rejection["matched_id"], []).append(
            {
                "line": line.number,
                "seen": line.digest,
                "text": asked_text(row)[:300],
                "rule": rejection.get("rule", ""),
                "score": f"{score:.3f}" if isinstance(score, float) else "",
            }
        )
    largest = sorted(groups.items(), key=lambda entry: (-len(entry[1]), entry[0]))[:LARGEST_GROUPS]
    files = [one for one in catalogue.files() if not one.name.endswith("/rejected")]
    clusters = []
    for row_id, rows in largest:
        kept = find_row(files, row_id)
        clusters.append(
            {
                "id": row_id,
                "place": kept,
                "kept": asked_text(kept.row) if kept else "(not among the kept rows)",
                "rows": rows[:ROWS_OF_A_GROUP],
                "more": max(0, len(rows) - ROWS_OF_A_GROUP),
            }
        )
    return {
        "file": file.name,
        "clusters": clusters,
        "total": len(groups),
        "rows": sum(map(len, groups.values())),
        "read": number,
        "unread": max(0, file.index.lines - number),
    }


def _curves(run: Path, stages: list[PublishedStage]) -> Iterator[dict[str, Any]]:
    logs = {stage.id: stage.folder / "metrics.jsonl" for stage in stages if stage.manifest.writes == "model"}
    writing = under_way(run)
    if writing is not None:
        name = writing.name.removeprefix(NEW)
        # Where a training keeps what must outlive a kill, under the stage's key.
        for log in (run / ".work" / name).glob("*/metrics.jsonl"):
            logs[f"{name} (under way)"] = log
    for name, log in logs.items():
        points = _losses(log)
        if len(points) > 1:
            how = " (drawn by powers of ten)" if _by_powers(points) else ""
            yield {
                "title": f"{name}: training loss {points[-1][1]:.3g} at step {points[-1][0]:,.0f}{how}",
                "svg": curve(points),
            }


def _losses(path: Path) -> list[tuple[float, float]]:
    """Step and loss of each entry of a student's log; a file that is not there has none."""
    points = []
    try:
        with open(path, "rb") as source:
            for line in source:
                try:
                    entry = orjson.loads(line)
                except orjson.JSONDecodeError:
                    continue
                step, loss = (
                    (entry.get(name) for name in ("step", "loss")) if isinstance(entry, dict) else (0, 0)
                )
                if isinstance(step, int | float) and isinstance(loss, int | float):
                    points.append((float(step), float(loss)))
    except OSError:
        return []
    return [*points[: -1 : max(1, len(points) // _POINTS)], *points[-1:]]


def _by_powers(points: list[tuple[float, float]]) -> bool:
    return value_axis([loss for _, loss in points]).logarithmic


def curve(points: list[tuple[float, float]]) -> Markup:
    """A line as SVG without styles, which the page's policy would not allow; see `value_axis`."""
    steps, losses = [point[0] for point in points], [point[1] for point in points]
    low, high = min(losses), max(losses)
    by_powers = _by_powers(points)
    heights = [math.log10(loss) for loss in losses] if by_powers else losses
    top, width = max(heights), (max(steps) - min(steps)) or 1.0
    height = (top - min(heights)) or 1.0
    way = " ".join(
        f"{60 + 430 * (step - min(steps)) / width:.1f},{10 + 140 * (top - at) / height:.1f}"
        for step, at in zip(steps, heights, strict=True)
    )
    labels = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
        for x, y, anchor, text in (
            (54, 16, "end", f"{high:.2g}"),
            (54, 150, "end", f"{low:.2g}"),
            (60, 170, "start", f"step {min(steps):,.0f}"),
            (490, 170, "end", f"{max(steps):,.0f}"),
        )
    )
    return Markup(
        '<svg viewBox="0 0 500 180" role="img" class="curve" aria-label="training loss by step'
        f'{", by powers of ten" if by_powers else ""}">'
        f'<polyline points="{way}" fill="none" stroke="currentColor" stroke-width="2"/>{labels}</svg>'
    )
