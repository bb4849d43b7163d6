"""No answer found is no wrong answer: a number of its own, of which some were cut."""

from __future__ import annotations

import pytest

from synthgen.evaluation.compare import Answer, ModelAnswers, compare, score
from synthgen.evaluation.metrics.exact_match import ExactMatch, ExactMatchConfig
from synthgen.evaluation.outcomes import count_outcomes, outcome_of
from synthgen.evaluation.scoreboard import scoreboard
from synthgen.evaluation.verdict import Terms, verdict_lines, verdict_report

METRICS = {"exact_match": ExactMatch(ExactMatchConfig())}
REPLIES = [
    Answer.of("The answer is 4.", "stop"),
    Answer.of("The answer is 5.", "stop"),
    Answer.of("It is hard to say what the sum of the two could be", "stop"),
    Answer.of("So the answer is 4", "length"),
    Answer.of("The answer is 4.\nLet me check it", "length"),
    Answer("", None, "template", "template"),
]


def test_what_a_reply_is() -> None:
    scored = list(zip(REPLIES, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0], strict=True))
    assert [outcome_of(*one) for one in scored] == [
        *("right", "wrong", "no_answer", "no_answer", "right", "no_reply")
    ]
    assert count_outcomes([*scored, (REPLIES[0], None)]) == {
        "right": 2,
        "wrong": 1,
        "no_answer": 2,
        "no_answer_cut": 1,
        "no_reply": 1,
    }


def models() -> list[ModelAnswers]:
    student = ModelAnswers("student", "student", REPLIES)
    teacher = ModelAnswers("teacher", "teacher", [REPLIES[0]] * 5 + [REPLIES[2]])
    score([student, teacher], ["4"] * 6, METRICS)
    return [student, teacher]


def test_it_stands_beside_wrong_in_the_figures_and_the_table() -> None:
    figures = compare(models(), METRICS)
    outcomes = figures["models"]["student"]["exact_match"]["outcomes"]
    assert (outcomes["right"], outcomes["wrong"], outcomes["no_answer"], outcomes["no_reply"]) == (2, 1, 2, 1)
    assert figures["models"]["student"]["no_answer"] == 2
    rest = {"in": 6, "reference": "reference", "questions": 6, "with_reference": 6, "leakage": None}
    report = {**rest, "metrics": ["exact_match"], "decoding": {"max_new_tokens": 8}, **figures}
    text = scoreboard(report)
    student = next(line for line in text.splitlines() if line.startswith("student "))
    before = text[: text.index(student)].split()
    assert before.index("wrong") < len(before) and ["no", "answer"] == [
        w for w in before if w in ("no", "answer")
    ]
    assert student.split()[:7] == ["student", "33.3%", "9.7–70.0", "–", "–", "16.7%", "33.3%"]


def test_the_verdict_counts_it_among_the_rows_that_both_have() -> None:
    student, teacher = models()
    teacher.scores["exact_match"][2] = None
    report = verdict_report([student, teacher], Terms("exact_match", True, 0.03, 0.95, 0.5))
    figures = report["students"]["student"]
    assert figures["no_answer"] == {"student": 1, "teacher": 1}
    assert sum(figures["agreement"].values()) == 5
    text = "\n".join(verdict_lines({"verdict": report}))
    assert "no answer found, which counts as wrong: student 1, teacher 1" in text


def test_all_draws_count() -> None:
    student = ModelAnswers("student", "student", REPLIES[:2], draws=[REPLIES[:2], REPLIES[2:4]])
    score([student], ["4", "4"], METRICS)
    outcomes = compare([student], METRICS)["models"]["student"]["exact_match"]["outcomes"]
    assert (outcomes["right"], outcomes["wrong"], outcomes["no_answer"]) == (1, 1, 2)


@pytest.mark.parametrize(
    "text", ["The answer is 12", "12", "#### 12", "The answer is \\boxed{1", '{"answer": 12']
)
def test_an_answer_that_was_cut_is_no_answer(text: str) -> None:
    assert Answer.of(text, "length").parsed is None
