"""A session in memory that keeps to dispatch/contract.py: a ledger by request, and scripted replies.

mypy checks with the package that it conforms to `Session`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from synthgen.core.chat import Reply, Request, Sample
from synthgen.core.errors import BudgetReached
from synthgen.core.hashing import value_hash
from synthgen.dispatch.contract import (
    OPTIONAL_REFUSED,
    Conversation,
    FetchCounts,
    LeftOver,
    Rendered,
    Session,
    Sessions,
)
from synthgen.teachers.config import TeacherConfig

T = TypeVar("T")


class Refusal(Exception):
    """The teacher's permanent refusal of one request."""


Answer = Callable[[Request, int], str | tuple[str, str] | Refusal]
"""Request, number of the sample in the ledger -> a text, a text and its finish_reason, or a Refusal."""


class ScriptedSession:
    """A teacher that says what `answer` says; it takes `cap` requests at most, `window` of them ahead."""

    def __init__(
        self, answer: Answer, *, window: int = 8, cap: int | None = None, model: str = "scripted-1"
    ) -> None:
        self.answer, self.window, self.cap = answer, window, cap
        self.name, self.identity = "", "scripted.test"
        self.config = TeacherConfig(model=model)
        self.ledger: dict[str, Sample | Refusal] = {}
        self.sent: list[Request] = []

    @property
    def revision(self) -> str | None:
        return None

    def fetch(
        self,
        conversations: Iterable[Conversation[T]],
        *,
        total: int | None,
        stage: str,
        earlier: Iterable[Conversation[T]] = (),
    ) -> FetchCounts:
        counts, sent_before = FetchCounts(), len(self.sent)
        for rendered in self._play(conversations, earlier, ask=True):
            made = max(1, rendered.requests)
            failed = rendered.state == "failed"
            counts.planned += made
            counts.answered += made - failed - rendered.refusals
            if failed:
                counts.failed[rendered.reason] = counts.failed.get(rendered.reason, 0) + 1
            if rendered.refusals:
                counts.failed[OPTIONAL_REFUSED] = counts.failed.get(OPTIONAL_REFUSED, 0) + rendered.refusals
        counts.sent = len(self.sent) - sent_before
        return counts

    def render(
        self, conversations: Iterable[Conversation[T]], *, earlier: Iterable[Conversation[T]] = ()
    ) -> Iterator[Rendered[T]]:
        return self._play(conversations, earlier, ask=False)

    def stream(
        self,
        conversations: Iterable[Conversation[T]],
        *,
        ahead: Callable[[], int],
        stage: str,
        total: int | None,
    ) -> Iterator[Rendered[T]]:
        """Starts up to min(window, ahead()) conversations beyond the last result, and shuffles them."""
        source, seen = iter(conversations), dict[str, int]()
        shuffled = random.Random(self.window)
        waiting: list[tuple[Conversation[T], int]] = []
        while True:
            while len(waiting) < max(1, min(self.window, ahead())):
                conversation = next(source, None)
                if conversation is None:
                    break
                waiting.append((conversation, self._occurrence(conversation, seen)))
            if not waiting:
                return
            for conversation, occurrence in shuffled.sample(waiting, len(waiting)):
                self._one(conversation, occurrence, ask=True)
            yield self._one(*waiting.pop(0), ask=False)

    def left_over(self, seconds: float) -> LeftOver:
        return LeftOver()

    def stored(self, key: str) -> Sample | None:
        found = self.ledger.get(key)
        return found if isinstance(found, Sample) else None

    def account(self, keys: Iterable[str]) -> dict[str, Any]:
        return {"prompt_tokens": 10 * len(list(keys)), "completion_tokens": 1, "cost_usd": 0.5}

    def _play(
        self, conversations: Iterable[Conversation[T]], earlier: Iterable[Conversation[T]], ask: bool
    ) -> Iterator[Rendered[T]]:
        seen: dict[str, int] = {}
        for conversation in earlier:
            self._occurrence(conversation, seen)
        for conversation in conversations:
            yield self._one(conversation, self._occurrence(conversation, seen), ask)

    def _occurrence(self, conversation: Conversation[Any], seen: dict[str, int]) -> int:
        """The how-manieth conversation this is that begins with its first request, from 0."""
        try:
            key = self._key(next(conversation()))
        except StopIteration:
            return 0
        seen[key] = seen.get(key, -1) + 1
        return seen[key]

    def _key(self, request: Request) -> str:
        return value_hash([list(request.messages), request.prompt, request.sampling, request.draw])

    def _one(self, conversation: Conversation[T], occurrence: int, ask: bool) -> Rendered[T]:
        """Plays one conversation as far as the ledger, or the script, has replies."""
        generator, keys = conversation(), list[str]()
        made = refusals = 0
        try:
            request = next(generator)
            while True:
                made += 1
                first_sample = occurrence * request.n if made == 1 else 0
                samples, refusal = list[Sample](), ""
                for index in range(request.n):
                    entry = self._sample(request, first_sample + index, index, ask)
                    if entry is None:
                        generator.close()
                        return Rendered("unsent", keys=tuple(keys), requests=made - 1, refusals=refusals)
                    if isinstance(entry, Refusal):
                        refusal = str(entry) or "refused"
                        break
                    samples.append(entry)
                if refusal and not request.optional:
                    generator.close()
                    return Rendered("failed", None, "http_400", refusal, tuple(keys), made, refusals)
                refusals += bool(refusal)
                keys.extend(() if refusal else (sample.key for sample in samples))
                request = generator.send(Reply((), refusal) if refusal else Reply(tuple(samples)))
        except StopIteration as done:
            return Rendered("answered", done.value, keys=tuple(keys), requests=made, refusals=refusals)

    def _sample(self, request: Request, number: int, index: int, ask: bool) -> Sample | Refusal | None:
        """One sample from the ledger, asked for where it is not there yet; None where nobody may be asked."""
        key = f"{self._key(request)}-{number}"
        if key not in self.ledger:
            if not ask:
                return None
            if self.cap is not None and len(self.sent) >= self.cap:
                raise BudgetReached("the cap is reached")
            self.sent.append(request)
            said = self.answer(request, number)
            if isinstance(said, Refusal):
                self.ledger[key] = said
            else:
                text, reason = (said, "stop") if isinstance(said, str) else said
                self.ledger[key] = Sample(text, key, self.config.model, index, reason)
        return self.ledger[key]


class OneSession:
    """The teachers of a run that has only one."""

    def __init__(self, session: ScriptedSession) -> None:
        self.session = session

    def open(self, name: str = "") -> ScriptedSession:
        return self.session

    def open_own(self, name: str, config: TeacherConfig) -> ScriptedSession:
        return self.session

    def stop_servers(self) -> None: ...

    def close(self) -> None: ...


def _conform(session: ScriptedSession, sessions: OneSession) -> tuple[Session, Sessions]:
    """What mypy reads: both keep to their protocols."""
    return session, sessions
