"""How many test rows decide whether a student lies above a margin below its teacher."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from statistics import NormalDist

from synthgen.evaluation.intervals import tango_variance, two_sided

MOST = 10_000_000
"""Above so many rows, no test decides."""


def rows_for_shares(won: float, lost: float, margin: float, confidence: float, power: float) -> int | None:
    """Rows after which Tango's interval lies on one side of −margin, in `power` of tests.

    Args:
        won: the share of rows on which only the student is right.
        lost: the share of rows on which only the teacher is.
        margin: by how much the student may be below, from 0 to 1.
        confidence: of the two-sided interval.
        power: how often the test is to decide.

    Returns:
        The rows; None where the difference is the margin itself, or more than `MOST` would be needed.
    """
    difference = won - lost
    distance = abs(difference + margin)
    at_margin = tango_variance(won, lost, -margin)
    as_seen = won + lost - difference**2
    return _rows(distance, math.sqrt(at_margin), math.sqrt(max(0.0, as_seen)), confidence, power)


def rows_for_grades(
    differences: Sequence[float], seeds: Sequence[float], margin: float, confidence: float, power: float
) -> int | None:
    """The same for grades, and for students of several seeds.

    Args:
        differences: student − teacher, a row each; for several seeds of the mean student.
        seeds: each seed's mean score; more test rows do not lower how these scatter.
        margin: by how much the student may be below, from 0 to 1.
        confidence: of the two-sided interval.
        power: how often the test is to decide.

    Returns:
        The rows; None where more rows do not decide: the seeds scatter too much, or the difference is the
        margin itself.
    """
    if len(differences) < 2:
        return None
    distance = abs(statistics.fmean(differences) + margin)
    spread = statistics.stdev(differences)
    if len(seeds) < 2:
        return _rows(distance, spread, spread, confidence, power)
    wanted = (distance / (two_sided(confidence) + NormalDist().inv_cdf(power))) ** 2
    left = wanted - statistics.variance(seeds) / len(seeds)
    if left <= 0 or spread**2 / left > MOST:
        return None
    return max(1, math.ceil(spread**2 / left))


def _rows(distance: float, at_margin: float, as_seen: float, confidence: float, power: float) -> int | None:
    """The usual size of a test: both deviations, each at its normal point, have room in the distance."""
    reach = two_sided(confidence) * at_margin + NormalDist().inv_cdf(power) * as_seen
    if distance * math.sqrt(MOST) < reach or distance == 0:
        return None
    return max(1, math.ceil((reach / distance) ** 2))
