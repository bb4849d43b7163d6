"""A student's training in a few figures: the loss along the steps, and what was measured on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthgen.core.text import COLUMNS, table
from synthgen.store.jsonl import read_log

POINTS = 8
"""How many parts of a training are shown."""


def training_curve(folder: Path) -> list[dict[str, Any]]:
    """The training in up to `POINTS` parts of equally many entries, from a stage's `metrics.jsonl`.

    Returns:
        Each part's last `step` and `epoch`, its mean `loss`, and the last of each figure whose name begins
        with `validation_` that was measured in it. Nothing where the stage trained none.
    """
    path = folder / "metrics.jsonl"
    entries = [entry for entry in read_log(path) if "step" in entry] if path.is_file() else []
    size = math.ceil(len(entries) / POINTS)
    return [_part(entries[start : start + size]) for start in range(0, len(entries), size or 1)]


def _part(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    losses = [float(entry["loss"]) for entry in entries if isinstance(entry.get("loss"), int | float)]
    part: dict[str, Any] = {name: entries[-1].get(name) for name in ("step", "epoch")}
    part["loss"] = sum(losses) / len(losses) if losses else None
    for entry in entries:
        part |= {
            name: value
            for name, value in entry.items()
            if name.startswith("validation_") and isinstance(value, int | float)
        }
    return part


def curve_lines(curve: Sequence[Mapping[str, Any]], columns: int = COLUMNS) -> list[str]:
    """The parts as a table with a bar for each loss; nothing without any."""
    if not curve:
        return []
    measured = list(dict.fromkeys(name for part in curve for name in part if name.startswith("validation_")))
    most = max((part["loss"] for part in curve if part["loss"] is not None), default=0.0)
    rows = [
        [
            f"{part['step']:,}",
            "" if part["epoch"] is None else f"{part['epoch']:.2f}",
            _figure(part["loss"]),
            *(_figure(part.get(name)) for name in measured),
            _bar(part["loss"], most),
        ]
        for part in curve
    ]
    header = ["to step", "epoch", "loss", *(name.replace("_", " ") for name in measured), ""]
    return table(header, rows, left=0, columns=columns, prose=True).splitlines()


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _bar(loss: float | None, most: float) -> str:
    if loss is None or most <= 0 or not math.isfinite(loss):
        return ""
    return "█" * max(1, round(20 * loss / most))
