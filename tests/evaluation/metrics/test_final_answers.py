"""numeric, choice and token_f1, beside values worked out by hand."""

import pytest

from synthgen.core.registry import find
from synthgen.evaluation.compare import Answer


def worth(name, reply, reference, **options):
    metric = find("metric", name)
    answer = Answer.of(reply, "stop")
    return metric(metric.Config(**options)).score(answer.final_text, answer.parsed, reference)


@pytest.mark.parametrize(
    ("reply", "reference", "tolerance", "score"),
    [
        ("The answer is 1,200.", "1200", 0, 1),
        ("The answer is 101.", "100", 0.01, 1),
        ("The answer is 101.1.", "100", 0.01, 0),
        ("The answer is -99.", "-100", 0.01, 1),
        ("The answer is 99.", "-100", 0.01, 0),
        ("The answer is 5010 m.", "5 km", 0.01, 1),
        ("The answer is 5 kg.", "5 km", 0.5, 0),
        ("The answer is 0.33.", "1/3", 0, 1),
        ("The answer is Paris.", "100", 0.5, 0),
        ("I do not know.", "100", 0.5, 0),
        ("The answer is 7.", "seven", 0, 1),
        ("The answer is 0.", "0", 0, 1),
        ("The answer is 7.", ["6", "7"], 0, 1),
    ],
)
def test_a_number_near_enough(reply, reference, tolerance, score):
    assert worth("numeric", reply, reference, tolerance=tolerance) == score


@pytest.mark.parametrize(
    ("reply", "reference", "score"),
    [
        ("The answer is (B).", "B", 1),
        ("**Answer:** b) Paris", "B", 1),
        ("The answer is B.", "(B) Paris", 1),
        ("The answer is C.", "B", 0),
        ("The answer is Paris.", "B", 0),
        ("The answer is B.", "Paris", 0),
        ("B", ["A", "B"], 1),
        ("I think so.", "B", 0),
    ],
)
def test_the_option_that_is_named(reply, reference, score):
    assert worth("choice", reply, reference) == score


@pytest.mark.parametrize(
    ("reply", "reference", "score"),
    [
        ("The answer is the Eiffel Tower in Paris.", "Eiffel Tower", 2 * 2 / (4 + 2)),
        ("The answer is Paris Paris.", "paris", 2 * 1 / (2 + 1)),
        ("The answer is the.", "a", 1),
        ("The answer is Bonn.", "Paris", 0),
        ("It stands in Paris, as all know", "in Paris", 2 * 2 / (7 + 2)),
        ("The answer is 東京 都.", "東京", 2 * 2 / (3 + 2)),
        ("The answer is Bonn.", ["Paris", "Bonn"], 1),
    ],
)
def test_words_that_are_shared(reply, reference, score):
    assert worth("token_f1", reply, reference) == pytest.approx(score)


def test_words_of_the_whole_reply():
    assert worth("token_f1", "So it is. The answer is 7.", "so it is", of="reply") == pytest.approx(6 / 9)
