"""Intervals against published values, other ways to work them out, and simulation."""

import math
import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.evaluation.intervals import mcnemar, mean_interval, paired_difference, share_of_gap, wilson


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(0, 10, 0.0, 0.27753), (81, 263, 0.25528, 0.36620), (10, 10, 0.72247, 1.0), (1, 2, 0.09453, 0.90547)],
)
def test_wilson_against_published_values(right, total, low, high):
    interval = wilson(right, total)
    assert interval.value == right / total
    assert interval.low == pytest.approx(low, abs=2e-5)
    assert interval.high == pytest.approx(high, abs=2e-5)


@given(st.integers(1, 2000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilsons_ends_solve_its_equation(counts):
    right, total = counts
    interval = wilson(right, total)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    for end in (interval.low, interval.high):
        if 0 < end < 1:
            assert abs(interval.value - end) == pytest.approx(
                1.959963984540054 * math.sqrt(end * (1 - end) / total), rel=1e-6
            )


def sides(won, lost, same):
    """Two models' scores that part in so many rows."""
    return [1.0] * won + [0.0] * lost + [1.0] * same, [0.0] * won + [1.0] * lost + [1.0] * same


def test_a_difference_of_shares_against_published_values():
    # Fagerland, Lydersen and Laake (2014), airway hyper-responsiveness: 1 and 7 of 21 children part.
    interval = paired_difference(*sides(1, 7, 13))
    assert interval.value == pytest.approx(-6 / 21)
    assert interval.low == pytest.approx(-0.517, abs=5e-4)
    assert interval.high == 0.0  # Tango's own end is -0.026, but McNemar's exact p is 0.070
    nothing = paired_difference(*sides(0, 0, 30))
    assert (-nothing.low, nothing.high) == pytest.approx((1.96**2 / (30 + 1.96**2),) * 2, abs=1e-4)


@pytest.mark.parametrize(("rows", "different"), [(1, False), (2, False), (5, False), (6, True), (40, True)])
def test_few_rows_do_not_make_a_difference(rows, different):
    interval = paired_difference([1.0] * rows, [0.0] * rows)
    assert (interval.value, interval.high) == (1.0, 1.0)
    assert (interval.low > 0) == different
    assert interval.low < 1


@given(won=st.integers(0, 40), lost=st.integers(0, 40), same=st.integers(0, 60))
def test_a_difference_holds_its_value_and_turns_with_its_sides(won, lost, same):
    if won + lost + same == 0:
        return
    one, other = sides(won, lost, same)
    interval, turned = paired_difference(one, other), paired_difference(other, one)
    assert -1 <= interval.low <= interval.value <= interval.high <= 1
    assert (interval.low, interval.high) == pytest.approx((-turned.high, -turned.low), abs=1e-9)
    exact = 2 * sum(math.comb(won + lost, k) for k in range(min(won, lost) + 1)) / 2 ** (won + lost)
    if exact > 0.05:
        assert interval.low <= 0 <= interval.high


def test_pairing_sees_what_separate_intervals_do_not():
    base = [float(index % 2) for index in range(400)]
    better = [1.0 if index % 20 == 0 else value for index, value in enumerate(base)]
    difference = paired_difference(better, base)
    assert difference.value == pytest.approx(0.05)
    assert difference.low > 0
    assert wilson(int(sum(base)), 400).high > wilson(int(sum(better)), 400).low
    with pytest.raises(ValueError, match="same rows"):
        paired_difference([1.0], [1.0, 0.0])


def test_a_difference_of_grades_is_told_by_the_means_of_all_subsets():
    rng = random.Random(7)
    one, other = ([rng.random() for _ in range(9)] for _ in range(2))
    differences = [mine - theirs for mine, theirs in zip(one, other, strict=True)]
    means = sorted(
        math.fsum(chosen) / size for size in range(1, 10) for chosen in combinations(differences, size)
    )
    interval = paired_difference(one, other)
    assert (interval.low, interval.high) == pytest.approx((means[11], means[-12]))
    few = paired_difference(one[:5], [value / 2 for value in one[:5]])
    assert (few.low, few.high) == (-1.0, 1.0)  # five rows cannot say


def test_intervals_of_grades_join_where_their_way_changes():
    rng = random.Random(4)
    for rows in (13, 1000, 1001, 3000):
        values = [rng.choice([0.0, 0.25, 0.75, 1.0]) for _ in range(rows)]
        means = sorted(sum(rng.choices(values, k=rows)) / rows for _ in range(1500))
        interval = mean_interval(values)
        assert interval.value == pytest.approx(sum(values) / rows)
        width = means[1462] - means[37]
        assert interval.low == pytest.approx(means[37], abs=0.2 * width)
        assert interval.high == pytest.approx(means[1462], abs=0.2 * width)
        assert mean_interval(values) == interval
    assert mean_interval([1.0] * 8) == wilson(8, 8)


@pytest.mark.parametrize("rows", [5, 10, 20, 50, 200])
def test_equal_models_are_seldom_called_different(rows):
    """At most 5% by design; the bound leaves room for 600 draws, whose share scatters by 0.9 points."""
    rng = np.random.default_rng(rows)
    draws, wrong = 600, {"shares": 0, "of like rows": 0, "grades": 0}
    for _ in range(draws):
        hard = rng.random(rows)
        made = {
            "shares": rng.integers(0, 2, (2, rows)),
            "of like rows": rng.random((2, rows)) < hard,
            "grades": rng.integers(0, 5, (2, rows)) / 4,
        }
        for kind, (one, other) in made.items():
            interval = paired_difference(one.astype(float).tolist(), other.astype(float).tolist())
            wrong[kind] += not interval.low <= 0 <= interval.high
    assert max(wrong.values()) <= 0.068 * draws, wrong


def test_real_differences_are_found():
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(200):
        one, other = rng.random(200) < 0.6, rng.random(200) < 0.4
        found += paired_difference(one.astype(float).tolist(), other.astype(float).tolist()).low > 0
    assert found > 180


def test_a_share_of_the_gap_needs_a_gap():
    base, teacher = [0.0] * 20 + [1.0] * 10, [1.0] * 28 + [0.0] * 2
    student = [1.0] * 10 + [0.0] * 10 + [1.0] * 10
    share = share_of_gap(student, base, teacher)
    assert share is not None
    assert share.value == pytest.approx(10 / 18)
    assert 0.2 < share.low < share.value < share.high < 1.1
    assert share_of_gap(student, base, base) is None
    assert share_of_gap([1.0] * 2, [0.0] * 2, [1.0] * 2) is None  # two rows show no gap


def test_other_confidences_against_scipy():
    # scipy 1.16: binomtest(7, 50).proportion_ci(confidence, "wilson"), binomtest(3, 17).pvalue
    for confidence, low, high in (
        (0.8, 0.08851935972566853, 0.2143786884818315),
        (0.99, 0.0561437186, 0.3082057874),
    ):
        interval = wilson(7, 50, confidence)
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-9)
    assert mcnemar(3, 14) == pytest.approx(0.012725830078125, abs=1e-12)


def test_less_confidence_gives_a_narrower_difference():
    shares, grades = sides(40, 20, 40), ([0.1, 0.9, 0.4] * 30, [0.2, 0.5, 0.1] * 30)
    for mine, other in (shares, grades):
        wide, narrow = (paired_difference(mine, other, confidence=one) for one in (0.99, 0.8))
        assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
