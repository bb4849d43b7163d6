"""Where the lines of a file begin: one entry for each block of bytes, however many lines that is.

Nothing is parsed for it. A file of 510 MB has 7,800 entries of 16 bytes. The index may grow while the file is
read already, and when the file itself grows.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson
import xxhash

from synthgen.core.rows import Row

BLOCK = 1 << 16
"""Bytes that one entry covers, so at most this much is read for a line beside the line itself."""
READ = 1 << 20
ENDS = 256
"""Bytes at the begin and the end of what was read by which it is known again."""


class FileLine(NamedTuple):
    """A line's number from 1, the offset of its first byte, and its bytes without the line end.

    A search that ran out of time ends with a `late` one: the line from which to go on.
    """

    number: int
    offset: int
    raw: bytes
    late: bool = False

    @property
    def digest(self) -> str:
        """What tells this line from others, so that a page can say which one it shows."""
        return xxhash.xxh3_64_hexdigest(self.raw)


class LineIndex:
    """The index of one file.

    `lines` and `bytes` say how far it has come. A last line without a line end counts, since a user's file
    may end so; where the file is being written, that line is read again by the next `extend`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.bytes = 0
        self._offsets, self._numbers = array("Q", [0]), array("Q", [1])
        self._whole = 0
        """Line ends so far."""
        self._open_line = False
        self._head, self._tail = b"", b""
        self._lock = threading.Lock()

    def extend(self, most: int | None = None) -> bool:
        """Reads on, over about `most` bytes; returns whether the end of the file is reached.

        Raises:
            OSError: the file cannot be read.
        """
        with self._lock, open(self.path, "rb") as source:
            source.seek(self.bytes)
            until = None if most is None else self.bytes + most
            while until is None or self.bytes < until:
                data = source.read(READ)
                if not data:
                    return True
                self._add(data)
            return False

    def _add(self, data: bytes) -> None:
        for start in range(0, len(data), BLOCK):
            end = min(start + BLOCK, len(data))
            ends = data.count(b"\n", start, end)
            if ends:
                self._whole += ends
                self._offsets.append(self.bytes + data.rfind(b"\n", start, end) + 1)
                self._numbers.append(self._whole + 1)
        self._head = (self._head + data[:ENDS])[:ENDS]
        self._tail = (self._tail + data[-ENDS:])[-ENDS:]
        self.bytes += len(data)
        self._open_line = not data.endswith(b"\n")
        self.lines = self._whole + self._open_line

    def begins_so_still(self) -> bool:
        """Whether the file, though it changed, may have only grown: what was read first and last is there."""
        with self._lock, open(self.path, "rb") as source:
            head = source.read(len(self._head))
            source.seek(max(0, self.bytes - len(self._tail)))
            return head == self._head and source.read(len(self._tail)) == self._tail

    def from_line(self, number: int) -> Iterator[FileLine]:
        """The lines from `number` on, as far as the file is written; those not indexed yet are found, too."""
        entry = max(0, bisect_right(self._numbers, max(1, number)) - 1)
        yield from self._from_entry(entry, skip=max(1, number) - self._numbers[entry])

    def from_offset(self, offset: int) -> Iterator[FileLine]:
        """The lines from the one that holds the byte at `offset`."""
        entry = max(0, bisect_right(self._offsets, offset) - 1)
        for line in self._from_entry(entry):
            if line.offset + len(line.raw) >= offset:
                yield line

    def _from_entry(self, entry: int, skip: int = 0) -> Iterator[FileLine]:
        offset, number = self._offsets[entry], self._numbers[entry]
        with open(self.path, "rb", buffering=max(BLOCK, 1 << 12)) as source:
            source.seek(offset)
            for raw in source:
                if skip > 0:
                    skip -= 1
                else:
                    yield FileLine(number, offset, raw.rstrip(b"\r\n"))
                offset, number = offset + len(raw), number + 1


def parsed(raw: bytes) -> Row | None:
    """A line's row, or None where it holds no JSON object."""
    try:
        row = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None
