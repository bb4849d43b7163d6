"""The ledger's writer: one thread that commits what it is given, in groups, each synchronous to disk.

A group is whatever came in while the one before it was being committed, and what comes within `LINGER`
seconds more while there is traffic. So a lone reply is on disk within milliseconds, and a thousand a second
cost few commits. An `OnCommit` is called after its write's commit, never before.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from synthgen.core.errors import SynthgenError
from synthgen.store.ledger.file import Claim, unwritable
from synthgen.store.ledger.hash_index import Settling
from synthgen.store.ledger.writes import Write, apply

P = TypeVar("P")

LINGER = 0.002
GROUP = 512


@dataclass(frozen=True, slots=True)
class OnCommit(Generic[P]):
    """What to do after a write's commit.

    `call` gets the payloads of all writes of a group that have the same `call`, and the error where they
    could not be written. It runs on the writer's thread.
    """

    call: Callable[[list[P], SynthgenError | None], None]
    payload: P


Submitted = tuple[Write, OnCommit[Any] | None]


class Target(Protocol):
    """What a writer writes to: a claimed file, or the log of a process in a folder without locks."""

    path: Path

    def commit(self, writes: list[Write]) -> None:
        """Puts all of them on disk, or none."""
        ...

    def settle(self) -> None:
        """Does what can be put off, between two commits."""
        ...

    def release(self) -> None:
        """Closes it and lets others write it."""
        ...


class ClaimedFile:
    """A SQLite file that this process alone writes."""

    def __init__(self, claim: Claim) -> None:
        self.path, self.connection, self.release = claim.path, claim.connection, claim.release
        self._settling = Settling(claim.connection)

    def commit(self, writes: list[Write]) -> None:
        """See `Target`."""
        self._transact(lambda: apply(self.connection, writes, time.time()))

    def settle(self) -> None:
        """See `Target`."""
        self._settling.settle(self._transact)

    def _transact(self, work: Callable[[], None]) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            work()
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise


@dataclass
class Writer:
    """Commits writes to its target, in the order in which they were handed in."""

    target: Target
    fault: SynthgenError | None = None
    _queue: queue.SimpleQueue[Submitted | None] = field(default_factory=queue.SimpleQueue)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()

    def submit(self, write: Write, on_commit: OnCommit[Any] | None = None) -> None:
        """Hands a write in; `on_commit` is called after its commit, or after it failed."""
        self._queue.put((write, on_commit))

    def close(self) -> None:
        """Commits what was handed in, ends the thread and releases the file."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
            self.target.release()

    def _work(self) -> None:
        busy = False
        while True:
            first = self._queue.get()
            if first is None:
                return
            group = [first]
            if busy:
                time.sleep(LINGER)
            ended = False
            while len(group) < GROUP:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    ended = True
                    break
                group.append(more)
            busy = len(group) > 1
            self._commit(group)
            if ended:
                return

    def _commit(self, group: list[Submitted]) -> None:
        self._try(lambda: self.target.commit([write for write, _ in group]))
        payloads: dict[Callable[[list[Any], SynthgenError | None], None], list[Any]] = {}
        for _, on_commit in group:
            if on_commit is not None:
                payloads.setdefault(on_commit.call, []).append(on_commit.payload)
        for call, of_group in payloads.items():
            call(of_group, self.fault)
        self._try(self.target.settle)

    def _try(self, work: Callable[[], None]) -> None:
        """Does `work`; after a failure nothing more is written."""
        if self.fault is not None:
            return
        try:
            work()
        except Exception as fault:
            # What was handed in later may depend on what was lost.
            self.fault = unwritable(self.target.path, fault)
            self.fault.__cause__ = fault
