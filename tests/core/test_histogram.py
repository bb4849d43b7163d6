from collections import Counter

import pytest

from synthgen.core.histogram import equal_bins


def test_bins_hold_all_and_are_equally_wide():
    counts = Counter({3: 2, 4: 1, 9: 5, 30: 1})
    bins = equal_bins(counts, 4)
    assert bins == [[3, 9, 8], [10, 16, 0], [17, 23, 0], [24, 30, 1]]
    assert sum(count for _, _, count in bins) == counts.total()


@pytest.mark.parametrize(
    "counts, bins", [({}, []), ({7: 3}, [[7, 7, 3]]), ({0: 1, 1: 2}, [[0, 0, 1], [1, 1, 2]])]
)
def test_few_values(counts, bins):
    assert equal_bins(counts, 5) == bins


def test_the_last_bin_ends_at_the_largest_value():
    assert equal_bins({0: 1, 10: 1}, 4)[-1] == [9, 10, 1]
