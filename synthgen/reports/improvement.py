"""An improvement's table and the lines under it, from the figures of `synthgen.operations.improve`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthgen.core.text import UNLIMITED, dollars, percent, points, table
from synthgen.reports.svg.lines import Point, line_chart


def improvement_table(figures: Mapping[str, Any], columns: int = UNLIMITED) -> str:
    """All rounds side by side: new rows, dollars, scores, and points per dollar."""
    paid = figures["usd"] is not None
    header = ["", "new rows", "spent" if paid else "questions", "validation", "test", "95% interval"]
    header += ["vs start", "95% interval", "gap recovered", "points per $" if paid else "points per 1,000"]
    lines = []
    spent = dict.fromkeys((entry["arm"] for entry in figures["rounds"]), 0.0)
    for entry in figures["rounds"]:
        arm = entry["arm"]
        spent[arm] += entry["usd"] if paid else sum(entry["asked"].values())
        name = f"{arm} {entry['round']}" if entry["round"] else "start"
        low, high = entry["test"]["interval"]
        cells = [
            name,
            f"{entry['new_rows']:,}" if entry["round"] else "–",
            (dollars(entry["usd"]) if paid else f"{sum(entry['asked'].values()):,}")
            if entry["round"]
            else "–",
            percent(entry["validation"]["value"]),
            percent(entry["test"]["value"]),
            f"{100 * low:.1f}–{100 * high:.1f}",
        ]
        if entry["round"]:
            gain, gap = entry["gain"], entry["gap_recovered"]
            unit = spent[arm] if paid else spent[arm] / 1000
            cells += [
                points(gain["value"]),
                f"{points(gain['interval'][0])} to {points(gain['interval'][1])}",
                percent(gap["value"]) if gap else "–",
                f"{100 * gain['value'] / unit:,.1f}" if unit else "–",
            ]
        else:
            cells += ["–"] * 4
        lines.append(cells)
    notes = ["", *_slices(figures, columns), ""]
    notes += [
        f"stopped: {figures['stopped']}" if figures["stopped"] else "not finished",
        f"slices were chosen on {figures['validation_rows']:,} validation rows; the scores are of "
        f"{figures['test_rows']:,} test rows, of which the teacher has {percent(figures['teacher'])}",
    ]
    if "against_uniform" in figures:
        ratio, each = figures["against_uniform"], "dollar" if paid else "question"
        notes.append(
            f"a {each} gained {ratio['value']:.1f} times what it gained on all slices alike "
            f"({ratio['interval'][0]:.1f} to {ratio['interval'][1]:.1f})"
            if ratio
            else f"rows of all slices alike gained nothing that these test rows can show, so what a {each} "
            "gained cannot be compared"
        )
    notes.append(
        f"intervals are 95% over test rows and {figures['seeds']} seeds"
        if figures["seeds"] > 1
        else "intervals are 95% over test rows; another training seed can move a score too: seeds: [0, 1, 2] "
        "of the student's stage measures that"
    )
    return table(header, lines, columns=columns, breaks=[6]) + "\n".join(["", *notes])


def improvement_chart(figures: Mapping[str, Any]) -> str:
    """The test scores by what was spent, a line for each arm."""
    paid = figures["usd"] is not None
    start = figures["rounds"][0]["test"]
    arms = dict.fromkeys(entry["arm"] for entry in figures["rounds"][1:])
    lines = []
    for arm in arms:
        spent, line = 0.0, [Point(0.0, start["value"], *start["interval"])]
        for entry in figures["rounds"]:
            if entry["arm"] == arm:
                spent += entry["usd"] if paid else sum(entry["asked"].values())
                line.append(Point(spent, entry["test"]["value"], *entry["test"]["interval"]))
        lines.append((arm, line))
    label = "dollars for new rows" if paid else "new questions"
    return line_chart(lines, label, str(figures["metric"]).replace("_", " "))


def _spent(entry: Mapping[str, Any], paid: bool) -> str:
    if not entry["round"]:
        return "–"
    return dollars(entry["usd"]) if paid else f"{sum(entry['asked'].values()):,}"


def _slices(figures: Mapping[str, Any], columns: int) -> list[str]:
    """A table of the validation rows: each slice's score in each round, and what was asked for there."""
    rounds = figures["rounds"]
    names = sorted({name for entry in rounds for name in entry["slices"]})
    header = [figures["by"], "rows", *(f"{e['arm']} {e['round']}" if e["round"] else "start" for e in rounds)]
    lines = []
    for name in names:
        cells = [name, f"{next(e['slices'][name]['rows'] for e in rounds if name in e['slices']):,}"]
        for entry in rounds:
            found, asked = entry["slices"].get(name), entry["asked"].get(name)
            more = f" (+{asked:,})" if asked else ""
            cells.append(f"{percent(found['score'])}{more}" if found else "–")
        lines.append(cells)
    return [
        table(header, lines, columns=columns),
        "on validation rows; (+N): so many questions were asked for before it",
    ]
