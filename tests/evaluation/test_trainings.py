"""Levels and differences of one training or of several, as ablations, curves and improvements use them."""

import pytest

from synthgen.evaluation.intervals import paired_difference, wilson
from synthgen.evaluation.seed_intervals import difference_over_seeds, mean_over_seeds
from synthgen.evaluation.trainings import apart, by_row, level

ONE = [[1.0, 0.0, 1.0, 1.0] * 10]
OTHER = [[0.0, 0.0, 1.0, 0.0] * 10]
SEEDS = [[float(row < 20 + 6 * seed) for row in range(40)] for seed in range(3)]
OTHERS = [[float(row % 37 < 10 + 6 * seed) for row in range(40)] for seed in range(3)]


def test_one_training_has_an_interval_over_rows():
    assert level(ONE, share=True) == wilson(30, 40)
    assert level([[0.5, 0.25] * 20], share=False).value == 0.375
    assert apart(ONE, OTHER) == paired_difference(ONE[0], OTHER[0])


def test_several_have_one_over_rows_and_seeds():
    assert level(SEEDS, share=True) == mean_over_seeds(SEEDS)
    assert apart(SEEDS, OTHERS) == difference_over_seeds(SEEDS, OTHERS, paired=True)
    assert apart(SEEDS, OTHERS) != difference_over_seeds(SEEDS, OTHERS), "seed by seed they scatter less"
    assert apart(SEEDS[:2], OTHERS[:2]) == difference_over_seeds(SEEDS[:2], OTHERS[:2])
    assert apart(SEEDS, ONE) == difference_over_seeds(SEEDS, ONE)


def test_one_training_against_several_is_against_their_mean():
    assert apart(ONE, SEEDS) == paired_difference(ONE[0], by_row(SEEDS))
    assert by_row(SEEDS)[25] == pytest.approx(2 / 3) and by_row(ONE) == ONE[0]


def test_a_higher_confidence_is_a_wider_interval():
    narrow, wide = apart(ONE, OTHER, 0.9), apart(ONE, OTHER, 0.99)
    assert wide.low < narrow.low < narrow.high < wide.high
