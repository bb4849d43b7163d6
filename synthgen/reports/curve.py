"""A learning curve's table, the lines under it and its chart, from the figures of `operations.curve`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthgen.core.text import UNLIMITED, percent, points, table
from synthgen.reports.svg.lines import Point, line_chart


def _lines(figures: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    lines: dict[str, list[Mapping[str, Any]]] = {}
    for point in figures["points"]:
        lines.setdefault(point["curve"], []).append(point)
    return lines


def curve_table(figures: Mapping[str, Any], columns: int = UNLIMITED) -> str:
    """The figures of `curve` side by side, and what they rest on."""
    title = "accuracy" if figures["metric"] == "exact_match" else str(figures["metric"]).replace("_", " ")
    header = ["student", "share", "rows", title, "95% interval", "vs answers alone", "95% interval"]
    rows = []
    for name, line in _lines(figures).items():
        for point in line:
            low, high = point["interval"]
            versus = point.get("vs_answers")
            rows.append(
                [
                    name,
                    f"{point['share']:g}%",
                    f"{point['rows']:,}",
                    percent(point["value"]),
                    f"{100 * low:.1f}–{100 * high:.1f}",
                    points(versus["value"]) if versus else "–",
                    f"{points(versus['interval'][0])} to {points(versus['interval'][1])}" if versus else "–",
                ]
            )
    seeds = max(point["seeds"] for point in figures["points"])
    notes = ["", *_as_good(figures)]
    if figures["teacher"] is not None:
        notes.append(f"the teacher: {percent(figures['teacher'])}")
    notes.append(
        f"{figures['test_rows']:,} test rows, the same for all; a larger share holds the rows of a smaller "
        "one; epochs are the same, so fewer rows are fewer steps"
    )
    if figures["test_rows_left_out"]:
        notes.append(
            f"{figures['test_rows_left_out']:,} test rows were among some training rows and are left out"
        )
    notes.append(
        f"intervals are 95% over test rows and {seeds} seeds"
        if seeds > 1
        else "intervals are 95% over test rows; another training seed can move a score too: seeds: [0, 1, 2] "
        "of the student's stage measures that"
    )
    return table(header, rows, columns=columns) + "\n".join(["", *notes])


def _as_good(figures: Mapping[str, Any]) -> list[str]:
    """For each student with and without rationales: the share from which on it beats all rows without."""
    lines, found = _lines(figures), []
    for name, line in lines.items():
        if "answers" not in line[-1]:
            continue
        whole = lines[line[-1]["answers"]][-1]
        enough = next((point for point in line if point["value"] >= whole["value"]), None)
        found.append(
            f"{name}: {enough['share']:g}% of the rows ({enough['rows']:,}) give {percent(enough['value'])}, "
            f"as much as all {whole['rows']:,} without rationales ({percent(whole['value'])})"
            if enough is not None
            else f"{name}: no share reaches what all {whole['rows']:,} rows give without rationales "
            f"({percent(whole['value'])})"
        )
    return found


def curve_chart(figures: Mapping[str, Any]) -> str:
    """The scores by rows, a line each; the teacher's is level."""
    lines = [
        (name, [Point(point["rows"], point["value"], *point["interval"]) for point in line])
        for name, line in _lines(figures).items()
    ]
    if (teacher := figures["teacher"]) is not None:
        ends = [min(point["rows"] for point in figures["points"]), max(p["rows"] for p in figures["points"])]
        lines.append(("teacher", [Point(rows, teacher, teacher, teacher) for rows in ends]))
    return line_chart(lines, "training rows", str(figures["metric"]).replace("_", " "))
