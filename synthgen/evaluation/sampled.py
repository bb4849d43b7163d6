"""Figures of models that gave several sampled answers to each question: pass@k and majority@k."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

from synthgen.answers.equality import normalise_answer
from synthgen.evaluation.intervals import mean_interval, wilson


class Answered(Protocol):
    """What is read of an answer."""

    @property
    def parsed(self) -> str | None:
        """The final answer; None where none was marked."""


def sampled_figures(
    draws: Sequence[Sequence[Answered]], scores: Sequence[Sequence[float | None]], metric: Any
) -> dict[str, Any]:
    """pass@k for k in powers of two, majority@n, and how far single draws lie apart.

    Args:
        draws: [draws][rows], the answers.
        scores: [draws][rows], what each is worth; None without a reference.
        metric: pass and majority are about metrics of right and wrong final answers alone.

    Returns:
        Name -> figure, as `metrics.json` has them; nothing of a model that was not sampled.
    """
    rows = [
        (answers, [score for score in of_row if score is not None])
        for answers, of_row in zip(zip(*draws, strict=True), zip(*scores, strict=True), strict=True)
        if None not in of_row
    ]
    if not rows:
        return {}
    number = len(draws)
    means = [sum(one) / len(rows) for one in zip(*(of_row for _, of_row in rows), strict=True)]
    figures: dict[str, Any] = {"draws": {"lowest": round(min(means), 6), "highest": round(max(means), 6)}}
    if not (metric.SHARE and getattr(metric, "COMPARES_ANSWERS", False)):
        return figures
    right = [round(sum(of_row)) for _, of_row in rows]
    sizes = sorted({1 << power for power in range(number.bit_length()) if 1 << power <= number} | {number})
    figures["pass"] = {
        str(size): mean_interval([pass_at(size, number, one) for one in right]).figures() for size in sizes
    }
    voted = [of_row[place] if (place := majority(answers)) is not None else 0.0 for answers, of_row in rows]
    figures["majority"] = wilson(sum(voted), len(voted)).figures()
    return figures


def pass_at(k: int, drawn: int, right: int) -> float:
    """How likely one of k answers is right where `right` of `drawn` are (Chen et al. 2021, 2107.03374)."""
    if drawn - right < k:
        return 1.0
    return 1.0 - math.comb(drawn - right, k) / math.comb(drawn, k)


def majority(answers: Sequence[Answered]) -> int | None:
    """The place of the answer that most draws gave (Wang et al. 2022, 2203.11171); of equals, the first.

    None where no draw has one that can be read.
    """
    counts: dict[str, int] = {}
    first: dict[str, int] = {}
    for place, answer in enumerate(answers):
        if answer.parsed is not None:
            form = normalise_answer(answer.parsed)
            counts[form] = counts.get(form, 0) + 1
            first.setdefault(form, place)
    return first[max(counts, key=lambda form: (counts[form], -first[form]))] if counts else None
