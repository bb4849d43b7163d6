"""All that an evaluation says beside its tables: what the figures rest on, and every caveat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from synthgen.evaluation.likelihood_report import likelihood_lines
from synthgen.evaluation.pairwise_report import comparison_remarks
from synthgen.evaluation.panel.forgetting import panel_lines
from synthgen.evaluation.prompt_fit import prompt_lines
from synthgen.evaluation.scoreboard import score_remarks
from synthgen.evaluation.slices import slice_lines

UNREADABLE = (
    "some remarks are missing here: the figures are of a version of synthgen that wrote them otherwise; what "
    "the console printed has them"
)


def remarks(report: Mapping[str, Any]) -> list[str]:
    """The sentences under the tables of an evaluation, from `metrics.json`, in the order of the console."""
    models = report["models"].values()
    scored = [name for name in report["metrics"] if any(name in figures for figures in models)]
    lines: list[str] = []
    missing = False
    parts: tuple[Callable[[Mapping[str, Any]], list[str]], ...] = (
        lambda told: score_remarks(told, scored),
        likelihood_lines,
        prompt_lines,
        comparison_remarks,
        lambda told: slice_lines(told.get("slices", {})),
        panel_lines,
    )
    for part in parts:
        try:
            lines += part(report)
        except (KeyError, TypeError):
            missing = True
    # Tables are one text of several lines.
    said = [line for line in lines if line and "\n" not in line]
    return [*said, UNREADABLE] if missing else said
