"""What became of each reply: right, wrong, without an answer that can be read, or none at all.

A wrong answer and one that was not found call for other work: more or better training rows for the one, a
clearer mark, another prompt or more tokens for the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Protocol

Outcome = Literal["right", "wrong", "no_answer", "no_reply"]


class ReadReply(Protocol):
    """What is known of a reply; see `compare.Answer`."""

    @property
    def parsed(self) -> str | None:
        """The final answer; None where none was found, or where a cut may have gone through it."""
        ...

    @property
    def ending(self) -> str:
        """Why it ended."""
        ...

    @property
    def failed(self) -> str:
        """Why there is none; "" where there is one."""
        ...


def outcome_of(reply: ReadReply, score: float) -> Outcome:
    """What one reply is, whose score is 0 or 1."""
    if score:
        return "right"
    if reply.failed:
        return "no_reply"
    return "no_answer" if reply.parsed is None else "wrong"


def count_outcomes(scored: Iterable[tuple[ReadReply, float | None]]) -> dict[str, Any]:
    """How many replies are what; `no_answer_cut` of those without an answer were cut at the limit of tokens.

    Args:
        scored: replies with their scores, 0 or 1; those without a score do not count.
    """
    found = [(outcome_of(reply, score), reply.ending) for reply, score in scored if score is not None]
    words = [word for word, _ in found]
    return {
        "right": words.count("right"),
        "wrong": words.count("wrong"),
        "no_answer": words.count("no_answer"),
        "no_answer_cut": found.count(("no_answer", "length")),
        "no_reply": words.count("no_reply"),
    }
