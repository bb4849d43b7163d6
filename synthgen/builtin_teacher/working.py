"""Questions that the teacher works out: their subject, their working, and the reply in words."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from synthgen.builtin_teacher import arithmetic, logic, mistakes
from synthgen.builtin_teacher.mistakes import Draft
from synthgen.builtin_teacher.request import Request

_LABEL = re.compile(r"(?:^|\n)\s*(?:Q|Question|Problem)\s*:\s*", re.IGNORECASE)
_AFTER = re.compile(r"\n\s*(?:A|Answer|Rationale|Reasoning|Solution)\s*:|\n\s*\n")


@dataclass(frozen=True)
class KnownQuestion:
    """A question that the teacher can work out, its subject, its working, and the kind of a puzzle."""

    question: str
    subject: str
    working: arithmetic.Working | logic.Worked
    kind: str | None = None

    def in_words(self, slip: random.Random | None = None) -> str:
        """The reply: the steps, then the answer on a last line; `slip` puts one slip in."""
        worked = self.working
        if slip is not None:
            worked = (
                arithmetic.slip(worked, slip)
                if isinstance(worked, arithmetic.Working)
                else logic.slip(worked, slip)
            )
        return f"{worked.rationale}\nThe answer is {worked.answer}."


def work_out(question: str) -> KnownQuestion | None:
    """A question with its working; None for questions of other kinds, and where a result is not whole."""
    working = arithmetic.work_out(question)
    if working is not None:
        whole = all(
            step.result >= 1 and (step.operation != "/" or step.left == step.right * step.result)
            for step in working.steps
        )
        return KnownQuestion(question, "arithmetic", working) if whole else None
    puzzle = logic.read(question)
    return None if puzzle is None else KnownQuestion(question, "logic", puzzle[1], puzzle[0])


def make_problem(subject: str, rng: random.Random, kind: str | None = None) -> tuple[str, str]:
    """A new question of a subject and its reference; `kind` is that of a puzzle, any where left out."""
    made = arithmetic.make_problem(rng) if subject == "arithmetic" else logic.make_problem(rng, kind)
    return made.question, made.reference


def find_question(text: str) -> KnownQuestion | None:
    """The question in a prompt: what follows the last `Question:` or `Q:`, else all of it or a paragraph."""
    return next((question for question in map(work_out, _candidates(text)) if question is not None), None)


def _candidates(text: str) -> Iterator[str]:
    labels = list(_LABEL.finditer(text))
    if labels:
        after_label = text[labels[-1].end() :]
        yield _AFTER.split(after_label, maxsplit=1)[0].strip()
        yield after_label.strip()
    yield text.strip()
    if not labels:
        yield from (part.strip() for part in re.split(r"\n\s*\n", text) if part.strip())


def write_rationale(request: Request, sample: int, question: KnownQuestion) -> Draft:
    """The rationale and answer for a question, with the sample's mistake."""
    mistake = mistakes.mistake_of(request, sample, mistakes.IN_RATIONALES)
    if mistake is None:
        return Draft(question.in_words(), "stop", None)
    rng = request.rng(sample, "rationale")
    if mistake == "refusal":
        return Draft(mistakes.refuse(rng), "stop", mistake)
    if mistake == "wrong_answer":
        return Draft(question.in_words(slip=rng), "stop", mistake)
    if mistake == "truncated":
        return Draft(mistakes.cut_short(question.in_words(), rng), "length", mistake)
    following = work_out(make_problem(question.subject, rng)[0])
    assert following is not None
    text = mistakes.run_on(question.in_words(), following.question, following.in_words(), rng)
    return Draft(text, "stop", mistake)
