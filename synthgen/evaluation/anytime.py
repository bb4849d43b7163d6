"""Whether scores have fallen since a baseline, by a test that holds however often it is looked at.

Two bets are made against each mean p from 0 to 1: that the baseline's mean is above p, and that the mean
since then is below it (capital processes, Waudby-Smith & Ramdas 2010.09686). Where nothing fell, some p lies
between the true means, and the product of its two capitals is an e-process: its expectation is at most 1 at
every stopping time (two samples by betting: Shekhar & Ramdas 2112.09162). So the smallest product over all p
is evidence, and it reaches 1/alpha at any look with a probability of at most alpha (Ville 1939). No
distribution is assumed but that scores lie from 0 to 1.

A fall that begins late is found by the mean of such processes that begin at each look, with weights that add
up to 1. Over several slices, Bonferroni's correction in its form for e-values with closed testing is used
(Vovk & Wang 2021, 1912.06116).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

SIZES = (0.0, 0.08, 0.17, 0.35)
"""What is bet, as the distance of a mean from p in standard deviations of right and wrong answers."""
WEIGHTS = (0.05, 0.25, 0.45, 0.25)
"""The share of the capital that is bet in each size.

A little is not bet at all and never lost, so that a p that lies beside both means does not decide.
"""
MOST = 0.95
"""The most that is bet of a capital: all would be lost by one answer."""
STRATA = 64
"""Parts of the line from 0 to 1 in each of which the bets are the same."""
CELLS = 256
"""Parts of the line between the two means in which the smallest product is looked for."""


def evidence(before: Sequence[float], looks: Sequence[Sequence[float]]) -> float:
    """How much speaks for a fall: an e-value, 1 for nothing and 1/alpha for an alarm.

    Args:
        before: the baseline's scores, from 0 to 1.
        looks: the scores of each look since then, in their order; a look may be empty.

    Returns:
        The mean, over the look at which the fall begins, of `fall`.
    """
    later = [fall(before, [score for look in looks[start:] for score in look]) for start in range(len(looks))]
    weights = [1 / (start * (start + 1)) for start in range(1, len(looks) + 1)]
    # Processes that have not begun are at 1.
    return math.fsum([*map(lambda weight, one: weight * one, weights, later), 1 / (len(looks) + 1)])


def fall(before: Sequence[float], since: Sequence[float]) -> float:
    """The evidence that scores since then have a lower mean than the baseline.

    Args:
        before: the baseline's scores.
        since: scores since then, all from one process that may be stopped at any time.

    Returns:
        A lower bound of the smallest product of the two capitals, tight to about a percent.
    """
    if not len(before) or not len(since):
        return 1.0
    high, low = math.fsum(before) / len(before), math.fsum(since) / len(since)
    if low >= high:
        return 0.0
    edges = np.unique(np.concatenate([_STRATA_EDGES, np.linspace(low, high, CELLS + 1)]))
    left, right = edges[:-1], edges[1:]
    stratum = np.searchsorted(_STRATA_EDGES, (left + right) / 2) - 1
    # Within a cell the first capital falls with p and the second rises, so that the product is at least that
    # of the first at the right end and the second at the left one.
    above = _capital(np.asarray(before, float), right, _BETS_ABOVE[:, stratum])
    below = _capital(1 - np.asarray(since, float), 1 - left, _BETS_BELOW[:, stratum])
    return float(np.exp(min(700.0, np.min(above + below))))


def _capital(scores: Any, means: Any, bets: Any) -> Any:
    """The log of the capital at the end: over `bets` by weight, prod(1 - bet + bet * score / mean)."""
    values, counts = np.unique(scores, return_counts=True)
    logs = np.log(WEIGHTS)[:, None] + np.zeros(bets.shape)
    for value, count in zip(values, counts, strict=True):
        logs += count * np.log1p(bets * (value / means - 1))
    top = logs.max(axis=0)
    return top + np.log(np.exp(logs - top).sum(axis=0))


def over_slices(found: Sequence[float]) -> list[float]:
    """Each slice's evidence, corrected for all of them: at most alpha for any false alarm at 1/alpha.

    The closed test whose e-value for a set of slices is the mean over it: a slice's is the smallest mean of a
    set that holds it (Vovk & Wang 2021, section 4).
    """
    corrected = []
    for number, one in enumerate(found):
        others = sorted(other for place, other in enumerate(found) if place != number)
        total, least = one, one
        for size, other in enumerate(others, 2):
            total += other
            least = min(least, total / size)
        corrected.append(least)
    return corrected


_STRATA_EDGES = np.sin(np.linspace(0, math.pi / 2, STRATA + 1)) ** 2
_MIDDLES = (_STRATA_EDGES[:-1] + _STRATA_EDGES[1:]) / 2
_ODDS = np.sqrt(_MIDDLES / (1 - _MIDDLES))
_BETS_ABOVE = np.minimum(MOST, np.outer(SIZES, _ODDS))
_BETS_BELOW = np.minimum(MOST, np.outer(SIZES, 1 / _ODDS))
