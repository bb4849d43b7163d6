"""The short preview: the prompt once, a line a sample that says what became of it, a summary."""

from copy import deepcopy

import pytest

from synthgen.core.text import width
from synthgen.operations.estimate.preview_text import PROMPT, SAMPLES, preview_summary, preview_text

QUESTION = "Tom has 3 apples and buys 4 more at the market. How many apples has he in the end?"


def made(*ends, rejected=(), failed="", **more):
    """A preview of one question whose samples end as `ends` says: (answer, what rules say of it)."""
    return {
        "messages": [[{"role": "system", "content": "Work it out."}, {"role": "user", "content": QUESTION}]],
        "replies": [[{"text": "The answer is 7.", "reasoning": None, "finish_reason": "stop"}]],
        "rows": [
            {"row": {"instruction": QUESTION, "final_answer": answer}, "verdicts": verdicts}
            for answer, verdicts in ends
        ],
        "rejected": [
            {"instruction": QUESTION, "rejection": {"rule": rule, "value": value}} for rule, value in rejected
        ],
        **({"failed": failed} if failed else {}),
        **more,
    }


def shown(*previews):
    return {
        "stage": "worked",
        "previews": list(previews),
        "prompt_tokens": 12,
        "completion_tokens": 3,
        "cost_usd": 0.02,
    }


def decided(keep, value=None, threshold=None):
    return {"keep": keep, "value": value, "threshold": threshold}


@pytest.mark.parametrize(
    ("preview", "line", "summary"),
    [
        (made(("44", {"answer_match": decided(True, "44", "44")})), "ok 44", "1 ok"),
        (made(("26", {"answer_match": decided(False, "26", "27")})), "26, wanted 27", "1 wrong"),
        (
            made((None, {"answer_match": decided(False, "no answer", "27")})),
            "no answer found",
            "1 without an answer",
        ),
        (made(("7", {"length": decided(False, 3, 5)})), "rejected: length (3)", "1 length"),
        (made(rejected=[("no_rationale", None)]), "rejected: no_rationale", "1 no_rationale"),
        (made(failed="http_500"), "failed: http_500", "1 failed"),
    ],
)
def test_a_line_says_what_became_of_a_sample(preview, line, summary):
    text = preview_summary(shown(preview))
    assert f"\n  1  {line}" in text and f"\nof 1: {summary}\n" in text


def test_the_first_failing_rule_is_the_one_that_is_named():
    verdicts = {
        "refusal": decided(True),
        "length": decided(False, 3),
        "answer_match": decided(False, "1", "7"),
    }
    assert "  1  rejected: length (3)  Tom has" in preview_summary(shown(made(("1", verdicts))))


def test_the_prompt_stands_there_once_and_every_sample_fits_its_line():
    text = preview_summary(shown(*(made(("7", {})) for _ in range(3))), 80)
    assert text.count("Work it out.") == 1 and text.count("  ok 7  ") == 3
    assert max(map(width, text.splitlines())) <= 80 and "of 3: 3 ok" in text and "$0.02" in text
    assert preview_text(shown(*(made(("7", {})) for _ in range(3)))).count("Work it out.") == 3


def test_long_prompts_and_many_samples_are_cut_and_said_to_be():
    long = made(*[("7", {})] * (SAMPLES + 2))
    long["messages"][0][0]["content"] = "\n".join(f"Line {number}." for number in range(60))
    text = preview_summary(shown(long))
    assert "and 2 more" in text and f"of {SAMPLES + 2}: {SAMPLES + 2} ok" in text and "--full" in text
    assert "Line 0." in text and "Line 30." not in text and QUESTION[:40] in text
    assert len(text.splitlines()) < PROMPT + SAMPLES + 15


def test_answers_of_an_evaluation_are_held_to_the_reference():
    rows = [
        {"question": QUESTION, "reference": "7", "answer": "7.0"},
        {"question": QUESTION, "reference": "7", "answer": "8"},
        {"question": QUESTION, "reference": "7", "answer": None},
        {"question": QUESTION, "answer": "8"},
    ]
    preview = made(asks="the teacher's answers")
    preview["rows"] = [{"row": row, "verdicts": {}} for row in rows]
    text = preview_summary(shown(preview, {**deepcopy(preview), "asks": "judge", "rows": []}))
    assert "ok 7.0" in text and "8, wanted 7" in text and "no answer found" in text and "answered 8" in text
    assert "=== worked: the teacher's answers, the first of 1" in text and "=== worked: judge" in text


def test_nothing_of_a_reply_is_obeyed():
    hostile = made(("\x1b[31m7\u202e", {"length": decided(False, "\x1b]0;x\x07")}))
    hostile["replies"][0][0]["text"] = "\x1b[2Jgone\u2066"
    text = preview_summary(shown(hostile))
    assert not set(text) & set("\x1b\x07\u202e\u2066")
