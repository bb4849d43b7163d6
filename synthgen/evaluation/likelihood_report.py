"""Likelihoods of held-out texts side by side: figures for `metrics.json`, and a table of its own.

They are no scores: less is better, and a model that finds texts likely need not answer rightly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

from synthgen.core.text import amount, table
from synthgen.evaluation.held_out import TextLikelihood, told_rows
from synthgen.evaluation.intervals import Interval
from synthgen.evaluation.local import Local
from synthgen.evaluation.ratio_intervals import ratio_interval

_DASH = "–"
Of = Callable[[TextLikelihood], float]


def likelihood_figures(
    locals_: Sequence[Local],
    measured: Mapping[str, Sequence[TextLikelihood]],
    completion: str,
    teacher: str,
    trained_on: int,
) -> dict[str, Any]:
    """What is known of all models' likelihoods, as plain JSON.

    All are over the rows that every model could be measured on. Differences a token are given where both
    models cut the rows into the same tokens.

    Args:
        locals_: the models.
        measured: name -> each row's sums.
        completion: what of a row is its text.
        teacher: whom models are compared with; "" for nobody.
        trained_on: how many of the rows are among the training rows.
    """
    names = [local.name for local in locals_]
    rows = list(zip(*(measured[name] for name in names), strict=True))
    fit = [row for row in rows if not any(one.unfit for one in row)]
    columns = dict(zip(names, (list(column) for column in zip(*fit, strict=True)), strict=False))
    figures: dict[str, Any] = {
        "completion": completion,
        "in": len(rows),
        "rows": len(fit),
        "unfit": {name: unfit for name in names if (unfit := told_rows(measured[name]))},
    }
    if trained_on:
        figures["trained_on"] = trained_on
    if teacher:
        figures["teacher"] = teacher
    if not fit:
        return {**figures, "models": {}, "differences": []}
    figures["models"] = {name: _of_model(column) for name, column in columns.items()}
    bases = {local.name: local.base for local in locals_ if local.base in columns}
    pairs = [(name, str(base)) for name, base in bases.items()]
    students = [local.name for local in locals_ if local.role == "student"]
    pairs += combinations(students, 2)
    figures["differences"] = [
        {"model": one, "than": other, **_apart(columns[one], columns[other])} for one, other in pairs
    ]
    return figures


def _of_model(column: Sequence[TextLikelihood]) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "tokens": sum(one.tokens for one in column),
        "bytes": sum(one.bytes for one in column),
        "nll_per_token": _ratio(column, lambda one: one.nll, lambda one: one.tokens),
        "nll_per_byte": _ratio(column, lambda one: one.nll, lambda one: one.bytes),
    }
    told = [one for one in column if one.kl is not None]
    if told:
        figures["kl_per_token"] = {
            **_ratio(told, lambda one: one.kl or 0.0, lambda one: one.tokens),
            "rows": len(told),
        }
    return figures


def _ratio(column: Sequence[TextLikelihood], amount: Of, size: Of) -> dict[str, Any]:
    found = ratio_interval([amount(one) for one in column], [size(one) for one in column])
    low = max(0.0, found.low) if math.isfinite(found.low) else found.low  # neither is ever below 0
    return Interval(found.value, low, found.high).figures()


def _apart(mine: Sequence[TextLikelihood], theirs: Sequence[TextLikelihood]) -> dict[str, Any]:
    apart = [one.nll - other.nll for one, other in zip(mine, theirs, strict=True)]
    figures = {"nll_per_byte": ratio_interval(apart, [one.bytes for one in mine]).figures()}
    if all(one.tokens == other.tokens for one, other in zip(mine, theirs, strict=True)):
        figures["nll_per_token"] = ratio_interval(apart, [one.tokens for one in mine]).figures()
    told = [(one, other) for one, other in zip(mine, theirs, strict=True) if None not in (one.kl, other.kl)]
    if told and "nll_per_token" in figures:
        further = [(one.kl or 0.0) - (other.kl or 0.0) for one, other in told]
        figures["kl_per_token"] = ratio_interval(further, [one.tokens for one, _ in told]).figures()
    return figures


def likelihood_lines(report: Mapping[str, Any]) -> list[str]:
    """A table of likelihoods and the lines under it; none where none were measured."""
    figures = report.get("likelihood")
    if not figures:
        return []
    if not figures["rows"]:
        return ["", *_nothing_measured(figures)]
    columns = [("nll_per_token", "NLL a token"), ("nll_per_byte", "NLL a byte")]
    if any("kl_per_token" in one for one in figures["models"].values()):
        columns.append(("kl_per_token", f"KL to {figures['teacher']} a token"))
    header = ["held-out text"]
    for _, title in columns:
        header += [title, "95% interval"]
    rows = [
        [name, *(cell for column, _ in columns for cell in _cells(one.get(column)))]
        for name, one in figures["models"].items()
    ]
    lines = ["", table(header, rows, breaks=range(1, len(header), 2))] if rows else [""]
    lines.append(
        f"nats over {figures['rows']:,} held-out rows as {figures['completion']}: lower is better; "
        "intervals are over rows (Student's t of a ratio)"
    )
    lines += _unmeasured(figures)
    if figures.get("trained_on"):
        lines.append(
            f"WARNING: {figures['trained_on']:,} held-out rows were trained on: their likelihood says nothing"
        )
    for pair in figures["differences"]:
        column = "nll_per_token" if "nll_per_token" in pair else "nll_per_byte"
        unit = "token" if column == "nll_per_token" else "byte"
        low, high = pair[column]["interval"]
        chance = ", which may be chance" if low is None or low <= 0 <= high else ""
        lines.append(
            f"{pair['model']} against {pair['than']}: {pair[column]['value']:+.4f} nats a {unit} "
            f"({_end(low)} to {_end(high)}){chance}"
        )
    return lines


def _nothing_measured(figures: Mapping[str, Any]) -> list[str]:
    return [
        f"WARNING: no likelihood was measured: no held-out row holds a text as {figures['completion']} for "
        "all models; likelihood: {rows: <stage>} names other rows",
        *_unmeasured(figures),
    ]


def _unmeasured(figures: Mapping[str, Any]) -> list[str]:
    """How many rows of each model could not be measured, and why."""
    lines = []
    for name, unfit in figures["unfit"].items():
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in unfit.items())
        lines.append(f"{name}: {amount(sum(unfit.values()), 'row')} could not be measured ({reasons})")
    return lines


def _cells(measured: Mapping[str, Any] | None) -> list[str]:
    if measured is None:
        return [_DASH, _DASH]
    low, high = measured["interval"]
    if low is None:
        return [f"{measured['value']:.4f}", _DASH]
    return [f"{measured['value']:.4f}", f"{low:.4f}–{high:.4f}"]


def _end(value: float | None) -> str:
    return "any" if value is None else f"{value:+.4f}"
