"""Means a token over rows of unequal length: against numbers by hand, scipy where it is, and simulation."""

import math
import random

import pytest

from synthgen.evaluation.ratio_intervals import ratio_interval


def test_equal_sizes_are_students_t_of_a_mean():
    values = [0.3, 1.2, 0.9, 0.4, 2.2, 1.0]
    interval = ratio_interval([3 * value for value in values], [3] * len(values))
    mean = sum(values) / 6
    error = math.sqrt(sum((value - mean) ** 2 for value in values) / 5 / 6)
    assert interval.value == pytest.approx(mean)
    assert interval.high - interval.value == pytest.approx(2.570582 * error, rel=1e-4)
    assert interval.value - interval.low == pytest.approx(interval.high - interval.value)


def test_against_scipy():
    stats = pytest.importorskip("scipy.stats")
    values = [0.3, 1.2, 0.9, 0.4, 2.2, 1.0, 5.0]
    wanted = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    interval = ratio_interval(values, [1] * 7, 0.9)
    assert (interval.low, interval.high) == pytest.approx((wanted.low, wanted.high), rel=1e-4)


def test_long_rows_weigh_more():
    interval = ratio_interval([10.0, 1.0], [100, 1])
    assert interval.value == pytest.approx(11 / 101)


@pytest.mark.parametrize(("rows", "least"), [(20, 0.90), (100, 0.91)])
def test_coverage(rows, least):
    """Lengths are skewed, and long rows are easier, as with real answers."""
    draw = random.Random(rows)

    def row():
        tokens = 1 + int(draw.lognormvariate(3, 0.7))
        return sum(draw.gammavariate(1, 1 / (1 + tokens / 40)) for _ in range(tokens)), tokens

    many = [row() for _ in range(4_000)]
    truth = sum(nll for nll, _ in many) / sum(tokens for _, tokens in many)
    held = 0
    for _ in range(200):
        drawn = draw.sample(many, rows)
        interval = ratio_interval([nll for nll, _ in drawn], [tokens for _, tokens in drawn])
        held += interval.low <= truth <= interval.high
    assert least <= held / 200 <= 0.985


def test_one_row_says_nothing_of_others_and_none_is_refused():
    interval = ratio_interval([2.0], [4])
    assert interval.value == 0.5 and interval.plain() == [None, None]
    with pytest.raises(ValueError, match="a ratio needs rows"):
        ratio_interval([], [])
    with pytest.raises(ValueError, match="a size each"):
        ratio_interval([1.0], [1, 2])
