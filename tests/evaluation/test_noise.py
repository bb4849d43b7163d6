"""The noise floor: what changes where the same model is asked again, and how often that bounds it."""

import random
from functools import cache

import pytest

from synthgen.evaluation.compare import Answer, ModelAnswers, score
from synthgen.evaluation.metrics.exact_match import ExactMatch, ExactMatchConfig
from synthgen.evaluation.noise import (
    AskedAgain,
    noise_figures,
    noise_lines,
    other_batch_size,
    spread,
    with_noise,
)

METRICS = {"exact_match": ExactMatch(ExactMatchConfig())}


@cache
def read(value):
    return Answer.of(f"The answer is {value}." if value is not None else "Hm, well", "stop")


def said(values):
    return [read(value) for value in values]


def asked(values, again, places=None, references=None):
    model = ModelAnswers("student", "student", said(values))
    references = references or ["1"] * len(values)
    score([model], references, METRICS)
    places = places if places is not None else list(range(len(values)))
    repeated = AskedAgain(places, ModelAnswers("student", "student", said(again)), "one by one")
    return noise_figures([model], [repeated], references, METRICS)["student"]


def test_what_changed():
    figures = asked([1, 2, 1, None, 1.0], [1, 1, 2, None, 1])
    assert figures["rows"] == 5 and figures["how"] == "one by one"
    assert figures["texts"] == 3  # 1.0 and 1 are other texts, and one answer
    assert figures["answers"] == 2
    moved = figures["exact_match"]
    assert (moved["changed"], moved["change"], moved["rows"]) == (2, 0.0, 5)
    assert moved["below"] == pytest.approx(1.959964 * (2 / 5 / 5) ** 0.5, abs=1e-6)


def test_rows_are_found_by_their_places_and_all_rows_count():
    figures = asked([1, 2, 2, 1], [1, 1], places=[1, 3])
    assert figures["answers"] == 1 and figures["exact_match"]["change"] == 0.5
    assert figures["exact_match"]["below"] == pytest.approx(1.959964 * (0.5 / 4) ** 0.5, abs=1e-6)
    without = asked([1, 2], [1, 1], references=["1", None])
    assert without["answers"] == 1 and without["exact_match"]["changed"] == 0
    assert "exact_match" not in asked([1], [2], references=[None])


def test_of_several_draws_the_majority_is_compared_and_means_are():
    model = ModelAnswers("student", "student", said([1, 2]))
    model.draws = [said([1, 2]), said([1, 1]), said([2, 2])]
    again = ModelAnswers("student", "student", said([1, 1]))
    again.draws = [said([1, 1]), said([2, 1]), said([1, 1])]
    references = ["1", "1"]
    score([model], references, METRICS)
    figures = noise_figures([model], [AskedAgain([0, 1], again, "with other seeds")], references, METRICS)
    found = figures["student"]
    assert found["answers"] == 1 and "texts" not in found
    assert found["exact_match"]["change"] == pytest.approx((0 + 2 / 3) / 2, abs=1e-6)


def test_the_bound_holds_as_often_as_it_says():
    """The same model twice over 200 rows: two scores lie within the bound of its 100 rows, in 95%."""
    draw = random.Random(0)
    within = 0
    for _ in range(200):
        flips = draw.choice([0.05, 0.1, 0.3])

        def once(truth, flips=flips):
            return [one if draw.random() > flips else 3 - one for one in truth]

        truth = [1 + (draw.random() < 0.4) for _ in range(200)]
        first, second = once(truth), once(truth)
        places = spread(200, 100)
        figures = asked(first, [second[place] for place in places], places=places)
        change = (second.count(1) - first.count(1)) / 200
        within += abs(change) <= figures["exact_match"]["below"]
    assert 0.91 <= within / 200 <= 0.99


def test_rows_are_spread_and_batches_are_others():
    assert spread(10, 4) == [0, 2, 5, 7] and spread(3, 50) == [0, 1, 2] and spread(0, 5) == []
    assert (other_batch_size(64), other_batch_size(2), other_batch_size(1)) == (1, 1, 16)


def test_what_a_person_reads():
    figures = {"student": asked([1, 2, 1, None], [1, 1, 1, None])}
    (line,) = noise_lines({"noise_floor": figures, "metrics": ["exact_match"]})
    assert line == (
        "student asked again one by one, 4 rows: 1 texts and 1 answers changed, its score by +25.0 points"
    )
    students = {"student": {"verdict": "DEPLOY"}, "other": {}}
    verdict = {"metric": "exact_match", "students": students}
    told = with_noise(verdict, figures)["students"]
    assert told["student"]["noise"] == (
        "asked again one by one, 1 of 4 scores changed: differences below 49.0 points may be noise of the "
        "same model"
    )
    assert "noise" not in told["other"] and "noise" not in students["student"]
    calm = with_noise(verdict, {"student": asked([1, 2], [1, 2])})["students"]["student"]["noise"]
    assert calm == "asked again one by one, 0 of 2 scores changed"
    assert with_noise({}, figures) == {} and with_noise(verdict, {}) is verdict
