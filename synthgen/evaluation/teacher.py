"""What the teacher answers to the test questions: asked as the student is, at temperature 0, through the ledger."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from synthgen.dispatch.contract import Conversation, Session
from synthgen.evaluation.compare import Answer, ModelAnswers
from synthgen.exchange import Reply, Request, Sample
from synthgen.records import Row
from synthgen.teachers.config import TeacherConfig
from synthgen.training.prompting import student_prompt

LABEL = "rationale"


@dataclass
class TeacherAnswers:
    """The teacher among the models; the rows (by number) that got no answer and why; requests and what they cost."""

    model: ModelAnswers
    failed: dict[int, str] = field(default_factory=dict)
    requests: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)


def asking(rows: Sequence[Row], max_new_tokens: int, teacher: TeacherConfig) -> Iterator[Conversation[Sample]]:
    """One conversation for each row: one question, one reply.

    Thinking counts as tokens, so a teacher keeps its own `max_tokens` where that is more.
    """
    sampling = {"temperature": 0, "max_tokens": max(max_new_tokens, teacher.sampling.max_tokens or 0)}
    return (partial(_ask, row, sampling) for row in rows)


def teacher_answers(session: Session, conversations: Iterator[Conversation[Sample]]) -> TeacherAnswers:
    """The answers that the ledger holds, in the order of the questions; nobody is asked."""
    found = TeacherAnswers(ModelAnswers("teacher", "teacher", [], source=session.config.model))
    states = {"answered": 0, "failed": 0, "unsent": 0}
    keys: list[str] = []
    for number, rendered in enumerate(session.render(conversations)):
        states[rendered.state] += 1
        keys.extend(rendered.keys)
        if rendered.state == "answered" and rendered.result is not None:
            found.model.answers.append(Answer.of(rendered.result.text, rendered.result.finish_reason))
            continue
        reason = "budget" if rendered.state == "unsent" else rendered.reason or "failed"
        found.failed[number] = reason
        found.model.answers.append(Answer("", None, "failed", reason))
    reasons: dict[str, int] = {}
    for reason in found.failed.values():
        reasons[reason] = reasons.get(reason, 0) + 1
    reasons.pop("budget", None)
    found.requests = {"planned": sum(states.values()), "answered": states["answered"], "failed": dict(sorted(reasons.items())), "unsent": states["unsent"]}
    found.usage = session.account(keys) if keys else {}
    return found


def _ask(row: Row, sampling: dict[str, Any]) -> Generator[Request, Reply, Sample]:
    reply = yield Request(messages=tuple(student_prompt(row)), sampling=dict(sampling), label=LABEL)
    return reply.first
