"""The ledger: every reply that was ever paid for, under a key made of everything that could change it.

The canonical request is the JSON text {"endpoint", "identity", "model", "revision", "draw", "body"}, keys
sorted, where `body` is what is sent, without n. It is stored beside the reply. `key` says what a key is,
`file` what the files are, `hash_index` how a key is found and `writer` how a reply gets to disk.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from synthgen.core.errors import SynthgenError
from synthgen.store.ledger.attempts import Attempts
from synthgen.store.ledger.file import reports_damage, trusts_locks, unwritable
from synthgen.store.ledger.key import split_key
from synthgen.store.ledger.log import Log
from synthgen.store.ledger.owner import new_owner
from synthgen.store.ledger.queries import (
    LedgerEntry,
    NoReply,
    Spend,
    read_entry,
    read_no_reply,
    read_paid,
    read_reply_cost,
    read_reserved,
    read_samples,
    read_spend,
)
from synthgen.store.ledger.readers import Readers
from synthgen.store.ledger.writer import ClaimedFile, OnCommit, Target, Writer
from synthgen.store.ledger.writes import Barrier, Write

if TYPE_CHECKING:
    from synthgen.store.ledger.exchange import Imported
    from synthgen.store.ledger.maintenance import FileSizes, RecentSample


class StoredSample(NamedTuple):
    """One sample as it lies in the ledger: the raw body of its reply, and which choice of it."""

    body: bytes
    choice: int


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the ledger knows of some samples of one request.

    `reason` is set where some are missing and the request was refused or has failed; `permanent` tells a
    refusal from a failure.
    """

    samples: dict[int, StoredSample]
    reason: str = ""
    detail: str = ""
    permanent: bool = False


NOTHING = Lookup({})


class Ledger:
    """A folder of ledger files: all are read, and one, which this process claims, is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened = time.time()
        self.refused_since = 0.0
        """Refusals that were recorded before this time do not count: such requests are sent again."""
        self._readers = Readers(folder)
        self._lock = threading.RLock()
        self._writer: Writer | None = None
        self._attempts: Attempts | None = None
        self._own = "-"  # how the names of this process's own files begin
        self._next_reservation = 1

    # Reading

    @reports_damage
    def look_up(self, digest: bytes, start: int, n: int, *, run: str = "", since: float = 0.0) -> Lookup:
        """What is known of the samples [start, start + n) of a request.

        Where two files hold a sample (two processes asked at the same moment), the older one counts.

        Args:
            digest: the request's hash.
            start: the first sample.
            n: how many samples.
            run: the run whose failures count; with "", none count.
            since: the time from which they count.

        Returns:
            The samples that are there, and why others are not.
        """
        known: dict[int, tuple[float, StoredSample]] = {}
        no_reply = NoReply()
        with self._lock:
            for reader in self._readers.all():
                rows = read_samples(reader, digest, start, n)
                for _, sample, choice, created, body in rows:
                    if sample is not None and (sample not in known or created < known[sample][0]):
                        known[sample] = (created, StoredSample(body, choice))
                if rows and len(known) < n and not no_reply.reason:
                    no_reply = read_no_reply(
                        reader, rows[0].request, start, n, run, since, self.refused_since
                    )
        if not known and not no_reply.reason:
            return NOTHING
        samples = {sample: stored for sample, (_, stored) in known.items()}
        return Lookup(samples) if len(samples) == n else Lookup(samples, *no_reply)

    def shared(self) -> bool:
        """Whether there are files beside this process's own, which another process may be writing to."""
        with self._lock:
            return self._readers.others(self._own)

    @reports_damage
    def get(self, key: str) -> LedgerEntry | None:
        """All that is stored under a key, or None."""
        digest, sample = split_key(key)
        oldest: LedgerEntry | None = None
        with self._lock:
            for reader in self._readers.all():
                entry = read_entry(reader, digest, sample)
                if entry is not None and (oldest is None or entry.created < oldest.created):
                    oldest = entry
        return oldest

    @reports_damage
    def account(self, keys: Iterable[str]) -> dict[str, Any]:
        """Tokens and dollars of the replies behind these keys; a reply with several samples counts once."""
        seen: set[tuple[int, int]] = set()
        prompt = completion = 0
        cost = 0.0
        with self._lock:
            for key in keys:
                digest, sample = split_key(key)
                costs = [
                    (reply_cost, id(reader))
                    for reader in self._readers.all()
                    if (reply_cost := read_reply_cost(reader, digest, sample)) is not None
                ]
                if not costs:
                    continue
                oldest, file = min(costs)
                if (file, oldest.reply) in seen:
                    continue
                seen.add((file, oldest.reply))
                prompt += oldest.prompt_tokens or 0
                completion += oldest.completion_tokens or 0
                cost += oldest.cost_usd or 0.0
        return {"prompt_tokens": prompt, "completion_tokens": completion, "cost_usd": cost}

    @reports_damage
    def spent(self, run: str) -> Spend:
        """What a run is charged; what was sent and never settled counts in full."""
        usd, tokens, requests = 0.0, 0, 0
        with self._lock:
            for reader in self._readers.all():
                for spend in read_spend(reader, run):
                    usd += spend.usd
                    tokens += spend.tokens
                    requests += spend.requests
        return Spend(usd, tokens, requests)

    def set_aside(self, run: str) -> Spend:
        """The part of that which is only set aside: for requests that were sent and are not settled."""
        with self._lock:
            parts = [read_reserved(reader, run) for reader in self._readers.all()]
        usd, tokens, requests = (sum(part[place] for part in parts) for place in range(3))
        return Spend(float(usd), int(tokens), int(requests))

    @reports_damage
    def paid(self) -> dict[str, float]:
        """Run -> dollars that it has paid; what is set aside is left out."""
        paid: dict[str, float] = {}
        with self._lock:
            for reader in self._readers.all():
                for run, usd in read_paid(reader).items():
                    paid[run] = paid.get(run, 0.0) + usd
        return paid

    # Writing

    @reports_damage
    def writer(self) -> Writer:
        """The writer of this process's own file, which is claimed on first use."""
        with self._lock:
            if self._writer is None:
                self._writer = Writer(self._make_target())
                self._writer.start()
            return self._writer

    def _make_target(self) -> Target:
        """The file that this process alone writes, and its place among the ledger's owners."""
        owner = new_owner()
        if trusts_locks(self.folder):
            from synthgen.store.ledger.file import claim_file

            claim = claim_file(self.folder)
            row = claim.connection.execute("SELECT max(id) FROM reservations").fetchone()
            self._next_reservation = (row[0] or 0) + 1
            target: Target = ClaimedFile(claim)
            self._own = target.path.name
        else:
            target = Log(self.folder, owner)
            self._own = f"ledger-{owner.name}-"
        try:
            self._attempts = Attempts(self.folder, owner)
        except OSError as fault:
            target.release()
            raise unwritable(self.folder, fault) from fault
        return target

    def attempts(self) -> Attempts:
        """What this process, and others that write to this ledger, are asking for."""
        with self._lock:
            self.writer()
            assert self._attempts is not None
            return self._attempts

    def submit(self, write: Write, on_commit: OnCommit[Any] | None = None) -> None:
        """Hands a write to the writer; `on_commit` is called after its commit, on the writer's thread."""
        self.writer().submit(write, on_commit)

    def commit(self, write: Write) -> None:
        """Writes and waits until it is on disk.

        Raises:
            SynthgenError: it could not be written.
        """
        done = threading.Event()
        faults: list[SynthgenError | None] = []

        def committed(_: list[None], fault: SynthgenError | None) -> None:
            faults.append(fault)
            done.set()

        self.submit(write, OnCommit(committed, None))
        done.wait()
        if faults[0] is not None:
            raise faults[0]

    def barrier(self) -> None:
        """Waits until all that was handed in is on disk.

        Raises:
            SynthgenError: it could not be written.
        """
        if self._writer is not None:
            self.commit(Barrier())

    def settle(self) -> None:
        """Waits until all that was handed in was tried, whether or not it could be written."""
        with contextlib.suppress(SynthgenError):
            self.barrier()

    def new_reservation(self) -> int:
        """A number for a reservation in this process's own file."""
        with self._lock:
            self.writer()
            self._next_reservation += 1
            return self._next_reservation - 1

    def close(self) -> None:
        """Commits what is waiting and closes all files."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            if self._attempts is not None:
                self._attempts.close()
                self._attempts = None
            self._readers.close()

    # The whole ledger

    @reports_damage
    def stats(self) -> dict[str, Any]:
        """Counts over all files, such as requests, replies, tokens and dollars, with each model's share."""
        from synthgen.store.ledger.maintenance import stats

        with self._lock:
            return stats(self.folder, self._readers.all())

    @reports_damage
    def recent(self, run: str, number: int) -> list[RecentSample]:
        """A run's newest samples, the newest first."""
        from synthgen.store.ledger.maintenance import recent

        with self._lock:
            return recent(self._readers.all(), run, number)

    @reports_damage
    def export(self, path: Path) -> int:
        """Writes every sample to a new JSONL file and returns how many there are.

        The samples of each ledger file are in the order in which their requests were first sent.
        """
        from synthgen.store.ledger.exchange import export

        with self._lock:
            return export(self._readers.all(), path)

    @reports_damage
    def take_in(self, path: Path) -> Imported:
        """Imports the samples of an exported JSONL file; those that are here already stay as they are.

        Raises:
            SynthgenError: the ledger cannot be written.
        """
        from synthgen.store.ledger.exchange import import_replies

        with self._lock:
            return import_replies(self._readers.all(), self.folder, path)

    @reports_damage
    def vacuum(self) -> FileSizes:
        """Rewrites the files that no process holds without their free pages."""
        from synthgen.store.ledger.maintenance import vacuum

        with self._lock:
            self.close()
            return vacuum(self.folder)


def open_ledger(folder: Path | str) -> Ledger:
    """The ledger in a folder; nothing is made on disk before something is written."""
    return Ledger(Path(folder))
