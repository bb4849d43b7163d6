"""Scores of one training with several seeds: means with intervals over rows and seeds together.

Another seed gives another student, so an interval over rows alone says only how that one student would do on
other rows. Here seeds are drawn as rows are: the variances of both are added, and Student's t has the degrees
of freedom that such a sum leaves (Satterthwaite 1946).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from synthgen.evaluation.intervals import (
    CONFIDENCE,
    Interval,
    mean_interval,
    paired_difference,
    two_sided,
)

_AS_GOOD_AS_NORMAL = 2_000  # degrees of freedom
_STEPS = 200  # of Simpson's rule; an even number

Scores = Sequence[Sequence[float]]
"""[seeds][rows], from 0 to 1: each trained student's scores on the same rows."""


class _Part(NamedTuple):
    """What one source adds to a variance, and the degrees of freedom that it was estimated with."""

    variance: float
    freedom: int


def mean_over_seeds(scores: Scores) -> Interval:
    """The mean score of students that differ by their seed alone.

    Raises:
        ValueError: fewer than two seeds, or other rows for one of them.
    """
    _require(scores)
    rows = [statistics.fmean(column) for column in zip(*scores, strict=True)]
    interval = _interval(statistics.fmean(rows), [_of(rows), _of([statistics.fmean(one) for one in scores])])
    if (
        interval.low == interval.high
    ):  # as where no answer is right: a few rows do not prove that none ever is
        return mean_interval(scores[0])
    return Interval(interval.value, max(0.0, interval.low), min(1.0, interval.high))


def difference_over_seeds(
    scores: Scores, others: Scores, confidence: float = CONFIDENCE, paired: bool = False
) -> Interval:
    """mean(scores) - mean(others) over the same rows.

    Args:
        scores: of students that differ by their seed alone.
        others: of such students too; or one line, of a model that no seed would change (a base, a teacher).
        confidence: how often the interval holds the true difference.
        paired: whether both have the same seeds, in the same order. The same first weights and the same
            order of rows make two students alike, so their difference scatters less than the two do.

    Raises:
        ValueError: fewer than two seeds for `scores`, or other rows for one of them.
    """
    _require(scores)
    if not others or any(len(one) != len(scores[0]) for one in others):
        raise ValueError("a difference over seeds needs the same rows for all")
    mine = [statistics.fmean(column) for column in zip(*scores, strict=True)]
    theirs = [statistics.fmean(column) for column in zip(*others, strict=True)]
    rows = [one - other for one, other in zip(mine, theirs, strict=True)]
    means = [statistics.fmean(one) for one in scores]
    other_means = [statistics.fmean(one) for one in others]
    if paired:
        apart = [one - other for one, other in zip(means, other_means, strict=True)]
        parts = [_of(rows), _of(apart)]
    else:
        parts = [_of(rows), _of(means)]
        if len(others) > 1:
            parts.append(_of(other_means))
    interval = _interval(statistics.fmean(rows), parts, confidence)
    if interval.low == interval.high:
        return paired_difference(scores[0], others[0], confidence=confidence)
    return Interval(interval.value, max(-1.0, interval.low), min(1.0, interval.high))


def _require(scores: Scores) -> None:
    if len(scores) < 2 or not scores[0] or any(len(one) != len(scores[0]) for one in scores):
        raise ValueError("an interval over seeds needs two seeds at the least, with the same rows for all")


def _of(values: Sequence[float]) -> _Part:
    """What values add to the variance of their mean."""
    if len(values) < 2:
        return _Part(math.inf, 1)
    return _Part(statistics.variance(values) / len(values), len(values) - 1)


def _interval(value: float, parts: Sequence[_Part], confidence: float = CONFIDENCE) -> Interval:
    variance = math.fsum(part.variance for part in parts)
    if variance == 0:
        return Interval(value, value, value)
    if not math.isfinite(variance):
        return Interval(value, -math.inf, math.inf)
    freedom = variance**2 / math.fsum(part.variance**2 / part.freedom for part in parts)
    half = t_point(freedom, confidence) * math.sqrt(variance)
    return Interval(value, value - half, value + half)


def t_point(freedom: float, confidence: float = CONFIDENCE) -> float:
    """The point of Student's t between whose negative and itself `confidence` of it lies, within 0.01%.

    With t = sqrt(freedom) * tan(angle), its density is cos(angle) ** (freedom - 1) over a constant: the angle
    is halved to where so much of the mass lies within it.
    """
    if freedom > _AS_GOOD_AS_NORMAL:
        return two_sided(confidence)
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) * 2 / math.sqrt(math.pi)

    def within(angle: float) -> float:
        step = angle / _STEPS
        inner = math.fsum(
            (4 if place % 2 else 2) * math.cos(place * step) ** (freedom - 1) for place in range(1, _STEPS)
        )
        return float(scale * step / 3 * (1 + inner + math.cos(angle) ** (freedom - 1)))

    low, high = 0.0, math.pi / 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) < confidence else (low, middle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)
