"""Counts by value as a few equal bins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping


def equal_bins(counts: Mapping[int, int], number: int = 10) -> list[list[int]]:
    """Up to `number` bins of equal width as [first value, last value, count], the smallest value first.

    Args:
        counts: value -> how often it was seen.
        number: of bins, at the most.
    """
    if not counts:
        return []
    low, high = min(counts), max(counts)
    width = max(1, -(-(high - low + 1) // number))
    bins = Counter[int]()
    for value, count in counts.items():
        bins[(value - low) // width] += count
    return [
        [low + place * width, min(high, low + (place + 1) * width - 1), bins[place]]
        for place in range(max(bins) + 1)
    ]
