"""JSON Lines on disk: read as a stream, written as a stream with a running hash, appended to as a log.

Published row files are complete (law 4), so for `read_rows` a broken line is an error. Users' files are read
with `scan`, which yields every line, good or broken, with its number. Append logs tolerate one torn last
line.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, cast

import jsonlines
import orjson

from synthgen.core.errors import InputError
from synthgen.core.rows import Row

GATHERED = 1 << 18
"""Bytes of single rows that are gathered before they are written."""


def open_bytes(path: Path) -> BinaryIO:
    """A readable binary stream of a file, decompressed where its name ends in .gz or .zst."""
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if path.suffix == ".zst":
        from synthgen.store.unpack import ZstdFile

        return cast(BinaryIO, io.BufferedReader(ZstdFile(path), 1 << 20))
    return open(path, "rb")


@contextmanager
def open_whole(path: Path) -> Iterator[BinaryIO]:
    """`open_bytes`, where a compressed file that is cut off or damaged is an error with the file's name.

    Raises:
        InputError: what was read last could not be decompressed.
    """
    damage: tuple[type[Exception], ...] = (EOFError, zlib.error, gzip.BadGzipFile)
    if path.suffix == ".zst":
        import zstandard

        damage = (*damage, zstandard.ZstdError)
    try:
        with open_bytes(path) as source:
            yield source
    except damage as fault:
        raise InputError(
            f"the file is cut off or damaged: {fault}", str(path), "fetch it again; nothing of it was used"
        ) from fault


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file that synthgen published.

    Raises:
        InputError: a line is no JSON object, with file and line.
    """
    with open_bytes(path) as source, jsonlines.Reader(cast(Any, source), loads=orjson.loads) as reader:
        try:
            yield from reader.iter(type=dict, allow_none=False)
        except (jsonlines.InvalidLineError, UnicodeDecodeError) as fault:
            number = getattr(fault, "lineno", "?")
            raise InputError(
                "a line is no JSON object",
                f"{path}:{number}",
                "the file was changed after it was written; run its stage again with --force",
            ) from fault


@dataclass(frozen=True)
class Line:
    """One line of a file: its number from 1, its bytes without the line end, and its object or its fault."""

    number: int
    raw: bytes
    row: Row | None
    fault: str = ""


def scan(path: Path) -> Iterator[Line]:
    """Every line of a user's file, good or broken; empty lines are skipped.

    A byte order mark and CRLF line ends are accepted. Memory: one line.

    Raises:
        InputError: the file is compressed, and cut off or damaged.
    """
    with open_whole(path) as source:
        for number, raw in enumerate(source, 1):
            line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
            line = line.rstrip(b"\r\n")
            if line.strip():
                yield parse_line(number, line)


def parse_line(number: int, line: bytes) -> Line:
    """One line as an object, or with the reason why it is none."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as fault:
        return Line(number, line, None, _why_broken(line, fault))
    if not isinstance(value, dict):
        return Line(number, line, None, f"expected a JSON object, found {type(value).__name__}")
    return Line(number, line, value)


def _why_broken(line: bytes, fault: orjson.JSONDecodeError) -> str:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as bad:
        return f"not UTF-8 at byte {bad.start + 1} (byte 0x{line[bad.start]:02x}); save the file as UTF-8"
    return f"not JSON: {fault.msg} at column {fault.colno}"


class RowWriter:
    """Writes rows to a new file, one JSON object a line; once closed it has their count and the SHA-256.

    Large blocks are hashed by a thread while they are written. The file is flushed to disk on close. Use as
    a context manager.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self.sha256 = ""
        self._file = open(path, "xb", buffering=GATHERED)
        self._digest = hashlib.sha256()
        self._lines: list[bytes] = []
        self._size = 0
        self._thread: ThreadPoolExecutor | None = None
        self._hashing: deque[Future[None]] = deque()

    def write(self, row: Row) -> None:
        """Adds one row."""
        self.write_raw(orjson.dumps(row))

    def write_raw(self, line: bytes) -> None:
        """Adds one row as its JSON bytes, without the line end."""
        self._lines += (line, b"\n")
        self._size += len(line) + 1
        self.rows += 1
        if self._size >= GATHERED:
            self._put_lines()

    def write_block(self, block: bytes, rows: int) -> None:
        """Adds whole lines at once; `block` ends with a line end."""
        self._put_lines()
        self._put(block)
        self.rows += rows

    def _put_lines(self) -> None:
        if self._lines:
            self._put(b"".join(self._lines))
            self._lines.clear()
            self._size = 0

    def _put(self, data: bytes) -> None:
        if self._thread is None and len(data) < GATHERED:
            self._digest.update(data)
        else:
            self._thread = self._thread or ThreadPoolExecutor(1)
            self._hashing.append(self._thread.submit(self._digest.update, data))
            if len(self._hashing) > 4:
                self._hashing.popleft().result()
        self._file.write(data)

    def close(self) -> None:
        """Flushes to disk and sets `sha256`."""
        if self._file.closed:
            return
        try:
            self._put_lines()
            self._file.flush()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()
            if self._thread is not None:
                self._thread.shutdown()
        self.sha256 = self._digest.hexdigest()

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Writes all rows to a new file; returns how many there were."""
    with RowWriter(path) as writer:
        for row in rows:
            writer.write(row)
    return writer.rows


class AppendLog:
    """A log of JSON objects, one a line; a last line that a kill tore is cut off when it is opened again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        _cut_torn_tail(path)
        self._file = open(path, "ab")

    def append(self, entry: dict[str, Any], durable: bool = False) -> None:
        """Adds one entry; if `durable`, it is on disk when this returns."""
        self._file.write(orjson.dumps(entry, default=str) + b"\n")
        self._file.flush()
        if durable:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read_log(path: Path) -> Iterator[dict[str, Any]]:
    """The whole entries of an append log; a torn last line is skipped.

    Raises:
        InputError: another line is no JSON object. Only an editor or a fault of the disk can have made it so.
    """
    if not path.exists():
        return
    with open(path, "rb") as source:
        for number, line in enumerate(source, 1):
            if not line.endswith(b"\n"):
                return
            try:
                entry = orjson.loads(line)
            except orjson.JSONDecodeError:
                entry = None
            if not isinstance(entry, dict):
                raise InputError(
                    "a line of this log is no JSON object, and synthgen did not write it",
                    f"{path}:{number}",
                    "restore the file from a copy, or take that line out",
                )
            yield entry


def _cut_torn_tail(path: Path) -> None:
    if not path.exists() or path.stat().st_size == 0:
        return
    with open(path, "rb+") as log:
        log.seek(-1, os.SEEK_END)
        if log.read(1) == b"\n":
            return
        end = log.tell()
        while end > 0:
            start = max(0, end - (1 << 16))
            log.seek(start)
            block = log.read(end - start)
            line_end = block.rfind(b"\n")
            if line_end >= 0:
                log.truncate(start + line_end + 1)
                return
            end = start
        log.truncate(0)
