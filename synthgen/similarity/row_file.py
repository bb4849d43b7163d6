"""Published row files, read front to back as bytes and, once read, by row number."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from synthgen.core.errors import InputError
from synthgen.core.rows import Row
from synthgen.store.jsonl import RowWriter

if TYPE_CHECKING:
    import numpy as np

SPAN = 1 << 20  # bytes that another process reads at once
BLOCK = 1 << 20  # bytes that are gathered before they are handed to a writer


class Span(NamedTuple):
    """Bytes of a row file that hold whole lines."""

    path: Path
    start: int
    end: int

    def rows(self) -> tuple[list[Row], np.ndarray[Any, Any]]:
        """The rows, and the lengths of their lines in bytes, uint32 of shape (rows,).

        Raises:
            InputError: a line is no JSON object, with file and line.
        """
        import numpy as np

        with open(self.path, "rb", buffering=0) as file:
            lines = os.pread(file.fileno(), self.end - self.start, self.start).split(b"\n")
        lengths = np.fromiter(map(len, lines), np.uint32, len(lines)) + np.uint32(1)
        lengths[-1] -= 1  # what follows the last line end
        if not lines[-1]:
            lines, lengths = lines[:-1], lengths[:-1]
        try:
            rows = list(map(orjson.loads, lines))
        except orjson.JSONDecodeError:
            rows = []
        if len(rows) < len(lines) or any(row.__class__ is not dict for row in rows):
            broken = next(number for number, line in enumerate(lines, 1) if not _is_row(line))
            raise _broken(f"{self.path}:{self._lines_before() + broken}")
        return rows, lengths

    def _lines_before(self) -> int:
        with open(self.path, "rb") as file:
            return sum(
                file.read(min(SPAN, self.start - position)).count(b"\n")
                for position in range(0, self.start, SPAN)
            )


class RowFile:
    """The lines of one row file or of several, one after another.

    Memory: 8 bytes a row. Use as a context manager.
    """

    def __init__(self, *paths: Path) -> None:
        self.paths: Sequence[Path] = paths
        self._files = [open(path, "rb", buffering=1 << 20) for path in paths]
        sizes = [os.fstat(file.fileno()).st_size for file in self._files]
        self._first_bytes = [0, *accumulate(sizes)][:-1]  # of each file, as if they were one
        self._starts = array("Q", [0])  # of all rows, as if the files were one

    def __len__(self) -> int:
        """The number of lines that were read so far."""
        return len(self._starts) - 1

    def about(self) -> int:
        """How many lines there are, about, by the length of the first ones of each file."""
        lines = 0.0
        for file in self._files:
            head = os.pread(file.fileno(), SPAN, 0)
            lines += max(1, head.count(b"\n")) * os.fstat(file.fileno()).st_size / max(1, len(head))
        return round(lines)

    def lines(self) -> Iterator[bytes]:
        """Every line from the first on, with its line end; to be read to the end, once."""
        starts = self._starts
        for position, file in zip(self._first_bytes, self._files, strict=True):
            for line in file:
                position += len(line)
                starts.append(position)
                yield line

    def spans(self, number: int = 1, of: int = 1) -> Iterator[Span]:
        """All lines, or one part of them, in spans of whole lines for other processes to read.

        The lengths of their lines are then added in order, by `append_lengths`.

        Args:
            number: which of the parts, from 1; parts have about as many bytes each, and end to end they are
                all lines.
            of: how many parts there are.
        """
        sizes = [os.fstat(file.fileno()).st_size for file in self._files]
        first, last = (sum(sizes) * (number - 1) // of, sum(sizes) * number // of)
        for path, file, size, before in zip(self.paths, self._files, sizes, self._first_bytes, strict=True):
            start, stop = (
                _line_end(file.fileno(), cut, size) if (cut := min(position - before, size)) > 0 else 0
                for position in (first, last)
            )
            while start < stop:
                end = _line_end(file.fileno(), min(start + SPAN, stop), stop)
                yield Span(path, start, end)
                start = end

    def append_lengths(self, lengths: np.ndarray[Any, Any]) -> None:
        """Adds the next lines by their lengths in bytes, line ends included, of shape (lines,)."""
        import numpy as np

        self._starts.frombytes((np.cumsum(lengths, dtype=np.uint64) + np.uint64(self._starts[-1])).tobytes())

    def first_of(self, file: int) -> int:
        """The number of a file's first row, once all rows were read; of all rows after the last file."""
        return bisect_left(self._starts, self._first_bytes[file]) if file < len(self.paths) else len(self)

    def starts(self) -> np.ndarray[Any, Any]:
        """Where lines start and the last ends, as if the files were one; uint64 of shape (lines + 1,)."""
        import numpy as np

        return np.array(self._starts, np.uint64)

    def reread(self) -> Iterator[bytes]:
        """All lines once more, from the first on; `line` may be used meanwhile."""
        for path in self.paths:
            with open(path, "rb", buffering=1 << 20) as file:
                yield from file

    def line(self, number: int) -> bytes:
        """One line that was read before; rows are numbered from 0 over all files."""
        start = self._starts[number]
        file = self._file_at(start)
        size = self._starts[number + 1] - start
        return os.pread(self._files[file].fileno(), size, start - self._first_bytes[file])

    def copy(self, first: int, end: int, writer: RowWriter) -> None:
        """Writes the lines from number `first` up to `end`, as they are, in large blocks."""
        while first < end:
            start = self._starts[first]
            file = self._file_at(start)
            limit = min([start + BLOCK, *self._first_bytes[file + 1 : file + 2]])
            last = min(end, max(first + 1, bisect_right(self._starts, limit) - 1))
            size = self._starts[last] - start
            data = os.pread(self._files[file].fileno(), size, start - self._first_bytes[file])
            writer.write_block(data if data.endswith(b"\n") else data + b"\n", last - first)
            first = last

    def parse(self, line: bytes, number: int) -> Row:
        """A line as a row.

        Raises:
            InputError: it is no JSON object, with file and line.
        """
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            row = None
        if not isinstance(row, dict):
            raise _broken(self.where(number))
        return row

    def where(self, number: int) -> str:
        """`file:line` of a row."""
        file = self._file_at(self._starts[number])
        return f"{self.paths[file]}:{number - bisect_left(self._starts, self._first_bytes[file]) + 1}"

    def row(self, number: int) -> Row:
        """One row that was read before."""
        return self.parse(self.line(number), number)

    def _file_at(self, position: int) -> int:
        """The index of the file that holds a byte, as if the files were one."""
        return bisect_right(self._first_bytes, position) - 1

    def __enter__(self) -> RowFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files:
            file.close()


def _is_row(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _broken(where: str) -> InputError:
    return InputError(
        "a line is no JSON object",
        where,
        "if synthgen wrote this file, it was changed since: run its stage again with --force",
    )


def _line_end(file: int, position: int, size: int) -> int:
    """The position after the first line end at or after the byte before `position`."""
    position -= 1
    while position < size:
        window = os.pread(file, 1 << 14, position)
        line_end = window.find(b"\n")
        if line_end >= 0:
            return position + line_end + 1
        position += len(window)
    return size


def write_lines(writer: RowWriter, lines: Iterable[bytes]) -> None:
    """Writes lines (each with its end; a missing last one is added) as they are, in large blocks."""
    gathered: list[bytes] = []
    size = 0
    for line in lines:
        gathered.append(line if line.endswith(b"\n") else line + b"\n")
        size += len(line)
        if size >= BLOCK:
            writer.write_block(b"".join(gathered), len(gathered))
            gathered, size = [], 0
    if gathered:
        writer.write_block(b"".join(gathered), len(gathered))
