"""What passes between a task and a teacher: a request, and the reply's samples.

Tasks know nothing of HTTP, keys or retries; teachers know nothing of rows. Both know these classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """One question to a teacher: `messages`, `prompt` or `tokens`.

    `label`, `teacher` and `optional` are no part of the ledger key.
    """

    messages: tuple[dict[str, Any], ...] = ()
    """For the chat endpoint."""
    prompt: str | None = None
    """Raw text for the completions endpoint."""
    tokens: tuple[int, ...] | None = None
    """A text as token ids for the completions endpoint, where how likely each of them is is wanted.

    The teacher's own sampling has no part in such a request, and the same text always has the same reply: it
    is asked about once.
    """
    n: int = 1
    """How many samples are wanted."""
    sampling: dict[str, Any] = field(default_factory=dict)
    """Replaces the teacher's own options: temperature, max_tokens, stop, response_format, logprobs …"""
    label: str = ""
    """The task or step, which is sent as a header."""
    draw: int = 1
    """A higher number asks for fresh replies to the same question."""
    teacher: str | None = None
    """Another of the pipeline's teachers than the stage's own; who answers is part of the ledger key."""
    optional: bool = False
    """A permanent refusal is a reply with `refused`, and does not end the conversation."""


@dataclass(frozen=True)
class Sample:
    """One of a reply's n choices."""

    text: str
    """The visible answer."""
    key: str
    """The ledger key of the raw reply, its usage and its cost."""
    model: str
    index: int = 0
    finish_reason: str = "stop"
    reasoning: str | None = None
    """The model's own thinking, from `reasoning`, `reasoning_content` or `<think>` tags."""
    logprobs: Any = None
    prompt_logprobs: Any = None
    """For each token of a text that was asked about, the likeliest ones in its place."""
    whole: str = ""
    """The answer as it came, with the thinking that stands in tags before it."""
    tokens: tuple[int, ...] | None = None
    """The answer as token ids, where the server was asked for them and told them."""


@dataclass(frozen=True)
class Reply:
    """A teacher's answer to one request: n samples, or none where an optional request was `refused`."""

    samples: tuple[Sample, ...]
    refused: str = ""

    @property
    def first(self) -> Sample:
        """The first (or only) sample."""
        return self.samples[0]
