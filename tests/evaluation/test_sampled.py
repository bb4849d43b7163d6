"""pass@k and majority@n, beside all subsets and votes by hand; and draws of a local model."""

from itertools import combinations

import pytest

from synthgen.evaluation.compare import Answer
from synthgen.evaluation.generation import Decoding, LocalModel
from synthgen.evaluation.metrics.exact_match import ExactMatch, ExactMatchConfig
from synthgen.evaluation.metrics.rouge_l import RougeLMetric, RougeLMetricConfig
from synthgen.evaluation.sampled import majority, pass_at, sampled_figures
from tests.evaluation.tiny_models import tiny_model


@pytest.mark.parametrize("right", range(6))
@pytest.mark.parametrize("k", range(1, 6))
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(right, k):
    draws = [1] * right + [0] * (5 - right)
    subsets = list(combinations(draws, k))
    assert pass_at(k, 5, right) == pytest.approx(sum(map(max, subsets)) / len(subsets))


def read(*parsed):
    return [Answer("", one, "stop") for one in parsed]


def test_the_majority_is_of_equal_answers_in_whatever_words():
    assert majority(read("7", "1,200", "$1200", "1200.0", "7")) == 1
    assert majority(read("7", "8")) == 0  # of equals, the first
    assert majority(read(None, None, "8")) == 2
    assert majority(read(None, None)) is None


def test_the_figures_of_four_draws():
    draws = [read("1", "1", None), read("1", "2", "9"), read("2", "2", "8"), read("1", "3", "7")]
    scores = [[float(one.parsed == "1") for one in answers] for answers in draws]
    figures = sampled_figures(draws, scores, ExactMatch(ExactMatchConfig()))
    assert figures["draws"] == {"lowest": 0.0, "highest": pytest.approx(2 / 3)}
    assert list(figures["pass"]) == ["1", "2", "4"]
    assert figures["pass"]["1"]["value"] == pytest.approx((3 / 4 + 1 / 4) / 3)
    assert figures["pass"]["4"]["value"] == pytest.approx(2 / 3)
    assert figures["majority"]["value"] == pytest.approx(1 / 3)
    assert "pass" not in sampled_figures(draws, scores, RougeLMetric(RougeLMetricConfig()))
    assert sampled_figures([], [], ExactMatch(ExactMatchConfig())) == {}
    unscored = [[None, *one[1:]] for one in scores]
    assert sampled_figures(draws, unscored, ExactMatch(ExactMatchConfig()))["pass"]["4"]["value"] == 0.5


def test_draws_of_a_local_model(tmp_path):
    model = LocalModel(tiny_model(tmp_path / "base", seed=3))
    prompts = [model.encode([{"role": "user", "content": text}]) for text in ("Hm?", "What?", "And this?")]

    def texts(draw, temperature=1.0, known=()):
        decoding = Decoding(12, 2, 1, temperature, 1.0, draw)
        return {
            number: reply.text
            for numbers, replies in model.answer(prompts, decoding, known)
            for number, reply in zip(numbers, replies, strict=True)
        }

    first = texts(0)
    assert texts(0) == first and texts(1) != first and texts(0, 0.0) != first
    # A resumed evaluation draws the batch that is left as it was drawn before.
    resumed = texts(0, known=frozenset([0, 1]))
    assert resumed and resumed.items() <= first.items()
