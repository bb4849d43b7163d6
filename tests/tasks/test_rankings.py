"""Verdicts as public judges write them in JSON, tags and first lines; each form is of a real judge."""

from __future__ import annotations

import pytest

from synthgen.tasks.rankings import ranked
from synthgen.tasks.verdicts import read_side


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("[\n    {'model': 'model_1', 'rank': 1},\n    {'model': 'model_2', 'rank': 2}\n]", "A"),
        ("[{'model': 'model_2', 'rank': 1}, {'model': 'model_1', 'rank': 2}]", "B"),
        ('{"ordered_models": [{"model": "m", "rank": 1}, {"model": "M", "rank": 2}]}', "A"),
        ('{"why": "…", "ordered_models": [{"model": "M", "rank": 1}, {"model": "m", "rank": 2}]}', "B"),
        ('[{"model": "output_1", "rank": 1}, {"model": "output_2", "rank": 1}]', "tie"),
        ("[{'model': 'model_1', 'rank': 1}, {'model': 'model_name', 'rank': 2}]", None),
        ("[{'model': 'model_1', 'rank': 1}]", None),
        ('[{"model": "A", "rank": 1}, {"model": "B", "rank": 2}, {"model": "A", "rank": 3}]', None),
        ('{"choice": "A++"}', "A"),
        ('{"reason of A=B": "…", "choice": "B+"}', "B"),
        ('{"choice": "A=B"}', "tie"),
        ('{"winner": "model_a"}', "A"),
        ('{"winner": "Model_B", "reasoning": "…"}', "B"),
        ('{"winner": "tie (bothbad)"}', "tie"),
        ('{"winner": 1}', None),
        ('{"preference": "B"}', "B"),
        ('{"better": "output_1"}', "A"),
        ("<reasoning>All clean.</reasoning><verdict>B</verdict>", "B"),
        ("<VERDICT>tie</VERDICT>", "tie"),
        ("It gives <answer>42</answer>.\n<verdict>A</verdict>", "A"),
        ("<answer>B</answer>", "B"),
        ("<verdict>A</verdict> no, <verdict>B</verdict>", None),
        ("Output (a)", "A"),
        ("2\n\n### Reason: Response 2 is better because it is shorter.\n\n### Reference: …", "B"),
        ("1\n\n### Reason: Response 1 names dates, while Response 2 is more general and lacks them.", "A"),
        ("Tie\n\n### Reason: Both responses are identical.", "tie"),
        ("1\n\n### Reason: Response 2 is better.", None),
        ("1\n\nReason: I count one mistake.", None),
        ("Response 1 lists steps, while Response 2 is more general and lacks details.", "A"),
        ("Response 1 is less repetitive.", "A"),
    ],
)  # fmt: skip
def test_a_verdict_in_its_own_form(text: str, side: str | None) -> None:
    assert read_side(text) == side


def test_what_is_no_ranking_is_left_to_other_readers() -> None:
    assert ranked("Verdict: A") is None and ranked('{"model": "gpt-4", "verdict": "A"}') is None
    assert ranked("[{'model': 'x', 'rank': 1}]") == "unclear"
