"""Published row files, read front to back as bytes and, once read, by row number."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import orjson

from synthgen.errors import InputError
from synthgen.records import Row
from synthgen.store.blocks import read_blocks
from synthgen.store.jsonl import RowWriter

if TYPE_CHECKING:
    import numpy as np

BLOCK = 1 << 20  # bytes that are gathered before they are handed to a writer


class RowFile:
    """The lines of one row file or of several, one after another. Memory: 8 bytes a row. Use as a context manager."""

    def __init__(self, *paths: Path) -> None:
        self.paths: Sequence[Path] = paths
        self._files = [open(path, "rb", buffering=1 << 20) for path in paths]
        sizes = [os.fstat(file.fileno()).st_size for file in self._files]
        self._first_bytes = [0, *accumulate(sizes)][:-1]  # of each file, as if they were one
        self._starts = array("Q", [0])  # of all rows, as if the files were one

    def __len__(self) -> int:
        """The number of lines that were read so far."""
        return len(self._starts) - 1

    def lines(self) -> Iterator[bytes]:
        """Every line from the first on, with its line end; to be read to the end, once."""
        starts = self._starts
        for at, file in zip(self._first_bytes, self._files, strict=True):
            for line in file:
                at += len(line)
                starts.append(at)
                yield line

    def blocks(self) -> Iterator[tuple[bytes, str, int]]:
        """All lines in blocks, for other processes: bytes, file, number of the first line; their lengths are to be `passed`."""
        for path in self.paths:
            for block in read_blocks(path):
                yield block.data, str(path), block.first_line

    def passed(self, lengths: np.ndarray[Any, Any]) -> None:
        """Notes the next lines by their lengths in bytes, line ends included."""
        import numpy as np

        self._starts.frombytes((np.cumsum(lengths, dtype=np.uint64) + np.uint64(self._starts[-1])).tobytes())

    def again(self) -> Iterator[bytes]:
        """The lines once more, from the first on; `line` goes on working meanwhile."""
        for path in self.paths:
            with open(path, "rb", buffering=1 << 20) as file:
                yield from file

    def line(self, number: int) -> bytes:
        """One line that was passed; rows are numbered from 0 over all files."""
        start = self._starts[number]
        at = bisect_right(self._first_bytes, start) - 1
        return os.pread(self._files[at].fileno(), self._starts[number + 1] - start, start - self._first_bytes[at])

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
            raise InputError("a line is no JSON object", self.where(number), "the file was changed after it was written; run its stage again with --force")
        return row

    def where(self, number: int) -> str:
        """`file:line` of a row."""
        at = bisect_right(self._first_bytes, self._starts[number]) - 1
        return f"{self.paths[at]}:{number - bisect_left(self._starts, self._first_bytes[at]) + 1}"

    def row(self, number: int) -> Row:
        """One row that was passed."""
        return self.parse(self.line(number), number)

    def __enter__(self) -> RowFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for file in self._files:
            file.close()


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
