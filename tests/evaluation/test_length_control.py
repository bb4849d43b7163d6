"""The win rate at equal lengths, against scipy, by simulation, and where it cannot be known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from synthgen.evaluation.intervals import paired_difference
from synthgen.evaluation.length_control import PRIOR, length_controlled


def drawn(seed: int, rows: int, rate: float, effect: float, ties: float = 0.3, shift: float = 0.0):
    """Outcomes of a judge who likes long answers, and the lengths of both."""
    rng = np.random.default_rng(seed)
    mine = (rng.lognormal(5, 0.6, rows) * (1 + shift)).astype(int)
    other = rng.lognormal(5, 0.6, rows).astype(int)
    apart = mine - other
    chance = 1 / (1 + np.exp(-(math.log(rate / (1 - rate)) + effect * np.tanh(apart / apart.std()))))
    once, again = rng.random(rows) < chance, rng.random(rows) < chance
    won = np.where(rng.random(rows) < ties, (once * 1.0 + again) / 2, once)
    return won.tolist(), mine.tolist(), other.tolist()


def penalised(theta: float, phi: float, won, mine, other) -> float:
    apart = np.asarray(mine) - np.asarray(other)
    logit = theta + phi * np.tanh(apart / apart.std())
    return float((np.logaddexp(0, logit) - np.asarray(won) * logit).sum() + phi**2 / (2 * PRIOR**2))


@pytest.mark.parametrize("seed", range(4))
def test_the_fit_is_the_best_of_all_that_are_tried(seed: int) -> None:
    data = drawn(seed, 60, 0.4 + 0.15 * seed, 1.5 - seed, shift=0.3)
    best, step = (0.0, 0.0), 1.0
    while step > 1e-7:
        near = [(best[0] + a * step, best[1] + b * step) for a in (-1, 0, 1) for b in (-1, 0, 1)]
        better = min(near, key=lambda at: penalised(*at, *data))
        best, step = better, step / (2 if better == best else 1)
    found = length_controlled(*data)
    assert found is not None
    assert found.rate.value == pytest.approx(1 / (1 + math.exp(-best[0])), abs=1e-5)
    assert found.effect == pytest.approx(best[1], abs=1e-4)


def test_of_many_rows_the_interval_is_that_of_the_curvature() -> None:
    data = drawn(5, 1500, 0.6, 2.0, ties=0.0, shift=0.9)
    found = length_controlled(*data)
    assert found is not None
    logit = [math.log(end / (1 - end)) for end in (found.rate.low, found.rate.value, found.rate.high)]
    at, steps = np.array((logit[1], found.effect)), np.eye(2) * 1e-3

    def curvature(one: int, other: int) -> float:
        signs = [(a, b) for a in (-1, 1) for b in (-1, 1)]
        moved = [a * b * penalised(*(at + a * steps[one] + b * steps[other]), *data) for a, b in signs]
        return sum(moved) / (4 * 1e-3**2)

    bend = np.array([[curvature(one, other) for other in range(2)] for one in range(2)])
    deviation = float(np.sqrt(np.linalg.inv(bend)[0, 0]))
    assert logit[2] - logit[0] == pytest.approx(2 * 1.96 * deviation, rel=0.02)
    assert deviation > 1.08 / math.sqrt(bend[0, 0])  # the effect of length is not known, and counts


@pytest.mark.parametrize(("won", "tied", "lost"), [(30, 20, 10), (7, 0, 0), (0, 9, 0), (1, 3, 8), (0, 0, 1)])
def test_at_equal_lengths_it_is_the_win_rate_with_tangos_interval(won: int, tied: int, lost: int) -> None:
    outcomes = [1.0] * won + [0.5] * tied + [0.0] * lost
    same = [50] * len(outcomes)
    found = length_controlled(outcomes, same, same)
    apart = paired_difference([1.0] * won + [0.0] * (tied + lost), [0.0] * (won + tied) + [1.0] * lost)
    assert found is not None and found.effect == 0
    assert found.rate.value == pytest.approx((1 + apart.value) / 2, abs=1e-6)
    low, high = (1 + apart.low) / 2, (1 + apart.high) / 2
    if not low == 0.5 and not high == 0.5:  # McNemar's test may widen a difference to 0
        assert (found.rate.low, found.rate.high) == pytest.approx((low, high), abs=1e-5)


def test_a_judge_who_likes_length_is_seen_through() -> None:
    """Equal models, one of them longer: by wins alone it is better, at equal lengths it is not."""
    won, mine, other = drawn(1, 500, 0.5, 2.5, shift=0.8)
    found = length_controlled(won, mine, other)
    assert found is not None and sum(won) / len(won) > 0.65
    assert found.rate.low < 0.5 < found.rate.high and found.effect > 1.5


@pytest.mark.parametrize(
    ("rows", "rate", "effect", "ties", "shift"),
    [(20, 0.5, 2.0, 0.5, 0.8), (20, 0.8, 0.0, 0.0, 0.0), (60, 0.7, 1.5, 1.0, 0.0), (60, 0.5, 0.0, 0.0, 0.5)],
)
def test_the_interval_holds_the_true_rate(rows, rate, effect, ties, shift) -> None:
    missed = 0
    for seed in range(120):
        found = length_controlled(*drawn(1000 + seed, rows, rate, effect, ties, shift))
        assert found is not None
        missed += not found.rate.low <= rate <= found.rate.high
    assert missed <= 12  # 6 are expected; 13 or more of 120 happen once in 150 such tests


def test_what_cannot_be_told_apart_from_length() -> None:
    rows = 40
    half = rows // 2
    found = length_controlled(
        [1.0] * half + [0.0] * half, [200] * half + [100] * half, [100] * half + [200] * half
    )
    assert found is not None and found.rate.low < 0.35 and found.rate.high > 0.65 and found.effect > 2
    assert length_controlled([1.0] * rows, [200] * rows, [100] * rows) is None
    nearly = [*range(101, 100 + rows), 90]
    assert length_controlled([1.0, 0.0] * half, nearly, [100] * rows) is None
    assert length_controlled([1.0, 0.0] * half, [90, *nearly[1:]], [100] * rows) is not None
    assert length_controlled([], [], []) is None
    all_won = length_controlled([1.0] * rows, list(range(rows)), [20] * rows)
    assert all_won is not None and all_won.rate.value == 1.0 and 0.5 < all_won.rate.low < 1.0


def test_less_confidence_is_narrower_and_sides_can_be_turned() -> None:
    won, mine, other = drawn(3, 80, 0.6, 1.0)
    wide, narrow = length_controlled(won, mine, other), length_controlled(won, mine, other, 0.8)
    turned = length_controlled([1 - one for one in won], other, mine)
    assert wide is not None and narrow is not None and turned is not None
    assert wide.rate.low < narrow.rate.low < wide.rate.value < narrow.rate.high < wide.rate.high
    assert turned.rate.value == pytest.approx(1 - wide.rate.value, abs=1e-6)
    assert turned.rate.low == pytest.approx(1 - wide.rate.high, abs=1e-6)
