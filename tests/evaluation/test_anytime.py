"""The test that holds at every look: by simulation, against exact expectations, and by its parts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from synthgen.evaluation.anytime import (
    _BETS_ABOVE,
    _BETS_BELOW,
    _STRATA_EDGES,
    _capital,
    evidence,
    fall,
    over_slices,
)

ALPHA = 0.05


def binary(right, rows):
    return [1.0] * right + [0.0] * (rows - right)


def bound(right, rows, since, asked):
    """What the evidence is at most: the likelihood ratio of two shares to the one that they share; arrays."""
    high, low, both = right / rows, since / asked, (right + since) / (rows + asked)

    def nats(share):
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nan_to_num(share * np.log(share / both)) + np.nan_to_num(
                (1 - share) * np.log((1 - share) / (1 - both))
            )

    return np.where(low >= high, 1.0, np.exp(rows * nats(high) + asked * nats(low)))


@pytest.mark.parametrize(("before", "since"), [(0.9, 0.9), (0.5, 0.5), (0.98, 0.98), (0.8, 0.85)])
def test_twenty_looks_without_a_fall_raise_no_alarm(before, since):
    """4,000 runs of 20 looks of 25 questions; a look that cannot alarm by the bound is not computed."""
    draw, runs = np.random.default_rng(1), 4000
    first = draw.binomial(80, before, size=runs)
    looks = draw.binomial(25, since, size=(runs, 20))
    alarms = set()
    for taken in range(1, 21):
        most = np.full(runs, 1 / (taken + 1))
        for start in range(taken):
            seen = looks[:, start:taken].sum(axis=1)
            most += bound(first, 80, seen, 25 * (taken - start)) / ((start + 1) * (start + 2))
        for run in np.flatnonzero(most >= 1 / ALPHA):
            answers = [binary(int(right), 25) for right in looks[run, :taken]]
            if run not in alarms and evidence(binary(int(first[run]), 80), answers) >= 1 / ALPHA:
                alarms.add(run)
    assert len(alarms) / runs <= ALPHA


def test_the_evidence_is_within_the_bound():
    draw = np.random.default_rng(2)
    for _ in range(200):
        first, rest = int(draw.binomial(40, 0.9)), int(draw.binomial(60, 0.6))
        assert fall(binary(first, 40), binary(rest, 60)) <= bound(first, 40, rest, 60) + 1e-9


@pytest.mark.parametrize(
    ("right", "rows", "since", "asked"), [(9, 10, 850, 1000), (950, 1000, 8, 10), (9, 10, 5, 10)]
)
def test_it_is_below_the_product_of_both_bets_at_every_mean(right, rows, since, asked):
    """Also at means beside both, where the larger sample has lost its bet."""
    least = fall(binary(right, rows), binary(since, asked))
    for mean in np.linspace(0.001, 0.999, 1999):
        place = [int(np.searchsorted(_STRATA_EDGES, mean)) - 1]
        above = _capital(np.array(binary(right, rows)), np.array([mean]), _BETS_ABOVE[:, place])
        below = _capital(1 - np.array(binary(since, asked)), np.array([1 - mean]), _BETS_BELOW[:, place])
        assert math.log(least) <= above[0] + below[0] + 1e-9


@pytest.mark.parametrize("share", [0.3, 0.7, 0.9])
def test_its_expectation_is_at_most_one_exactly(share):
    """Over all outcomes of six answers before and five since, weighed by how likely each is."""

    def chance(right, rows):
        return math.comb(rows, right) * share**right * (1 - share) ** (rows - right)

    for looks in ([5], [2, 3], [1, 1, 1, 1, 1]):
        total = 0.0
        for first in range(7):
            for since in range(2**5):
                answers = [float(since >> place & 1) for place in range(5)]
                parts = [answers[sum(looks[:at]) : sum(looks[: at + 1])] for at in range(len(looks))]
                likely = share ** sum(answers) * (1 - share) ** (5 - sum(answers))
                total += chance(first, 6) * likely * evidence(binary(first, 6), parts)
        assert total <= 1.0


@pytest.mark.parametrize(
    ("rows", "each", "before", "since", "looks", "power"),
    [(200, 50, 0.9, 0.7, 4, 0.85), (300, 50, 0.9, 0.7, 3, 0.85), (300, 50, 0.95, 0.75, 2, 0.8)],
)
def test_a_fall_of_twenty_points_is_found(rows, each, before, since, looks, power):
    """Among six slices: evidence has to reach 6 / alpha."""
    draw, found = np.random.default_rng(3), 0
    for _ in range(60):
        first = binary(int(draw.binomial(rows, before)), rows)
        seen = [binary(int(right), each) for right in draw.binomial(each, since, size=looks)]
        found += any(evidence(first, seen[:at]) >= 6 / ALPHA for at in range(1, looks + 1))
    assert found / 60 >= power


def test_a_fall_that_begins_late_is_found_as_well():
    calm = [binary(45, 50)] * 10
    assert evidence(binary(180, 200), calm) < 1
    assert evidence(binary(180, 200), [*calm, *[binary(30, 50)] * 4]) > 1 / ALPHA


def test_grades_are_judged_as_right_and_wrong_are():
    before, since = [0.9, 0.8, 1.0, 0.7] * 40, [0.5, 0.6, 0.4, 0.7] * 40
    assert evidence(before, [since]) > 1 / ALPHA
    assert fall(since, before) == 0.0


def test_nothing_is_known_without_rows():
    assert fall([], [1.0]) == fall([1.0], []) == 1.0
    assert evidence([1.0, 0.0], []) == 1.0
    assert evidence(binary(9, 10), [[], []]) == pytest.approx(1.0)


def test_more_looks_at_the_same_answers_add_no_evidence():
    first, since = binary(180, 200), binary(60, 100)
    assert evidence(first, [since, [], [], []]) <= evidence(first, [since])


def test_the_evidence_of_slices_is_corrected_for_all_of_them():
    assert over_slices([120.0, 0.0, 0.0, 0.0]) == [30.0, 0.0, 0.0, 0.0]
    assert over_slices([120.0]) == [120.0]
    assert over_slices([100.0, 60.0, 0.5]) == pytest.approx([50.25, 30.25, 0.5])
    assert over_slices([]) == []
