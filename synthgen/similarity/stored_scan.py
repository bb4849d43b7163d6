"""What a scan finds out about more rows than memory holds, in columns on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np

from synthgen.similarity.chosen import ChosenMethod
from synthgen.similarity.columns import Column
from synthgen.similarity.contract import Array, BandMethod, SketchMethod
from synthgen.similarity.dataset_index import DatasetIndex
from synthgen.similarity.linked_rows import BLOCK, LinkedRows
from synthgen.similarity.scan import Block, RowScan

IN_MEMORY = 64
"""Bytes of a row in memory beside its bands, while dedup works there: measured, rounded up."""
SORTED = 64
"""Bytes of a row while a column is sorted."""
DECIDED = 600
"""Bytes of a row beside 8 a band while it is decided whether it goes, of rows of some ten words."""


class _OfMethod(NamedTuple):
    """The columns of one method: one a band, and those that the method has beside them."""

    bands: list[Column]
    digests: list[Column]
    sketches: list[Column]
    compared: Column
    """Whether there is anything to compare."""


class StoredScan:
    """What a scan found out about each row, on disk. Use as a context manager; files go with it.

    Memory: 7 bytes a row while rows are linked, 8 for each linked row, and half of what is allowed. On disk:
    8 bytes a row, 12 more with `prefer`; for each method its bands and 1 byte a row, its digests (8) and
    sketches (16 for minhash).
    """

    def __init__(self, folder: Path, methods: Sequence[ChosenMethod], memory: int) -> None:
        self._folder, self._methods, self._memory = folder, [method for method, _ in methods], memory
        self._stack = ExitStack()
        self._groups = self._column()
        self._ranks: list[Column] = []
        self._scores: list[Column] = []
        self._of_methods: list[_OfMethod] = []

    def __len__(self) -> int:
        return len(self._groups)

    def append(self, block: Block) -> None:
        """Adds what was found out about the next rows."""
        self._groups.append(block.groups)
        self._add(self._ranks, block.ranks)
        self._add(self._scores, block.scores)
        for position, bands in enumerate(block.bands):
            assert bands is not None
            if position == len(self._of_methods):
                width = range(bands.shape[1])
                columns = _OfMethod([self._column() for _ in width], [], [], self._column())
                self._of_methods.append(columns)
            columns = self._of_methods[position]
            for band, column in enumerate(columns.bands):
                column.append(bands[:, band])
            columns.compared.append(np.asarray(bands.any(axis=1)))
            self._add(columns.digests, block.digests[position])
            self._add(columns.sketches, block.sketches[position])

    def uncompared(self, method: int, first: int) -> int:
        """How many rows from `first` on a method has nothing to compare in."""
        column = self._of_methods[method].compared
        starts = range(first, len(column), BLOCK)
        return sum(int((~column.read(start, start + BLOCK)).sum()) for start in starts)

    def parts(self, earlier: Sequence[DatasetIndex]) -> Iterator[Array]:
        """The rows that may be duplicates, in parts that can be decided one by one, each in memory.

        Yields empty parts while it looks for them.

        Args:
            earlier: indexed datasets that rows are compared with too.

        Returns:
            Ascending numbers of rows, of shape (rows of the part,).
        """
        linked, at_once = LinkedRows(len(self)), max(1, self._memory // 2 // SORTED)
        also = np.zeros(len(self), bool)
        none = np.zeros(0, np.int64)
        for position, (method, columns) in enumerate(zip(self._methods, self._of_methods, strict=True)):
            among = np.ones(0, bool)
            for digests in columns.digests:
                among = linked.link_equal(digests, at_once)
                yield none
            for band in columns.bands:
                if isinstance(method, SketchMethod):
                    linked.link_similar(band, at_once, among, method, columns.sketches[0])
                else:
                    linked.link_equal(band, at_once)
                yield none
            for start in range(0, len(self) if earlier else 0, BLOCK):
                block = np.stack([band.read(start, start + BLOCK) for band in columns.bands], axis=1)
                for dataset in earlier:
                    also[start : start + BLOCK] |= dataset.has_candidates(position, block)
                yield none
        width = sum(len(columns.bands) for columns in self._of_methods)
        yield from linked.parts(also, max(1, self._memory // 2 // (DECIDED + 8 * width)))

    def of(self, numbers: Array) -> RowScan:
        """What was found out about some rows, by their numbers in ascending order."""
        every = self._of_methods
        return RowScan(
            [np.stack([band.take(numbers) for band in columns.bands], axis=1) for columns in every],
            self._groups.take(numbers),
            self._ranks[0].take(numbers) if self._ranks else None,
            self._scores[0].take(numbers) if self._scores else None,
            [columns.digests[0].take(numbers) if columns.digests else None for columns in every],
        )

    def _add(self, column: list[Column], entries: Array | None) -> None:
        """Adds to a column that there may be or not; it is made with the first entries."""
        if entries is not None:
            if not column:
                column.append(self._column())
            column[0].append(entries)

    def _column(self) -> Column:
        return self._stack.enter_context(closing(Column(self._folder)))

    def __enter__(self) -> StoredScan:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def fits(rows: int, methods: Sequence[ChosenMethod], memory: int) -> bool:
    """Whether so many rows are to be scanned in memory; so they are where a method compares them by no bands.

    Args:
        rows: how many there are, about.
        methods: the methods.
        memory: what may be used, in bytes.
    """
    a_row = IN_MEMORY
    for method, _ in methods:
        if not isinstance(method, BandMethod):
            return True
        bands = method.bands(["a"])
        a_row += 2 * bands.nbytes  # bands are joined, and then named
    return rows * a_row <= memory
