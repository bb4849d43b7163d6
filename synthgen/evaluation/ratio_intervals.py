"""Means a token or a byte over rows of unequal length: sums over sums, with intervals over the rows.

The ratio R of two sums has, by linearisation, the variance of the rows' residuals amount − R · size over the
mean size (Cochran, Sampling Techniques, section 6.4). The interval is Student's, with rows − 1 degrees of
freedom.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from synthgen.evaluation.intervals import CONFIDENCE, Interval
from synthgen.evaluation.seed_intervals import t_point


def ratio_interval(
    amounts: Sequence[float], sizes: Sequence[float], confidence: float = CONFIDENCE
) -> Interval:
    """sum(amounts) / sum(sizes) over rows.

    Args:
        amounts: of each row, such as its negative log-likelihood; for a paired difference of two models, the
            difference of both.
        sizes: of each row, above 0, such as its tokens.
        confidence: how often the interval holds the ratio over all rows there could be.

    Raises:
        ValueError: there is no row, or not a size for each.
    """
    if not amounts or len(amounts) != len(sizes):
        raise ValueError("a ratio needs rows, with an amount and a size each")
    total = math.fsum(sizes)
    ratio = math.fsum(amounts) / total
    rows = len(amounts)
    if rows < 2:
        return Interval(ratio, -math.inf, math.inf)
    residuals = [amount - ratio * size for amount, size in zip(amounts, sizes, strict=True)]
    error = math.sqrt(statistics.variance(residuals) / rows) / (total / rows)
    half = t_point(rows - 1, confidence) * error
    return Interval(ratio, ratio - half, ratio + half)
