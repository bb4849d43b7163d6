"""A conversation under way: its generator, the request it waits for, and the ledger keys it has used."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable
from typing import Any, Generic, TypeVar

from synthgen.core.chat import Reply, Request, Sample
from synthgen.dispatch.contract import Conversation, Rendered
from synthgen.dispatch.request_key import KeyedRequest, MakeKey
from synthgen.store.ledger.body import parse_body
from synthgen.store.ledger.key import key_of
from synthgen.store.ledger.ledger import Ledger, Lookup
from synthgen.teachers.replies import sample_of

T = TypeVar("T")


class Occurrences:
    """How often each first request was made, so that a repeated one takes fresh samples.

    Kept in a temporary file that SQLite caches: memory does not grow with the rows.
    """

    def __init__(self) -> None:
        self._table = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._table.execute("PRAGMA journal_mode=OFF")
        self._table.execute("PRAGMA synchronous=OFF")
        self._table.execute("CREATE TABLE seen(digest BLOB PRIMARY KEY, used INTEGER NOT NULL) WITHOUT ROWID")
        self._table.execute("BEGIN")

    def first_sample(self, digest: bytes, n: int) -> int:
        """The index of this occurrence's first sample in the ledger; the occurrence takes n of them."""
        row = self._table.execute(
            "INSERT INTO seen(digest, used) VALUES (?,?) ON CONFLICT(digest) DO UPDATE SET used = "
            "used + excluded.used RETURNING used",
            (digest, n),
        ).fetchone()
        return int(row[0]) - n

    def count_earlier(self, conversations: Iterable[Conversation[Any]], make_key: MakeKey) -> Occurrences:
        """Counts the first requests of conversations that stand before those to come."""
        for conversation in conversations:
            earlier = ActiveConversation(0, conversation)
            earlier.advance(make_key, self)
            earlier.unsent()
        return self

    def close(self) -> None:
        """Drops the temporary file."""
        self._table.close()


class ActiveConversation(Generic[T]):
    """One conversation; `advance` takes it from one request to the next.

    Args:
        index: its place in the sequence of conversations.
        conversation: what starts its generator.
    """

    __slots__ = (
        "index",
        "_generator",
        "request",
        "keyed",
        "start",
        "have",
        "keys",
        "requests",
        "refusals",
        "refused",
        "result",
    )

    def __init__(self, index: int, conversation: Conversation[T]) -> None:
        self.index = index
        self._generator: Generator[Request, Reply, T] = conversation()
        self.request: Request | None = None
        self.keyed: KeyedRequest | None = None
        self.start = 0
        self.have: dict[int, Sample] = {}
        self.keys: list[str] = []
        self.requests = self.refusals = 0
        self.refused = ""
        self.result: T | None = None

    def advance(self, make_key: MakeKey, occurrences: Occurrences) -> bool:
        """Sends the reply in and takes the next request; False where the conversation has ended."""
        try:
            if self.request is None:
                request = next(self._generator)
            elif self.refused:
                request = self._generator.send(Reply((), self.refused))
            else:
                samples = tuple(
                    self.have[sample] for sample in range(self.start, self.start + self.request.n)
                )
                self.keys.extend(sample.key for sample in samples)
                request = self._generator.send(Reply(samples))
        except StopIteration as stop:
            self.result = stop.value
            return False
        first = self.request is None
        self.request, self.keyed, self.have, self.refused = request, make_key(request), {}, ""
        draws = first and request.tokens is None
        self.start = occurrences.first_sample(self.keyed.digest, request.n) if draws else 0
        self.requests += 1
        return True

    def look_up(self, ledger: Ledger, run: str, since: float) -> Lookup:
        """Takes what the ledger has for the request that is waited for."""
        assert self.request is not None and self.keyed is not None
        lookup = ledger.look_up(self.keyed.digest, self.start, self.request.n, run=run, since=since)
        for sample, stored in lookup.samples.items():
            if sample not in self.have:
                self.take(sample, parse_body(stored.body) or {}, stored.choice)
        if lookup.permanent and self.missing:
            self.refuse(lookup.reason)
        return lookup

    def take(self, sample: int, parsed: dict[str, object], choice: int) -> None:
        """Takes one sample of a reply."""
        assert self.keyed is not None
        name = str(self.keyed.body.get("model") or "")
        self.have[sample] = sample_of(
            parsed, choice, key=key_of(self.keyed.digest, sample), index=sample - self.start, model=name
        )

    def refuse(self, reason: str) -> bool:
        """Takes a permanent refusal as the answer if the request is optional; returns whether it is."""
        assert self.request is not None
        if self.request.optional:
            self.refused = reason
            self.refusals += 1
        return self.request.optional

    @property
    def optional(self) -> bool:
        """Whether the conversation goes on where the request that it waits for is refused."""
        return self.request is not None and self.request.optional

    @property
    def missing(self) -> tuple[int, ...]:
        """The ledger's sample indexes that are still wanted."""
        assert self.request is not None
        if self.refused:
            return ()
        return tuple(
            sample for sample in range(self.start, self.start + self.request.n) if sample not in self.have
        )

    def answered(self) -> Rendered[T]:
        """The end of a conversation that has a result."""
        return Rendered(
            "answered", self.result, keys=tuple(self.keys), requests=self.requests, refusals=self.refusals
        )

    def failed(self, reason: str, detail: str) -> Rendered[T]:
        """The end of a conversation that has no reply to a request."""
        self._generator.close()
        return Rendered("failed", None, reason, detail, tuple(self.keys), self.requests, self.refusals)

    def unsent(self) -> Rendered[T]:
        """The end of a conversation whose request was not sent."""
        self._generator.close()
        return Rendered("unsent", None, "unsent", "", tuple(self.keys), self.requests, self.refusals)


def render_one(
    active: ActiveConversation[T],
    make_key: MakeKey,
    occurrences: Occurrences,
    ledger: Ledger,
    run: str,
    since: float,
) -> Rendered[T]:
    """Plays one conversation from the ledger; nothing is sent.

    Args:
        active: the conversation, not advanced yet.
        make_key: makes the keys of its requests.
        occurrences: the first requests of those before it.
        ledger: where replies are looked up.
        run: the run whose failures count.
        since: the time from which failures count.

    Returns:
        Its result, or why there is none.
    """
    while active.advance(make_key, occurrences):
        lookup = active.look_up(ledger, run, since)
        if active.missing:
            return active.failed(lookup.reason, lookup.detail) if lookup.reason else active.unsent()
    return active.answered()
