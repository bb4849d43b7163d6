"""Decides which rows go: those that may duplicate another are compared in order with the kept ones."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from synthgen.core.rows import Row
from synthgen.similarity.buckets import BucketIndex, buckets
from synthgen.similarity.chosen import ChosenMethod
from synthgen.similarity.contract import Array, BandMethod, BatchIndex, Index, IndexMethod
from synthgen.similarity.dataset_index import DatasetIndex
from synthgen.similarity.earlier_rows import EarlierCandidates
from synthgen.similarity.fields import text_of
from synthgen.similarity.greedy import Duplicate, Greedy
from synthgen.similarity.pairs import PairIndex
from synthgen.similarity.scan import RowScan

BATCH = 1024  # rows that are compared between two checks whether to stop


class DroppedRow(NamedTuple):
    """A row that duplicates another: their numbers, the method (by position), and how similar they are."""

    number: int
    matched: int
    method: int
    score: float


class Duplicates:
    """The dropped rows, and how many rows each method could not compare.

    Memory: 25 bytes a dropped row.
    """

    def __init__(self, methods: int, first: int) -> None:
        self.first = first
        """Number of the first row that may be dropped; the rows before it were given."""
        self.uncompared = [0] * methods
        self._numbers, self._matched = array("q"), array("q")
        self._methods, self._scores = array("B"), array("d")

    def drop(self, number: int, duplicate: Duplicate) -> None:
        """Adds a dropped row."""
        self._numbers.append(number)
        self._matched.append(duplicate.matched)
        self._methods.append(duplicate.method)
        self._scores.append(duplicate.score)

    def take_over(self, part: Duplicates, numbers: Array) -> None:
        """Adds the dropped rows of a part of the rows, whose numbers among all rows are `numbers`."""
        matched = np.frombuffer(part._matched, np.int64)
        own = matched >= 0
        self._numbers.frombytes(numbers[np.frombuffer(part._numbers, np.int64)].tobytes())
        self._matched.frombytes(np.where(own, numbers[np.where(own, matched, 0)], matched).tobytes())
        self._methods.extend(part._methods)
        self._scores.extend(part._scores)

    def in_file_order(self) -> Iterator[DroppedRow]:
        """The dropped rows by their number."""
        order = np.argsort(np.frombuffer(self._numbers, np.int64)) if len(self._numbers) else ()
        return (
            DroppedRow(self._numbers[index], self._matched[index], self._methods[index], self._scores[index])
            for index in map(int, order)
        )


class Rows(Protocol):
    """Rows that can be read by number."""

    def __len__(self) -> int: ...

    def row(self, number: int) -> Row:
        """The row of a number."""
        ...


def decide(
    rows: Rows,
    scan: RowScan,
    chosen: Sequence[ChosenMethod],
    earlier: Sequence[DatasetIndex],
    pair_indexes: Mapping[int, PairIndex],
    duplicates: Duplicates,
    watch: Callable[[int], None],
) -> None:
    """Compares the rows that may be duplicates, in order, and notes those that go."""
    indexes = _open_indexes(scan, chosen, earlier, pair_indexes, duplicates)
    matcher = _Matcher(rows, chosen, indexes, scan.groups, duplicates)
    order = scan.order(duplicates.first)
    order = order[indexes.suspects[order]]
    for start in range(0, len(order), BATCH):
        numbers = order[start : start + BATCH].tolist()
        matcher.match(numbers)
        watch(len(rows) - len(order) + start + len(numbers))


class _Indexes(NamedTuple):
    """An index for each method, and which rows have to be looked at."""

    indexes: list[Index]
    sees_all: list[bool]
    """Whether the method's index has to see the key of every row."""
    suspects: Array
    """bool of shape (rows,): the rows that have to be looked at."""
    need_keys: Array
    """bool of shape (rows,): those of them that have to be read."""


def own_index(chosen: ChosenMethod) -> Index:
    """A new, empty index of a method that has its own."""
    method = chosen.method
    assert isinstance(method, IndexMethod)
    return method.index()


def _open_indexes(
    scan: RowScan,
    chosen: Sequence[ChosenMethod],
    earlier: Sequence[DatasetIndex],
    pair_indexes: Mapping[int, PairIndex],
    duplicates: Duplicates,
) -> _Indexes:
    """An index for each method; takes the bands and digests out of the scan, since they may be large."""
    rows = len(scan.groups)
    suspects, need_keys = np.zeros(rows, bool), np.zeros(rows, bool)
    indexes: list[Index] = []
    sees_all = [False] * len(chosen)
    for position, method_and_field in enumerate(chosen):
        method, bands = method_and_field.method, scan.bands[position]
        if position in pair_indexes:
            pair_index = pair_indexes[position]
            indexes.append(pair_index)
            suspects |= pair_index.suspects
            need_keys[:] = True
            duplicates.uncompared[position] = pair_index.uncompared
            continue
        if bands is None:
            indexes.append(own_index(method_and_field))
            suspects[:] = need_keys[:] = sees_all[position] = True
            continue
        assert isinstance(method, BandMethod)
        duplicates.uncompared[position] = int((~bands[duplicates.first :].any(axis=1)).sum())
        digests = scan.digests[position] if scan.digests else None
        index = BucketIndex(
            method,
            buckets(bands, digests),
            EarlierCandidates(earlier, position, method_and_field, bands) if earlier else None,
            None if digests is None else buckets(digests.reshape(-1, 1))[0],
        )
        suspects |= index.suspects
        need_keys |= index.need_keys
        indexes.append(index)
        scan.bands[position] = None
        if scan.digests:
            scan.digests[position] = None
    return _Indexes(indexes, sees_all, suspects, need_keys)


class _Matcher:
    """Compares one batch of rows after another, in order, and notes those that go."""

    def __init__(
        self,
        rows: Rows,
        chosen: Sequence[ChosenMethod],
        indexes: _Indexes,
        groups: Array,
        duplicates: Duplicates,
    ) -> None:
        self._rows, self._chosen, self._groups, self._duplicates = rows, chosen, groups, duplicates
        self._sees_all, self._need_keys = indexes.sees_all, indexes.need_keys
        self._greedy = Greedy(indexes.indexes)
        self._unread = (_UNREAD,) * len(chosen)
        self._batch_indexes = [
            (position, index)
            for position, index in enumerate(indexes.indexes)
            if isinstance(index, BatchIndex)
        ]
        # The first method that finds a match is the one that is named, so that its match without a key
        # settles a row. An index that has to see every row also counts the rows that it cannot compare.
        first = indexes.indexes[0]
        self._keyless = first if isinstance(first, BucketIndex) and not any(indexes.sees_all) else None

    def match(self, numbers: Sequence[int]) -> None:
        """Keeps or drops each of the rows."""
        first = self._duplicates.first
        groups = self._groups[numbers].tolist()
        matches = [
            self._keyless.match_without_key(number, group) if self._keyless and number >= first else None
            for number, group in zip(numbers, groups, strict=True)
        ]
        keys_of = self._keys_of(
            [
                number
                for number, match in zip(numbers, matches, strict=True)
                if match is None and self._need_keys[number]
            ]
        )
        for number, group, match in zip(numbers, groups, matches, strict=True):
            keys = keys_of.get(number, self._unread)
            if match is not None:
                self._duplicates.drop(number, Duplicate(0, match.number, match.score))
            elif number < first:
                self._greedy.keep(number, keys, group)
            elif (duplicate := self._greedy.match_or_keep(number, keys, group)) is not None:
                self._duplicates.drop(number, duplicate)

    def _keys_of(self, numbers: Sequence[int]) -> dict[int, tuple[object, ...]]:
        """The keys of rows for each method, by the row's number; the rows are read for it."""
        rows = [self._rows.row(number) for number in numbers]
        keys = [method.keys([text_of(row, field) for row in rows]) for method, field in self._chosen]
        first = self._duplicates.first
        for position, of_method in enumerate(keys):
            if self._sees_all[position]:
                self._duplicates.uncompared[position] += sum(
                    key is None and number >= first for key, number in zip(of_method, numbers, strict=True)
                )
        for position, index in self._batch_indexes:
            index.prepare(numbers, keys[position])
        return dict(zip(numbers, zip(*keys, strict=True), strict=True))


_UNREAD = object()  # stands for the key of a row that needs none
