"""A reference that is a list holds several, of which each is accepted."""

import pytest

from synthgen.core.registry import find
from synthgen.core.rows import Rejected
from synthgen.tasks.voting import _checked


@pytest.mark.parametrize("name", ["exact_match", "rouge_l", "token_f1"])
def test_metrics_take_the_nearest_of_several_references(name):
    metric_class = find("metric", name)
    metric = metric_class(metric_class.Config())
    assert metric.score("Ulm", "Ulm", ["Bonn", "Ulm"]) == 1.0
    assert metric.score("Ulm", "Ulm", ["Bonn", "Kiel"]) == 0.0


def test_a_sample_that_gives_any_of_them_is_correct():
    row = {"final_answer": "7", "reference": ["6", "7"], "meta": {}}
    assert _checked(row, "correct") is row
    rejected = _checked({**row, "final_answer": "8"}, "correct")
    assert isinstance(rejected, Rejected) and (rejected.rule, rejected.threshold) == ("not_correct", "6 | 7")
