"""An ablation's table and the lines under it, from the figures of `synthgen.operations.ablate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthgen.core.text import UNLIMITED, percent, points, table


def ablation_table(figures: Mapping[str, Any], columns: int = UNLIMITED) -> str:
    """The figures of `ablate` side by side, and what they rest on."""
    several = len({entry["student"] for entry in figures["variants"]}) > 1
    title = "accuracy" if figures["metric"] == "exact_match" else str(figures["metric"]).replace("_", " ")
    header = [
        "variant",
        *(["student"] if several else []),
        "rows before",
        "rows trained",
        title,
        "95% interval",
        "vs full",
        "95% interval",
    ]
    lines = []
    for entry in figures["variants"]:
        low, high = entry["interval"]
        versus = entry.get("vs_full")
        cells = [
            entry["variant"],
            *([entry["student"]] if several else []),
            f"{entry['rows_before_matching']:,}",
            f"{entry['rows_trained']:,}",
            percent(entry["score"]),
            f"{100 * low:.1f}–{100 * high:.1f}",
        ]
        lines.append(
            [
                *cells,
                points(versus["value"]) if versus else "–",
                f"{points(versus['interval'][0])} to {points(versus['interval'][1])}" if versus else "–",
            ]
        )
    notes = [
        "",
        f"{figures['test_rows']:,} test rows, the same for all; a negative difference is what the rule "
        "or stage was worth, in points",
    ]
    if figures["test_rows_left_out"]:
        notes.append(
            f"{figures['test_rows_left_out']:,} test rows were among some variant's training rows and "
            "are left out for all"
        )
    unclear = [
        entry["variant"]
        for entry in figures["variants"]
        if "vs_full" in entry and entry["vs_full"]["interval"][0] <= 0 <= entry["vs_full"]["interval"][1]
    ]
    if unclear:
        notes.append(f"no difference that these test rows can show: {', '.join(dict.fromkeys(unclear))}")
    seeds = [entry["seeds"] for entry in figures["variants"] if "seeds" in entry]
    notes.append(
        "students were trained on equally many rows; intervals are 95% over "
        + (
            f"test rows and the {max(seeds)} seeds that each was trained with"
            if seeds
            else "test rows (differences: paired); another training seed can move a score too: seeds: [0, 1, "
            "2] of the student's stage measures that"
        )
    )
    return table(header, lines, left=2 if several else 1, columns=columns) + "\n".join(["", *notes])
