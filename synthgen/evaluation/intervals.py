"""How sure a score is: intervals for a share, a mean and a paired difference that hold for few rows too."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

CONFIDENCE = 0.95
RESAMPLES = 10_000
_CELLS = 1 << 22  # numbers drawn at a time
_ENUMERATED = 12  # up to so many rows all subsets are taken, beyond it RESAMPLES of them
_MANY = 1_000  # rows from which the mean is as good as normally distributed


@dataclass(frozen=True)
class Interval:
    """A value with its interval."""

    value: float
    low: float
    high: float

    def plain(self) -> list[float | None]:
        """[low, high], to six decimals; None for an end that is not bounded."""
        return [round(end, 6) if math.isfinite(end) else None for end in (self.low, self.high)]

    def figures(self) -> dict[str, Any]:
        """Value and interval, as `metrics.json` has them."""
        return {"value": round(self.value, 6), "interval": self.plain()}


def two_sided(confidence: float) -> float:
    """The point of the standard normal between whose negative and itself `confidence` of it lies."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(right: float, total: int, confidence: float = CONFIDENCE) -> Interval:
    """The share right/total with Wilson's score interval (Wilson 1927), which is honest at 0 and 1 too."""
    if total <= 0:
        return Interval(math.nan, 0.0, 1.0)
    share, z = right / total, two_sided(confidence)
    z2 = z * z
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = z / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    low = 0.0 if right == 0 else max(0.0, middle - half)
    high = 1.0 if right == total else min(1.0, middle + half)
    return Interval(share, low, high)


def mean_interval(values: Sequence[float], seed: int = 0, confidence: float = CONFIDENCE) -> Interval:
    """The mean of grades from 0 to 1, with Hartigan's interval; where all are equal, with Wilson's.

    The same seed gives the same bytes.
    """
    if not len(values):
        return Interval(math.nan, 0.0, 1.0)
    mean = math.fsum(values) / len(values)
    if min(values) == max(values):
        return wilson(mean * len(values), len(values), confidence)
    low, high = _typical_values(values, seed, confidence)
    return Interval(mean, max(0.0, low), min(1.0, high))


def score_interval(scores: Sequence[float], share: bool, confidence: float = CONFIDENCE) -> Interval:
    """The mean of scores, by `wilson` where they are a share of right and wrong, else by `mean_interval`."""
    if share:
        return wilson(round(sum(scores)), len(scores), confidence)
    return mean_interval(scores, confidence=confidence)


def paired_difference(
    scores: Sequence[float], others: Sequence[float], seed: int = 0, confidence: float = CONFIDENCE
) -> Interval:
    """mean(scores) - mean(others) over the same rows, with an interval that leaves out 0 only by right.

    Of rows that are right or wrong: Tango's score interval (1998), widened to 0 where McNemar's exact test
    does not reject equality. Of grades: Hartigan's typical values (1969), which are exact where differences
    scatter evenly around their mean. So at most 5% of models that are equal are called different at a
    confidence of 95%, also for five rows.

    Args:
        scores: from 0 to 1, of the one model, a row each.
        others: of the other model, on the same rows.
        seed: of the resampling of grades.
        confidence: how often the interval holds the true difference, above 0 and below 1.

    Returns:
        The difference.

    Raises:
        ValueError: the two are not over the same rows.
    """
    if len(scores) != len(others):
        raise ValueError("a paired difference needs the two models' scores on the same rows")
    differences = [one - other for one, other in zip(scores, others, strict=True)]
    if not differences:
        return Interval(math.nan, -1.0, 1.0)
    mean = math.fsum(differences) / len(differences)
    if all(difference in (-1, 0, 1) for difference in differences):
        won, lost = differences.count(1), differences.count(-1)
        low, high = _tango(won, lost, len(differences), two_sided(confidence))
        if mcnemar(won, lost) > 1 - confidence:
            low, high = min(low, 0.0), max(high, 0.0)
        return Interval(mean, low, high)
    low, high = _typical_values(differences, seed, confidence)
    return Interval(mean, max(-1.0, low), min(1.0, high))


def share_of_gap(
    scores: Sequence[float], base: Sequence[float], teacher: Sequence[float], seed: int = 0
) -> Interval | None:
    """(scores - base) / (teacher - base), 1 for the whole gap, with a paired bootstrap interval (Efron 1979).

    None where the teacher is not above the base by more than chance: a share of nothing means nothing. An end
    of the interval is infinite where draws without a gap reach it.
    """
    import numpy as np

    if paired_difference(teacher, base, seed).low <= 0:
        return None
    gains = np.asarray(scores, dtype=np.float64) - np.asarray(base, dtype=np.float64)
    gaps = np.asarray(teacher, dtype=np.float64) - np.asarray(base, dtype=np.float64)
    pairs, counts = np.unique(np.stack([gains, gaps], axis=1), axis=0, return_counts=True)
    rng = np.random.Generator(np.random.PCG64(seed))
    total, step = len(gains), max(1, _CELLS // len(pairs))
    shares: list[float] = []
    for start in range(0, RESAMPLES, step):
        drawn = rng.multinomial(total, counts / total, size=min(step, RESAMPLES - start))
        gained, gap = (drawn @ pairs).T
        there = gap > 1e-9
        # A draw without a gap stands at the end to which its gain points.
        ends = np.where(gained > 0, np.inf, -np.inf)
        shares += np.where(there, gained / np.where(there, gap, 1), ends).tolist()
    low, high = np.quantile(shares, [0.025, 0.975], method="nearest")
    return Interval(float(gains.sum() / gaps.sum()), float(low), float(high))


def retention(
    scores: Sequence[float], teacher: Sequence[float], seed: int = 0, confidence: float = CONFIDENCE
) -> Interval | None:
    """mean(scores) / mean(teacher) over the same rows, with a paired bootstrap interval (Efron 1979).

    None where the teacher has no score above 0. An end is infinite where draws have none.
    """
    import numpy as np

    ours, theirs = np.asarray(scores, dtype=np.float64), np.asarray(teacher, dtype=np.float64)
    if not len(ours) or theirs.sum() <= 0:
        return None
    pairs, counts = np.unique(np.stack([ours, theirs], axis=1), axis=0, return_counts=True)
    rng = np.random.Generator(np.random.PCG64(seed))
    total, step = len(ours), max(1, _CELLS // len(pairs))
    shares: list[float] = []
    for start in range(0, RESAMPLES, step):
        drawn = rng.multinomial(total, counts / total, size=min(step, RESAMPLES - start))
        mine, above = (drawn @ pairs).T
        shares += np.where(above > 0, mine / np.where(above > 0, above, 1), np.inf).tolist()
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(shares, ends, method="nearest")
    return Interval(float(ours.sum() / theirs.sum()), float(low), float(high))


def _typical_values(values: Sequence[float], seed: int, confidence: float) -> tuple[float, float]:
    """Hartigan's limits: of the means of random subsets, as many lie below the first as above the second.

    Infinite where there are too few rows to say; the normal distribution's for more than a thousand.
    """
    import numpy as np

    array = np.asarray(values, dtype=np.float64)
    if len(array) > _MANY:
        half = two_sided(confidence) * float(array.std(ddof=1)) / math.sqrt(len(array))
        return float(array.mean()) - half, float(array.mean()) + half
    if len(array) <= _ENUMERATED:
        masks = np.arange(1, 1 << len(array))
        members = masks[:, None] >> np.arange(len(array)) & 1
    else:
        rng = np.random.Generator(np.random.PCG64(seed))
        members = rng.integers(0, 2, size=(RESAMPLES, len(array)), dtype=np.uint8)
        members = members[members.any(axis=1)]
    means = members @ array / members.sum(axis=1)
    means.sort()
    # The 2^n - 1 means cut the line into 2^n parts, each of which holds the true mean equally often.
    beyond = int((1 - confidence) / 2 * (len(means) + 1) + 1e-9)
    return (float(means[beyond - 1]), float(means[-beyond])) if beyond else (-math.inf, math.inf)


def mcnemar(won: int, lost: int) -> float:
    """The two-sided p of McNemar's exact test: how often equal models part as far as these."""
    parted, fewer = won + lost, min(won, lost)
    if won == lost:
        return 1.0
    log_all = parted * math.log(2)
    tail = math.fsum(
        math.exp(math.lgamma(parted + 1) - math.lgamma(k + 1) - math.lgamma(parted - k + 1) - log_all)
        for k in range(fewer + 1)
    )
    return min(1.0, 2 * tail)


def _tango(won: int, lost: int, total: int, z: float) -> tuple[float, float]:
    """Tango's score interval of (won - lost) / total: differences that the counts do not contradict."""

    def deviation(difference: float) -> float:
        variance = total * tango_variance(won / total, lost / total, difference)
        return (won - lost - total * difference) / math.sqrt(max(variance, 1e-300))

    seen = (won - lost) / total
    low = -1.0 if lost == total else falls_to(deviation, z, -1.0, seen)
    high = 1.0 if won == total else falls_to(deviation, -z, seen, 1.0)
    return low, high


def tango_variance(won: float, lost: float, difference: float) -> float:
    """The variance of a row's difference, were the true mean difference the given one (Tango 1998).

    Args:
        won: the share of rows on which only the one model is right.
        lost: the share of rows on which only the other is.
        difference: from -1 to 1.
    """
    b = -won - lost + (2 - won + lost) * difference
    c = -lost * difference * (1 - difference)
    lost_then = (math.sqrt(max(0.0, b * b - 8 * c)) - b) / 4
    return max(0.0, 2 * lost_then + difference * (1 - difference))


def falls_to(deviation: Callable[[float], float], level: float, low: float, high: float) -> float:
    """Where a falling function has a level, by halving."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if deviation(middle) > level else (low, middle)
    return (low + high) / 2
