"""How a stage has its task's requests sent: as another draw, and once more with room where a reply was cut."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from synthgen.dispatch.contract import Conversation
from synthgen.exchange import Reply, Request, Sample
from synthgen.teachers.config import Sampling

ROOM = 4  # times max_tokens, for the second try of a cut reply


@dataclass(frozen=True)
class Sending:
    """The draw that is asked for, and whether samples cut at max_tokens are asked for once more with four times the room.

    `max_tokens` is the teacher's own; where neither it nor the request bounds a reply, there is nothing to escalate.
    """

    draw: int = 1
    escalate: bool = False
    max_tokens: int | None = None

    @classmethod
    def of(cls, draw: int, on_length: str, sampling: Sampling) -> Sending:
        """As a stage's options say."""
        return cls(draw, on_length == "escalate", sampling.max_tokens)

    def __call__(self, conversation: Conversation[Any]) -> Conversation[Any]:
        """The same conversation, its requests sent this way; what the task sees is one request and one reply."""
        return conversation if self.draw == 1 and not self.escalate else partial(self._talk, conversation)

    def _talk(self, conversation: Conversation[Any]) -> Generator[Request, Reply, Any]:
        talk = conversation()
        try:
            request = next(talk)
            while True:
                drawn = replace(request, draw=self.draw)
                reply = yield drawn
                longer = self._longer(drawn, reply)
                if longer is not None:
                    reply = _mended(reply, (yield longer))
                request = talk.send(reply)
        except StopIteration as done:
            return done.value

    def _longer(self, request: Request, reply: Reply) -> Request | None:
        limit = request.sampling.get("max_tokens") or self.max_tokens
        cut = sum(sample.finish_reason == "length" for sample in reply.samples)
        if not self.escalate or not cut or not isinstance(limit, int):
            return None
        return replace(request, n=cut, sampling={**request.sampling, "max_tokens": ROOM * limit})


def _mended(reply: Reply, longer: Reply) -> Reply:
    """The reply with its cut samples replaced, in order, by the longer ones under the cut ones' numbers."""
    fresh = iter(longer.samples)
    return Reply(tuple(_renumbered(next(fresh), sample.index) if sample.finish_reason == "length" else sample for sample in reply.samples))


def _renumbered(sample: Sample, index: int) -> Sample:
    return replace(sample, index=index)
