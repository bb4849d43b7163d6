"""Sessions that send nothing: what the ledger lacks is written into batch files instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from synthgen.core.chat import Sample
from synthgen.core.errors import ConfigError, SynthgenError
from synthgen.dispatch.batch.book import BatchBook, PartWriter
from synthgen.dispatch.contract import Conversation, FetchCounts, LeftOver, Rendered
from synthgen.dispatch.conversation import ActiveConversation, Occurrences
from synthgen.dispatch.request_key import KeyedRequest
from synthgen.dispatch.sending.cost import Cost, worst_case
from synthgen.dispatch.session import TeacherSession, TeacherSessions
from synthgen.teachers.config import TeacherConfig

T = TypeVar("T")
BATCH_SHARE = 0.5
"""What a batch costs of the price of live requests, at OpenAI, Azure and Anthropic alike."""


class AwaitsBatch(SynthgenError):
    """A stage waits until the batches with its requests are collected: the good end of `batch prepare`."""

    exit_code = 0

    def __init__(self, stage: str, counts: FetchCounts, written: int) -> None:
        self.stage, self.counts, self.written = stage, counts, written
        super().__init__(f"{stage}: {counts.unsent:,} of {counts.planned:,} requests wait for a batch")


class PreparingSession:
    """One teacher's session; see `contract.Session`."""

    def __init__(self, inner: TeacherSession, owner: PreparingSessions) -> None:
        self._inner, self._owner = inner, owner
        self.name, self.config = inner.name, inner.config
        self.identity, self.revision = inner.identity, inner.revision

    def fetch(
        self,
        conversations: Iterable[Conversation[T]],
        *,
        total: int | None,
        stage: str,
        earlier: Iterable[Conversation[T]] = (),
    ) -> FetchCounts:
        """Writes what is missing into batch files.

        Of a chain of requests only the next one can be sent; those after it come with the next `prepare`.

        Args:
            conversations: what to ask.
            total: how many there are, for the progress; None where that is not known.
            stage: the name under which progress is shown.
            earlier: see `contract.Session`.

        Returns:
            The account, where nothing is missing.

        Raises:
            AwaitsBatch: something is missing.
        """
        owner, make_key = self._owner, self._inner.keyed
        counts = FetchCounts()
        occurrences = Occurrences().count_earlier(earlier, make_key)
        # By teacher and endpoint: a file may name only one.
        writers: dict[tuple[str | None, str], PartWriter] = {}
        owner.book.begin()
        whole = False
        try:
            with owner.inner.reporter.stage(stage, total) as progress:
                for index, conversation in enumerate(conversations):
                    active: ActiveConversation[T] = ActiveConversation(index, conversation)
                    missing = self._first_missing(active, occurrences, counts)
                    if missing is not None:
                        self._add(missing, active.missing, writers)
                    active.unsent()
                    progress.update(done=index + 1)
            for writer in writers.values():
                writer.close()
            whole = True
        finally:
            owner.book.end(whole)
            occurrences.close()
        written = sum(writer.requests for writer in writers.values())
        owner.written += written
        if counts.unsent:
            raise AwaitsBatch(stage, counts, written)
        return counts

    def _first_missing(
        self, active: ActiveConversation[Any], occurrences: Occurrences, counts: FetchCounts
    ) -> KeyedRequest | None:
        """Plays a conversation and counts its requests; the first that the ledger lacks, or None.

        Raises:
            ConfigError: it asks about a text's tokens, at an endpoint that no batch has.
        """
        sessions = self._owner.inner
        while active.advance(self._inner.keyed, occurrences):
            counts.planned += 1
            lookup = active.look_up(sessions.ledger, sessions.run, sessions.since)
            if not active.missing:
                counts.answer(active.refused)
                continue
            if lookup.reason:
                counts.failed[lookup.reason] = counts.failed.get(lookup.reason, 0) + 1
                return None
            if active.keyed is not None and active.keyed.prompt_tokens is not None:
                raise ConfigError(
                    "no batch file can ask how likely the tokens of a text are",
                    self.name or self.config.model,
                    "run that stage live: `synthgen run`, up to it; what is asked after it can be batched",
                )
            counts.unsent += 1
            return active.keyed
        return None

    def _add(
        self,
        keyed: KeyedRequest,
        samples: tuple[int, ...],
        writers: dict[tuple[str | None, str], PartWriter],
    ) -> None:
        """Adds the missing samples of a request to a batch file of its teacher and endpoint."""
        whose, file = self._inner.of(keyed.teacher), (keyed.teacher, keyed.path)
        if file not in writers:
            writers[file] = PartWriter(
                self._owner.book,
                whose.name,
                one_by_one=not whose.provider.supports_n,
                **self._owner.limits,
            )
        writers[file].add(keyed, samples, self._worst(keyed, whose.config))

    def render(
        self, conversations: Iterable[Conversation[T]], *, earlier: Iterable[Conversation[T]] = ()
    ) -> Iterator[Rendered[T]]:
        """See `contract.Session`."""
        return self._inner.render(conversations, earlier=earlier)

    def stream(
        self,
        conversations: Iterable[Conversation[T]],
        *,
        ahead: Callable[[], int],
        stage: str,
        total: int | None,
    ) -> Iterator[Rendered[T]]:
        """Refuses, since what a stream asks next depends on the replies so far.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            f"{stage} cannot be asked in batches: which requests it makes depends on the replies before them",
            next="run it live; stages that ask about rows can be batched",
        )

    def left_over(self, seconds: float) -> LeftOver:
        """See `contract.Session`; there is never a stream."""
        return LeftOver()

    def stored(self, key: str) -> Sample | None:
        """See `contract.Session`."""
        return self._inner.stored(key)

    def account(self, keys: Iterable[str]) -> dict[str, Any]:
        """See `contract.Session`."""
        return self._inner.account(keys)

    def _worst(self, keyed: KeyedRequest, teacher: TeacherConfig) -> Cost:
        """The worst case of one sample at a batch's price; nothing where there is no budget."""
        budget = self._owner.inner.budget
        if budget is None:
            return Cost(0.0, 0)
        worst = worst_case(keyed, 1, teacher, budget)
        return Cost(worst.usd * BATCH_SHARE, worst.tokens)


class PreparingSessions:
    """The teachers of one run, none of which is asked; see `contract.Sessions`."""

    def __init__(self, inner: TeacherSessions, book: BatchBook, **limits: int) -> None:
        self.inner, self.book, self.limits = inner, book, limits
        self.written = 0
        """Requests written into batch files so far."""

    def open(self, name: str = "") -> PreparingSession:
        """See `contract.Sessions`."""
        return PreparingSession(self.inner.open(name), self)

    def open_own(self, name: str, config: TeacherConfig) -> PreparingSession:
        """See `contract.Sessions`."""
        return PreparingSession(self.inner.open_own(name, config), self)

    def stop_servers(self) -> None:
        """Does nothing: none was started."""

    def close(self) -> None:
        """Closes the ledger; the book is its opener's."""
        self.inner.close()


def batch_folder(run_dir: Path) -> Path:
    """Where a run's batch files are."""
    return run_dir / "batches"
