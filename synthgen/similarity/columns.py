"""Columns of numbers, one entry a row, in files that have no name: they are gone when the process is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from synthgen.similarity.contract import Array

SPAN = 1 << 18  # rows between the first and the last that are read together


class Column:
    """Entries of rows that are added in order, and read by the rows' numbers.

    Memory: a buffer; a column is read in spans.

    Raises:
        OSError: of its methods too; the disk is full, with the folder as the file's name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = TemporaryFile(dir=folder, buffering=1 << 16)
        self._type, self._width = np.dtype(np.uint8), 1
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def append(self, entries: Array) -> None:
        """Adds entries of shape (rows,) or (rows, width); all of one type and width."""
        self._type, self._width = entries.dtype, entries[:1].size or self._width
        self._rows += len(entries)
        with self._named():
            self._file.write(np.ascontiguousarray(entries).data)

    def read(self, first: int, end: int) -> Array:
        """The entries of the rows from `first` up to `end`, or up to the last."""
        with self._named():
            self._file.flush()
        end = min(end, self._rows)
        entries = np.empty((end - first, self._width), self._type)
        room, position = entries.reshape(-1).view(np.uint8).data, first * self._width * self._type.itemsize
        done = 0
        while done < len(room):
            done += os.preadv(self._file.fileno(), [room[done:]], position + done)
        return entries if self._width > 1 else entries[:, 0]

    def take(self, numbers: Array) -> Array:
        """The entries of some rows, by their numbers in ascending order, of shape (rows, …)."""
        taken = np.empty((len(numbers), self._width), self._type)
        start = 0
        while start < len(numbers):
            first = int(numbers[start])
            end = int(np.searchsorted(numbers, first + SPAN))
            entries = self.read(first, int(numbers[end - 1]) + 1)
            taken[start:end] = entries.reshape(-1, self._width)[numbers[start:end] - numbers[start]]
            start = end
        return taken if self._width > 1 else taken[:, 0]

    @contextmanager
    def _named(self) -> Iterator[None]:
        """An error says which folder it is about, since the file has no name."""
        try:
            yield
        except OSError as fault:
            raise OSError(fault.errno, fault.strerror, str(self._folder)) from fault

    def close(self) -> None:
        """Gives the space on disk back, whether or not what is left could be written."""
        with suppress(OSError):
            self._file.close()
