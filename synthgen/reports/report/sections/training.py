"""How each student learned: loss and validation by step, and what the training took."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthgen.core.errors import SynthgenError
from synthgen.reports.report.blocks import Block, Chart, Table
from synthgen.reports.report.facts import RunFacts
from synthgen.reports.report.figures import count, figure, memory, plain, time
from synthgen.reports.run_folder import PublishedStage
from synthgen.reports.svg.axes import Axis, share_axis, value_axis
from synthgen.reports.svg.lines import Point, exact, line_chart
from synthgen.store.jsonl import read_log

POINTS = 150
"""Of a line: a longer one is drawn by the means of so many stretches."""
LAST = 20
"""The loss at the end is the mean of so many steps."""
BESIDE = frozenset(
    ("step", "epoch", "tokens", "learning_rate", "gradient_norm", "entropy", "loss", "token_accuracy")
)
"""What is in the log of a training and no measurement of its own."""
Curve = list[tuple[float, float]]


def training(facts: RunFacts) -> list[Block]:
    """Curves of all students side by side, and a table."""
    curves = {stage.id: read_curves(stage) for stage in facts.students}
    names = list(dict.fromkeys(["loss", *(name for of_stage in curves.values() for name in of_stage)]))
    blocks: list[Block] = []
    for name in names:
        lines = [(stage, curve) for stage, of_stage in curves.items() if (curve := of_stage.get(name))]
        if not lines:
            continue
        axis = share_axis_of if _is_share(name, lines) else value_axis
        drawn: list[tuple[str, list[Point]]] = [(stage, _thinned(curve)) for stage, curve in lines]
        title = name.replace("_", " ") if name != "loss" else "training loss"
        longest = max(len(curve) for _, curve in lines)
        means = f"; means of {-(-longest // POINTS):,} steps" if longest > POINTS else ""
        table = Table(["student", "first", "last", "lowest", "highest"], [_ends(*line) for line in lines])
        blocks.append(Chart(line_chart(drawn, "step", title, axis), f"{title} by step{means}", table))
    if facts.students:
        blocks.append(_table(facts.students, curves))
    return blocks


def read_curves(stage: PublishedStage) -> dict[str, Curve]:
    """The loss of the training and each figure that was measured beside it, by step."""
    curves: dict[str, Curve] = {}
    path = stage.folder / "metrics.jsonl"
    try:
        entries = list(read_log(path)) if path.is_file() else []
    except (OSError, SynthgenError):
        return {}
    for entry in entries:
        step = entry.get("step")
        if not isinstance(step, int | float):
            continue
        for name, value in entry.items():
            measured = "loss" in entry and name == "loss" or ("loss" not in entry and name not in BESIDE)
            if measured and isinstance(value, int | float) and math.isfinite(value):
                curves.setdefault(name, []).append((float(step), float(value)))
    return curves


def share_axis_of(values: Sequence[float]) -> Axis:
    """The axis of an accuracy."""
    return share_axis(min(values), max(values))


def _is_share(name: str, lines: Sequence[tuple[str, Curve]]) -> bool:
    return "loss" not in name and all(0 <= value <= 1 for _, curve in lines for _, value in curve)


def _thinned(curve: Curve) -> list[Point]:
    """At most `POINTS` points: the means of stretches of equally many steps."""
    every = max(1, -(-len(curve) // POINTS))
    stretches = [curve[start : start + every] for start in range(0, len(curve), every)]
    return [
        exact(stretch[-1][0], math.fsum(value for _, value in stretch) / len(stretch))
        for stretch in stretches
    ]


def _ends(stage: str, curve: Curve) -> list[str]:
    values = [value for _, value in curve]
    return [stage, *(plain(round(value, 6)) for value in (values[0], values[-1], min(values), max(values)))]


def _table(students: Sequence[PublishedStage], curves: Mapping[str, Mapping[str, Curve]]) -> Table:
    header = ["student", "learned", "weights", "rows", "steps", "tokens", "loss at the end", "best"]
    rows = []
    for stage in students:
        extra, file = stage.manifest.extra, f"{stage.id}/manifest.json"
        student, trained = extra.get("student", {}), extra.get("training", {})
        curve = curves[stage.id].get("loss", [])
        last = [value for _, value in curve[-LAST:]]
        rows.append(
            [
                stage.id,
                str(student.get("completion", "")).replace("_", " "),
                count(student.get("parameters"), [file, "extra", "student", "parameters"]),
                count(stage.manifest.counts.get("kept"), ["status", "stages", stage.id, "counts", "kept"]),
                count(trained.get("steps"), [file, "extra", "training", "steps"]),
                count(trained.get("tokens"), [file, "extra", "training", "tokens"]),
                figure(math.fsum(last) / len(last) if last else None, plain),
                "; ".join(_best(curves[stage.id])),
                time(stage.manifest.seconds, ["status", "stages", stage.id, "seconds"]),
                memory(stage),
            ]
        )
    return Table([*header, "time", "memory"], rows, text=2, prose=["best"])


def _best(curves: Mapping[str, Curve]) -> Iterator[str]:
    """The best of each measurement, and at which step."""
    for name, curve in curves.items():
        if name == "loss":
            continue
        best: Any = min if "loss" in name else max
        step, value = best(curve, key=lambda point: point[1])
        yield f"{name.replace('_', ' ')} {plain(round(value, 6))} at step {step:,.0f}"
