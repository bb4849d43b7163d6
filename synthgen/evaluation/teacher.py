"""What the teacher answers to the test questions, asked and drawn as the student is."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from synthgen.core.chat import Reply, Request, Sample
from synthgen.core.rows import Row
from synthgen.dispatch.contract import Conversation, Session
from synthgen.evaluation.asking import Account, Failure, Tally
from synthgen.evaluation.compare import Answer, ModelAnswers
from synthgen.teachers.config import TeacherConfig
from synthgen.training.prompting import student_prompt

LABEL = "rationale"


@dataclass(frozen=True)
class Drawn:
    """How answers are drawn: one at temperature 0, or several."""

    samples: int = 1
    temperature: float = 0
    top_p: float = 1.0


@dataclass(frozen=True)
class TeacherAnswers:
    """The teacher among the models, why rows (by their index) got no answer, and the account."""

    model: ModelAnswers
    failed: dict[int, Failure]
    account: Account


def conversations_with_teacher(
    rows: Sequence[Row], max_new_tokens: int, teacher: TeacherConfig, drawn: Drawn | None = None
) -> Iterator[Conversation[tuple[Sample, ...]]]:
    """One conversation for each row: one question, one reply, or as many as are drawn.

    Thinking counts as tokens, so a teacher keeps its own `max_tokens` where that is more.
    """
    drawn = drawn or Drawn()
    sampling = {
        "temperature": drawn.temperature,
        **({"top_p": drawn.top_p} if drawn.top_p < 1 else {}),
        "max_tokens": max(max_new_tokens, teacher.sampling.max_tokens or 0),
    }
    return (partial(_ask, row, sampling, drawn.samples) for row in rows)


def teacher_answers(
    session: Session, conversations: Iterator[Conversation[tuple[Sample, ...]]], samples: int = 1
) -> TeacherAnswers:
    """The answers that the ledger holds, in the order of the questions; nobody is asked."""
    model = ModelAnswers("teacher", "teacher", [], source=session.config.model)
    draws: list[list[Answer]] = [[] for _ in range(samples)]
    failed: dict[int, Failure] = {}
    tally = Tally()
    for index, rendered in enumerate(session.render(conversations)):
        failure = tally.add(rendered)
        if failure is not None or rendered.result is None:
            failed[index] = failure or Failure("failed")
            said = [Answer("", None, "failed", failed[index].reason)] * samples
        else:
            said = [Answer.of(sample.text, sample.finish_reason) for sample in rendered.result]
            # An endpoint may give fewer choices than were asked for.
            said += [Answer("", None, "failed", "too_few_samples")] * (samples - len(said))
        for answers, answer in zip(draws, said, strict=False):
            answers.append(answer)
    model.answers, model.draws = draws[0], draws if samples > 1 else []
    return TeacherAnswers(model, failed, tally.account(session))


def _ask(row: Row, sampling: dict[str, Any], samples: int) -> Generator[Request, Reply, tuple[Sample, ...]]:
    messages = tuple(student_prompt(row))
    reply = yield Request(messages=messages, sampling=dict(sampling), label=LABEL, n=samples)
    return reply.samples
