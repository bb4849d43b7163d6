"""The book of a run's batch files: which requests lie in which file, and the state of each file.

A folder holds `book.sqlite`, and for each part `requests-0001.jsonl`, later `results-0001.jsonl` and
`errors-0001.jsonl`. A part is `prepared`, then `submitting`, `submitted` and `collected`. A prepared part
that was made again is `replaced`; results of it are still taken.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from synthgen.core.errors import InputError
from synthgen.dispatch.batch.file import MAX_BYTES, MAX_REQUESTS, BatchId, request_line, runs_of
from synthgen.dispatch.request_key import KeyedRequest
from synthgen.dispatch.sending.cost import Cost

_TABLES = """
CREATE TABLE IF NOT EXISTS parts(
  number INTEGER PRIMARY KEY, teacher TEXT NOT NULL, state TEXT NOT NULL, sha256 TEXT NOT NULL, \
requests INTEGER NOT NULL, bytes INTEGER NOT NULL,
  usd REAL NOT NULL, tokens INTEGER NOT NULL, batch TEXT NOT NULL DEFAULT '', \
remote TEXT NOT NULL DEFAULT '{}', outcome TEXT NOT NULL DEFAULT '{}');
CREATE TABLE IF NOT EXISTS asked(digest BLOB NOT NULL, start INTEGER NOT NULL, n INTEGER NOT NULL, \
part INTEGER NOT NULL, canonical BLOB NOT NULL,
  PRIMARY KEY(digest, start, n, part)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_part ON asked(part);
"""
UNDER_WAY = ("prepared", "submitting", "submitted")


@dataclass(frozen=True)
class BatchPart:
    """One batch file.

    Args:
        number: its number in the folder.
        teacher: whose requests it holds.
        state: see the module.
        sha256: the hash of its file.
        requests: how many lines it has.
        bytes: its size.
        usd: its worst case, in dollars.
        tokens: its worst case, in tokens.
        batch: the provider's id of the batch.
        remote: what the provider last said of it.
        outcome: the account of what was collected.
    """

    number: int
    teacher: str
    state: str
    sha256: str
    requests: int
    bytes: int
    usd: float
    tokens: int
    batch: str = ""
    remote: dict[str, Any] = field(default_factory=dict)
    outcome: dict[str, Any] = field(default_factory=dict)


class BatchBook:
    """The book of one folder; use as a context manager.

    Raises:
        InputError: there is a file in its place that is no such book.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._book = sqlite3.connect(folder / "book.sqlite", isolation_level=None, check_same_thread=False)
        try:
            self._book.execute("PRAGMA synchronous=FULL")
            self._book.executescript(_TABLES)
        except sqlite3.DatabaseError as fault:
            self._book.close()
            raise InputError(
                f"the book of batches cannot be read: {fault}",
                str(folder / "book.sqlite"),
                "restore it from a copy: it alone knows which batches were handed in, and they are paid for",
            ) from None

    def file(self, kind: str, number: int) -> Path:
        """A part's file: kind is `requests`, `results` or `errors`."""
        return self.folder / f"{kind}-{number:04d}.jsonl"

    def parts(self, *states: str) -> list[BatchPart]:
        """The parts in these states (in any, where none is named), in order."""
        rows = self._book.execute(
            "SELECT number, teacher, state, sha256, requests, bytes, usd, tokens, batch, remote, "
            "outcome FROM parts ORDER BY number"
        ).fetchall()
        values: list[list[Any]] = [[*row[:9], orjson.loads(row[9]), orjson.loads(row[10])] for row in rows]
        return [
            part for part in (BatchPart(*value) for value in values) if not states or part.state in states
        ]

    def note(
        self,
        number: int,
        *,
        batch: str | None = None,
        remote: dict[str, Any] | None = None,
        outcome: dict[str, Any] | None = None,
        state: str | None = None,
    ) -> None:
        """Notes what is new of a part; on disk when this returns.

        Args:
            number: the part's number.
            batch: the provider's id of the batch.
            remote: what the provider says of it.
            outcome: the account of what was collected.
            state: the part's state, written last.
        """
        values = {"batch": batch, "remote": remote, "outcome": outcome, "state": state}
        for name, value in values.items():
            if value is not None:
                stored = orjson.dumps(value).decode() if isinstance(value, dict) else value
                self._book.execute(f"UPDATE parts SET {name}=? WHERE number=?", (stored, number))

    def canonical(self, digest: bytes) -> bytes | None:
        """The canonical request with this hash, from any part."""
        row = self._book.execute("SELECT canonical FROM asked WHERE digest=? LIMIT 1", (digest,)).fetchone()
        return None if row is None else bytes(row[0])

    def under_way(self, digest: bytes) -> set[int]:
        """The samples of a request that lie in a part which is not collected yet."""
        marks = ",".join("?" for _ in UNDER_WAY)
        rows = self._book.execute(
            "SELECT a.start, a.n FROM asked a JOIN parts p ON p.number=a.part WHERE a.digest=? AND "
            f"p.state IN ({marks})",
            (digest, *UNDER_WAY),
        )
        return {sample for start, n in rows for sample in range(start, start + n)}

    def replace_prepared(self) -> None:
        """Marks prepared parts as replaced, before they are made again; not those that have results."""
        for part in self.parts("prepared"):
            if not self.file("results", part.number).exists():
                self.note(part.number, state="replaced")
                self.file("requests", part.number).unlink(missing_ok=True)

    def close(self) -> None:
        """Closes the book."""
        self._book.close()

    def __enter__(self) -> BatchBook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Writing parts

    def begin(self) -> None:
        """Begins to write parts; in the end all of them are in the book, or none."""
        self._book.execute("BEGIN IMMEDIATE")

    def end(self, whole: bool) -> None:
        """Ends the writing of parts: keeps them if it is `whole`, or none of them."""
        self._book.execute("COMMIT" if whole else "ROLLBACK")

    def next_number(self) -> int:
        """The number of a new part; no number is given twice."""
        return int(self._book.execute("SELECT coalesce(max(number), 0) + 1 FROM parts").fetchone()[0])

    def add_part(self, part: BatchPart) -> None:
        """Notes a new part."""
        self._book.execute(
            "INSERT INTO parts(number, teacher, state, sha256, requests, bytes, usd, tokens) VALUES "
            "(?,?,?,?,?,?,?,?)",
            (
                part.number,
                part.teacher,
                part.state,
                part.sha256,
                part.requests,
                part.bytes,
                part.usd,
                part.tokens,
            ),
        )

    def finish_part(self, part: BatchPart) -> None:
        """Notes a part's hash, size and worst case once its file is written."""
        self._book.execute(
            "UPDATE parts SET sha256=?, requests=?, bytes=?, usd=?, tokens=? WHERE number=?",
            (part.sha256, part.requests, part.bytes, part.usd, part.tokens, part.number),
        )

    def add_asked(self, id: BatchId, number: int, canonical: bytes) -> None:
        """Notes that a request lies in a part."""
        self._book.execute(
            "INSERT INTO asked(digest, start, n, part, canonical) VALUES (?,?,?,?,?)",
            (id.digest, id.start, id.n, number, canonical),
        )


class PartWriter:
    """Writes one teacher's missing requests into parts, a new one where a file would pass a limit.

    Args:
        book: where they are noted; between its `begin` and `end`.
        teacher: the teacher's name in the pipeline file.
        one_by_one: whether each sample has a line of its own, for servers without `n`.
        max_requests: the most lines of a file.
        max_bytes: the most bytes of a file.
    """

    def __init__(
        self,
        book: BatchBook,
        teacher: str,
        one_by_one: bool,
        max_requests: int = MAX_REQUESTS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._book, self._teacher, self._one_by_one = book, teacher, one_by_one
        self._max_requests, self._max_bytes = max_requests, max_bytes
        self._file: BinaryIO | None = None
        self._part = BatchPart(0, teacher, "", "", 0, 0, 0.0, 0)
        self._digest = hashlib.sha256()
        self.requests = 0

    def add(self, keyed: KeyedRequest, samples: tuple[int, ...], worst: Cost) -> int:
        """Adds what is missing of a request and lies in no other part.

        Args:
            keyed: the request.
            samples: the samples that are missing.
            worst: one sample's worst case.

        Returns:
            How many lines were added.
        """
        known = self._book.under_way(keyed.digest)
        lines = 0
        for id in self._ids(keyed, tuple(sample for sample in samples if sample not in known)):
            line = request_line(id, keyed.path, keyed.body)
            if (
                self._file is None
                or self._part.requests >= self._max_requests
                or self._part.bytes + len(line) > self._max_bytes
            ):
                self.close()
                self._open()
            assert self._file is not None
            self._file.write(line)
            self._digest.update(line)
            part = self._part
            self._part = replace(
                part,
                requests=part.requests + 1,
                bytes=part.bytes + len(line),
                usd=part.usd + id.n * worst.usd,
                tokens=part.tokens + id.n * worst.tokens,
            )
            self._book.add_asked(id, part.number, keyed.canonical)
            lines += 1
        self.requests += lines
        return lines

    def close(self) -> None:
        """Ends the part that is being written."""
        file, self._file = self._file, None
        if file is not None:
            file.flush()
            os.fsync(file.fileno())
            file.close()
            self._book.finish_part(replace(self._part, sha256=self._digest.hexdigest()))

    def _open(self) -> None:
        self._part = BatchPart(self._book.next_number(), self._teacher, "prepared", "", 0, 0, 0.0, 0)
        self._book.add_part(self._part)
        self._file = open(self._book.file("requests", self._part.number), "wb")
        self._digest = hashlib.sha256()

    def _ids(self, keyed: KeyedRequest, samples: tuple[int, ...]) -> Iterator[BatchId]:
        for start, n in runs_of(samples):
            if self._one_by_one:
                yield from (BatchId(keyed.digest, sample, 1) for sample in range(start, start + n))
            else:
                yield BatchId(keyed.digest, start, n)
