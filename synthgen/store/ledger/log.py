"""The ledger in a folder without file locks: each writer appends to a log, and full logs become SQLite files.

SQLite needs locks that hold for all machines, and a shared memory that is one machine's. Over a network both
may be missing. What is here needs neither. A file `ledger-<owner>-0001.log` bears its only writer's name, and
only grows. Each commit appends one record with its length and checksum, and syncs it, so others may read at
any moment, also what a killed process has left: what is not whole at the end is not there yet. A log of
`SEGMENT_BYTES` is laid out as `ledger-<owner>-0001.sqlite`, appears by rename, and is never written again, so
that it is read without locks (`immutable`). Then the writer goes on in the next log.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import xxhash

from synthgen.store.ledger.file import SCHEMA, SCHEMA_VERSION, Claim, unwritable
from synthgen.store.ledger.owner import Owner, new_owner, parse
from synthgen.store.ledger.writes import (
    Barrier,
    ChargeWrite,
    FailureWrite,
    RefusalWrite,
    ReleaseWrite,
    ReplyWrite,
    ReserveWrite,
    Write,
    apply,
)

SEGMENT_BYTES = 32 << 20
_READ_BYTES = 4 << 20
_HEADER = 26  # 8 and 16 hexadecimal digits, a space and a line end
_HEAD = re.compile(rb"([0-9a-f]{8}) ([0-9a-f]{16})\n")
_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (ReplyWrite, RefusalWrite, FailureWrite, ReserveWrite, ReleaseWrite, ChargeWrite)
}
_BYTES = ("hash", "canonical", "body")
_TUPLES = ("samples", "choices")


class LogName(NamedTuple):
    """Whose log, or file that was a log, a path is, and which of the owner's."""

    owner: Owner
    number: int

    def path(self, folder: Path, suffix: str) -> Path:
        """The log, or the file that it becomes."""
        return folder / f"ledger-{self.owner.name}-{self.number:04d}{suffix}"


def log_name(path: Path) -> LogName | None:
    """What the name of a log, or of a file that was one, says; None where it is another's name."""
    match = re.fullmatch(r"ledger-(.+)-(\d{4,})\.(?:log|sqlite)", path.name)
    owner = parse(match[1]) if match else None
    return LogName(owner, int(match[2])) if match and owner else None


def encode(writes: Sequence[Write], now: float) -> bytes:
    """One record: the writes of a commit."""
    entries = [
        [type(write).__name__, *(_plain(getattr(write, field.name)) for field in fields(write))]
        for write in writes
        if not isinstance(write, Barrier)
    ]
    payload = orjson.dumps([now, entries])
    return b"%08x %016x\n" % (len(payload), xxhash.xxh3_64_intdigest(payload)) + payload + b"\n"


def _plain(value: Any) -> Any:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _decode(payload: bytes) -> tuple[float, list[Write]]:
    now, entries = orjson.loads(payload)
    writes: list[Write] = []
    for name, *values in entries:
        kind = _KINDS[name]
        named = dict(zip((field.name for field in fields(kind)), values, strict=True))
        for field in _BYTES:
            if field in named:
                named[field] = named[field].encode("latin-1")
        for field in _TUPLES:
            if named.get(field) is not None:
                named[field] = tuple(named[field])
        writes.append(kind(**named))
    return now, writes


class Record(NamedTuple):
    """The writes of one commit, when it was, and where the next record begins."""

    now: float
    writes: list[Write]
    end: int


def records(path: Path, start: int = 0) -> Iterator[Record]:
    """The whole records of a log from a place on; a broken or unfinished one ends them."""
    with open(path, "rb") as log:
        log.seek(start)
        held, at, place = b"", 0, start  # `at` is where in `held` the next record begins
        while True:
            match = _HEAD.match(held, at)
            whole = _HEADER + int(match[1], 16) + 1 if match else _HEADER
            if len(held) - at < whole:
                piece = log.read(max(_READ_BYTES, whole - (len(held) - at)))
                if not piece:
                    return
                held, at = held[at:] + piece, 0
                continue
            if match is None:
                return
            payload = held[at + _HEADER : at + whole - 1]
            if xxhash.xxh3_64_intdigest(payload) != int(match[2], 16):
                return
            at, place = at + whole, place + whole
            yield Record(*_decode(payload), place)


def lay_out(connection: sqlite3.Connection) -> None:
    """Makes the ledger's tables, as in a file that is claimed."""
    connection.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")


def seal(path: Path) -> None:
    """Makes a SQLite file of a log that nobody writes any more, and removes the log.

    Done twice at the same time it comes to the same.

    Raises:
        OSError, sqlite3.Error: it cannot be written.
    """
    target = path.with_suffix(".sqlite")
    if not target.exists():
        aside = _aside(target)
        connection, end = _new_file(aside), 0
        try:
            connection.execute("BEGIN")
            for record in records(path):
                apply(connection, record.writes, record.now)
                end = record.end
            if _is_continued(path):
                connection.execute("DELETE FROM reservations")
            _settle(connection)
            connection.execute("COMMIT")
            connection.close()
            if end and _is_damaged(path, end):
                return  # not only its end is missing: it stays as it is
            if end:
                publish(aside, target)
        finally:
            connection.close()
            aside.unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def seal_what_is_left(folder: Path) -> None:
    """Makes files of the logs that dead processes of this machine have left."""
    for path in sorted(folder.glob("ledger-*.log")):
        name = log_name(path)
        if name is not None and name.owner.is_here and not name.owner.runs_here:
            try:
                seal(path)
            except FileNotFoundError:
                continue  # another process has done it


def new_segment(folder: Path) -> Claim:
    """A new file for many writes at once, which appears in the ledger when it is released.

    Raises:
        SynthgenError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = LogName(new_owner(), 1).path(folder, ".sqlite")
        aside = _aside(target)
        connection = _new_file(aside)
    except (OSError, sqlite3.Error) as fault:
        raise unwritable(folder, fault) from fault

    def release() -> None:
        connection.close()
        publish(aside, target)

    return Claim(target, connection, release)


def publish(aside: Path, target: Path) -> None:
    """Gives a file that was written aside its name, once it is on disk."""
    _sync(aside)
    os.replace(aside, target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{new_owner().name}")


def _new_file(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=MEMORY")
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA synchronous=OFF")
    lay_out(connection)
    return connection


def _settle(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO settled_keys SELECT hash, request FROM fresh_keys ORDER BY hash")
    connection.execute("DELETE FROM fresh_keys")


def following(path: Path, suffix: str = ".log") -> Path:
    """The owner's next log after a log, or the file that it becomes."""
    name = log_name(path)
    assert name is not None
    return name._replace(number=name.number + 1).path(path.parent, suffix)


def _is_continued(path: Path) -> bool:
    """Whether what is reserved in a log stands in the owner's next one, which begins with it."""
    if following(path, ".sqlite").exists():
        return True
    return following(path).exists() and next(records(following(path)), None) is not None


def _is_damaged(path: Path, end: int) -> bool:
    """Whether behind the whole records there is more than the beginning of one."""
    with open(path, "rb") as log:
        log.seek(end)
        header = log.read(_HEADER)
    match = _HEAD.fullmatch(header)
    behind = path.stat().st_size - end
    return len(header) == _HEADER and (match is None or behind > _HEADER + int(match[1], 16))


class Log:
    """This process's own log; a writer's target.

    Args:
        folder: the ledger's folder.
        owner: this writer.

    Raises:
        SynthgenError: the folder cannot be written.
    """

    def __init__(self, folder: Path, owner: Owner) -> None:
        self._folder = folder
        self._reserved: dict[int, ReserveWrite] = {}
        self._name = LogName(owner, 0)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            seal_what_is_left(folder)
            self._begin()
        except (OSError, sqlite3.Error) as fault:
            raise unwritable(folder, fault) from fault

    def commit(self, writes: list[Write]) -> None:
        """See `writer.Target`."""
        if all(isinstance(write, Barrier) for write in writes):
            return  # what came before it is synced
        record = encode(writes, time.time())
        try:
            left = memoryview(record)
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(record)
        for write in writes:
            if isinstance(write, ReserveWrite):
                self._reserved[write.reservation] = write
            elif isinstance(write, ReleaseWrite | ReplyWrite) and write.reservation is not None:
                self._reserved.pop(write.reservation, None)

    def settle(self) -> None:
        """See `writer.Target`: a full log becomes a file."""
        if self._size >= SEGMENT_BYTES:
            full = self.path
            os.close(self._file)
            self._begin()
            seal(full)

    def release(self) -> None:
        """See `writer.Target`."""
        os.close(self._file)
        seal(self.path)

    def _begin(self) -> None:
        """The next log; what is reserved goes on in it."""
        self._name = self._name._replace(number=self._name.number + 1)
        self.path = self._name.path(self._folder, ".log")
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self._size = 0
        if self._reserved:
            self.commit(list(self._reserved.values()))
