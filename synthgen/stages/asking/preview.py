"""Previews: what a stage would ask about a few rows, in which words, and what becomes of the replies.

Each asking stage has `plan_preview(inputs, config, context, n, ask)`, which gives one `Preview` for each of
the first n rows or calls. Replies stay in the ledger. With `ask=False` nobody is asked: what the ledger
cannot answer in full is left out.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from synthgen.core.chat import Reply, Request
from synthgen.core.rows import Row
from synthgen.dispatch.contract import Conversation, Rendered, Session
from synthgen.dispatch.relay import relay

T = TypeVar("T")


@dataclass(frozen=True)
class Exchange:
    """One request as it was made, and the reply, or None where there was none."""

    request: Request
    reply: Reply | None


class Answered(NamedTuple, Generic[T]):
    """A conversation's number, its exchanges, and its result or why there is none."""

    number: int
    exchanges: list[Exchange]
    rendered: Rendered[T]


@dataclass
class Preview:
    """One input row (None where rows are made from seeds), what was asked about it, and what became of it.

    `rows` are finished rows; those that the task itself or the pool rejects carry `rejection`.
    `failed` is the reason where there was no result, with the server's words. `keys` are ledger keys, for
    usage and cost. `asks` names the part of a stage that asks for several things (evaluate: the teacher's
    answer, each judging metric), `teacher` who is asked.
    """

    row: Row | None
    exchanges: list[Exchange]
    rows: list[Row] = field(default_factory=list)
    failed: str = ""
    keys: tuple[str, ...] = ()
    asks: str = ""
    teacher: str = ""
    note: str = ""
    """What there is to show beside replies and rows."""


def answers(
    session: Session, conversations: Sequence[Conversation[T]], stage: str, ask: bool
) -> Iterator[Answered[T]]:
    """The exchanges of each conversation, and what becomes of it.

    Args:
        session: the teacher that is asked.
        conversations: what is asked.
        stage: the name that progress is shown under.
        ask: whether the teacher is asked; where not, only conversations that the ledger answers are given.

    Yields:
        The answered conversations, in order.
    """
    logs: list[list[Exchange]] = [[] for _ in conversations]
    recorded: list[Conversation[T]] = [
        partial(_recorded, conversation, log) for conversation, log in zip(conversations, logs, strict=True)
    ]
    results = (
        session.stream(recorded, ahead=lambda: len(recorded), stage=stage, total=len(recorded))
        if ask
        else session.render(recorded)
    )
    with closing(results):  # type: ignore[type-var]
        for number, (log, rendered) in enumerate(zip(logs, results, strict=True)):
            if rendered.state != "unsent":
                yield Answered(number, list(log), rendered)


def why_failed(rendered: Rendered[Any]) -> str:
    """Why a conversation came to nothing, with the server's words."""
    return f"{rendered.reason}: {rendered.detail}" if rendered.detail else rendered.reason


def _recorded(conversation: Conversation[T], log: list[Exchange]) -> Generator[Request, Reply, T]:
    """The same conversation, its exchanges noted in `log`; a fresh start forgets those of the one before."""

    def noted(request: Request) -> Generator[Request, Reply, Reply]:
        log.append(Exchange(request, None))
        reply = yield request
        log[-1] = Exchange(request, reply)
        return reply

    log.clear()
    return (yield from relay(conversation, noted)())
