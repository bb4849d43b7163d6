"""Which slices fell, and how money is shared among them."""

import random

import pytest

from synthgen.evaluation.slices import REST
from synthgen.operations.improve.weakness import shared, slice_scores, uniform

LABELS = ["easy"] * 100 + ["hard"] * 100 + ["middle"] * 100
TEACHER = [1.0] * 300
STUDENT = [[1.0] * 100 + [0.0] * 90 + [1.0] * 10 + [1.0] * 70 + [0.0] * 30]
COST = {"easy": 0.001, "hard": 0.002, "middle": 0.001}


def found(student=STUDENT, teacher=TEACHER, labels=LABELS):
    return slice_scores(student, teacher, labels, 0.03, 0.95)


def test_the_slice_with_most_to_gain_comes_first():
    hard, middle, easy = found()
    assert [one.name for one in (hard, middle, easy)] == ["hard", "middle", "easy"]
    assert (hard.missed, middle.missed, easy.missed) == (90, 30, 0)
    assert hard.fell and middle.fell and not easy.fell
    assert (hard.rows, hard.score, hard.to_teacher.value) == (100, 0.1, -0.9)


def test_a_slice_in_which_the_teacher_fails_too_did_not_fall():
    teacher = [1.0] * 100 + STUDENT[0][100:200] + [1.0] * 100
    assert {one.name: one.fell for one in found(teacher=teacher)}["hard"] is False


def test_rare_values_together_are_no_slice_to_make_rows_of():
    (one,) = slice_scores([[0.0] * 50], [1.0] * 50, [REST] * 50, 0.03, 0.95)
    assert not one.fell


def test_equal_models_rarely_have_a_fallen_slice():
    """At the margin itself, with ten slices: their intervals hold together."""
    draw, named = random.Random(0), 0
    for _ in range(200):
        labels = [str(row % 10) for row in range(500)]
        both = [[float(draw.random() < 0.7) for _ in labels] for _ in range(2)]
        named += any(one.fell for one in slice_scores([both[0]], both[1], labels, 0.0, 0.95))
    assert named <= 0.05 * 200


def test_money_goes_by_what_is_missed():
    assert shared(found(), 1.2, COST) == {"hard": 450, "middle": 300}
    assert shared(found(), 12, dict.fromkeys(COST, 1.0)) == {"hard": 9, "middle": 3}


def test_a_slice_that_gained_nothing_is_left_out_unless_it_is_the_last():
    assert shared(found(), 1.2, COST, ["hard"]) == {"middle": 1200}
    assert shared(found(), 1.2, COST, ["hard", "middle"]) == shared(found(), 1.2, COST)


def test_no_money_or_no_fallen_slice_buys_nothing():
    assert shared(found(), 0.0000001, COST) == {}
    assert shared(found(student=[TEACHER]), 1.2, COST) == {}
    assert shared(found(), 1.2, {"hard": 0.0}) == {}


def test_uniform_rows_have_the_shares_that_the_pipeline_makes():
    wanted = uniform({"easy": 100, "hard": 300}, 7.0, {"easy": 0.01, "hard": 0.02})
    assert wanted == {"easy": 100, "hard": 300}
    assert sum(rows * {"easy": 0.01, "hard": 0.02}[name] for name, rows in wanted.items()) == pytest.approx(7)
