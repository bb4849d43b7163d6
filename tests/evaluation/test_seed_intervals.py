"""Intervals over rows and seeds: equal trainings are not called different, and unequal ones are."""

import numpy as np
import pytest

from synthgen.evaluation.intervals import mean_interval, paired_difference
from synthgen.evaluation.seed_intervals import difference_over_seeds, mean_over_seeds, t_point

DRAWS = 400


@pytest.mark.parametrize(
    ("freedom", "point"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (10, 2.2281), (30, 2.0423), (1e6, 1.95996)],
)
def test_the_points_of_students_t(freedom, point):
    assert t_point(freedom) == pytest.approx(point, rel=1e-4)


def trained(rng, seeds, difficulty, skill, spread):
    """Scores of students whose skill varies with the seed, on rows of unequal difficulty."""
    skills = skill + spread * rng.normal(size=(seeds, 1))
    chance = 1 / (1 + np.exp(difficulty - skills))
    return (rng.random(chance.shape) < chance).astype(float).tolist()


@pytest.mark.parametrize("rows", [20, 200])
@pytest.mark.parametrize("spread", [0.0, 0.3, 1.5])
@pytest.mark.parametrize("seeds", [3, 6])
def test_equal_trainings_are_seldom_called_different(rows, spread, seeds):
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(DRAWS):
        difficulty = 1.5 * rng.normal(size=(1, rows))
        one, other = (trained(rng, seeds, difficulty, 0.3, spread) for _ in range(2))
        interval = difference_over_seeds(one, other)
        wrong += not interval.low <= 0 <= interval.high
    assert wrong / DRAWS <= 0.05 + 2 * (0.05 * 0.95 / DRAWS) ** 0.5


def alike(rng, seeds, difficulty, skill, spread, own):
    """Two trainings whose students of one seed are alike but for a spread of their own."""
    shared = spread * rng.normal(size=(seeds, 1))
    chances = [
        1 / (1 + np.exp(difficulty - skill - shared - own * rng.normal(size=(seeds, 1)))) for _ in range(2)
    ]
    return [(rng.random(one.shape) < one).astype(float).tolist() for one in chances]


@pytest.mark.parametrize("rows", [20, 200])
@pytest.mark.parametrize("own", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("seeds", [3, 6])
def test_equal_trainings_of_the_same_seeds_are_seldom_called_different(rows, own, seeds):
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(DRAWS):
        difficulty = 1.5 * rng.normal(size=(1, rows))
        one, other = alike(rng, seeds, difficulty, 0.3, 1.0, own)
        interval = difference_over_seeds(one, other, paired=True)
        wrong += not interval.low <= 0 <= interval.high
    assert wrong / DRAWS <= 0.07 + 2 * (0.07 * 0.93 / DRAWS) ** 0.5  # 4 to 7% of 1,200


def test_the_same_seeds_tell_what_others_hide():
    rng = np.random.default_rng(6)
    difficulty = rng.normal(size=(1, 400))
    worse, better = alike(rng, 3, difficulty, -0.5, 0.6, 0.0)
    better = [[max(one, float(place % 4 == 0)) for place, one in enumerate(row)] for row in better]
    apart, paired = (difference_over_seeds(better, worse, paired=one) for one in (False, True))
    assert apart.value == paired.value and apart.low < 0 < paired.low


def test_an_interval_over_rows_alone_calls_every_pair_of_seeds_different():
    rng = np.random.default_rng(2)
    students = trained(rng, 6, rng.normal(size=(1, 400)), 0.0, 1.5)
    pairs = [(one, other) for place, one in enumerate(students) for other in students[:place]]
    apart = [paired_difference(one, other) for one, other in pairs]
    assert sum(not each.low <= 0 <= each.high for each in apart) >= 12
    interval = difference_over_seeds(students[:3], students[3:])
    assert interval.low <= 0 <= interval.high


def test_a_difference_larger_than_seeds_and_rows_is_seen():
    rng = np.random.default_rng(3)
    difficulty = rng.normal(size=(1, 200))
    better, worse = trained(rng, 3, difficulty, 2.0, 0.1), trained(rng, 3, difficulty, -0.5, 0.1)
    interval = difference_over_seeds(better, worse)
    assert 0 < interval.low < interval.value < interval.high
    assert difference_over_seeds(worse, better).high < 0
    assert difference_over_seeds(better, worse[:1]).low > 0


def test_means_cover_and_stay_between_nothing_and_all():
    interval = mean_over_seeds([[1, 0, 1, 1], [1, 1, 1, 0]])
    assert interval.value == 0.75 and 0 <= interval.low < 0.75 < interval.high <= 1
    assert mean_over_seeds([[1, 1], [1, 1]]) == mean_interval([1, 1])
    assert mean_over_seeds([[1], [0]]).plain() == [0, 1]


@pytest.mark.parametrize("scores", [[], [[1, 0]], [[1, 0], [1]], [[], []]])
def test_what_has_no_interval_over_seeds(scores):
    with pytest.raises(ValueError, match="two seeds at the least"):
        mean_over_seeds(scores)
    with pytest.raises(ValueError, match="two seeds at the least"):
        difference_over_seeds(scores, [[1, 0]])


def test_other_rows_are_refused():
    with pytest.raises(ValueError, match="the same rows"):
        difference_over_seeds([[1, 0], [0, 0]], [[1]])


def test_a_few_rows_of_one_score_prove_no_more_than_they_do_for_one_seed():
    wrong, right = [[0.0] * 22] * 2, [[1.0] * 22] * 2
    assert mean_over_seeds(wrong) == mean_interval(wrong[0])
    assert mean_over_seeds(wrong).high == pytest.approx(0.149, abs=1e-3)
    assert difference_over_seeds(wrong, wrong) == paired_difference(wrong[0], wrong[0])
    assert difference_over_seeds(wrong, wrong[:1]).high == pytest.approx(0.149, abs=1e-3)
    assert difference_over_seeds(right, wrong).low < 1.0
