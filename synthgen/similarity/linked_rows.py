"""Rows that may duplicate one another, in parts that can be decided one by one.

Whether a row goes depends on those before it that it is similar to, and on what these depend on. So rows are
linked where they may be similar, and rows that no chain of links joins are decided apart from one another.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from synthgen.similarity.columns import Column
from synthgen.similarity.contract import Array, SketchMethod

TESTED = 32
"""Up to so many rows that share a number are compared by their sketches, each with each other."""
BLOCK = 1 << 20  # rows of a column that are read together
_ROW = np.uint64((1 << 32) - 1)


class LinkedRows:
    """Rows, by number, in groups that links join.

    Memory: 4 bytes a row, and 1 more while `link_equal` has found copies; at most 2^32 rows.
    """

    def __init__(self, rows: int) -> None:
        self._first = np.arange(rows, dtype=np.uint32)
        """The first row of each row's group."""

    def link_equal(self, column: Column, at_once: int) -> Array:
        """Links all rows that have the same number, not 0.

        Args:
            column: unsigned, of shape (rows,).
            at_once: how many numbers are sorted together, about.

        Returns:
            bool of shape (rows,): the first row of each number; rows with a number of their own are, too.
        """
        first_of_number = np.ones(len(column), bool)
        for rows, runs in _shared(column, at_once):
            firsts = rows[np.searchsorted(runs, runs)]
            first_of_number[rows[rows != firsts]] = False
            self._link(firsts, rows)
        return first_of_number

    def link_similar(
        self, column: Column, at_once: int, among: Array, method: SketchMethod, sketches: Column
    ) -> None:
        """Links the rows that have the same number, not 0, but for pairs whose sketches say that they differ.

        Args:
            column: unsigned, of shape (rows,).
            at_once: how many numbers are sorted together, about.
            among: bool of shape (rows,): the others are left out.
            method: compares sketches.
            sketches: of the rows.
        """
        for rows, runs in _shared(column, at_once, among):
            places = np.searchsorted(runs, runs)
            short = np.searchsorted(runs, runs, "right") - places <= TESTED
            firsts = rows[places]
            ones, others = [firsts[~short]], [rows[~short]]
            rows, runs = rows[short], runs[short]
            order = np.argsort(rows)
            of_rows = np.empty((len(rows), 0), np.uint64)
            if len(rows):
                in_order = sketches.take(rows[order])
                of_rows = np.empty_like(in_order)
                of_rows[order] = in_order
            for distance in range(1, TESTED):
                near = np.flatnonzero(runs[distance:] == runs[:-distance])
                if not len(near):
                    break
                near = near[self._first[rows[near]] != self._first[rows[near + distance]]]
                near = near[method.may_match(of_rows[near], of_rows[near + distance])]
                ones.append(rows[near])
                others.append(rows[near + distance])
            self._link(np.concatenate(ones), np.concatenate(others))

    def parts(self, also: Array, size: int) -> Iterator[Array]:
        """All rows that are linked to another, in parts; groups are whole.

        Args:
            also: bool of shape (rows,): rows that are in a part though they are linked to none.
            size: how many rows a part has at most, but for a group of more.

        Returns:
            Ascending numbers of rows, int64 of shape (rows of the part,).
        """
        wanted = also.copy()
        for start in range(0, len(wanted), BLOCK):
            firsts = self._first[start : start + BLOCK]
            linked = np.flatnonzero(firsts != np.arange(start, start + len(firsts)))
            wanted[start + linked] = True
            wanted[firsts[linked]] = True
        rows = np.flatnonzero(wanted).astype(np.uint32)
        by_group = self._first[rows].astype(np.uint64) << np.uint64(32)
        by_group |= rows
        del rows, wanted
        by_group.sort()
        groups = (by_group >> np.uint64(32)).astype(np.uint32)
        ends = np.append(np.flatnonzero(groups[1:] != groups[:-1]) + 1, len(groups))
        del groups
        start = 0
        while start < len(by_group):
            place = int(np.searchsorted(ends, start + size, "right")) - 1
            end = int(ends[max(place, int(np.searchsorted(ends, start, "right")))])
            yield np.sort((by_group[start:end] & _ROW).astype(np.int64))
            start = end

    def _link(self, ones: Array, others: Array) -> None:
        """Joins the groups of pairs of rows."""
        left, right = self._first[ones], self._first[others]
        apart = left != right
        if not apart.any():
            return
        left, right = left[apart], right[apart]
        nodes, places = np.unique(np.concatenate([left, right]), return_inverse=True)
        self._first[nodes] = nodes[_lowest(places[: len(left)], places[len(left) :], len(nodes))]
        for start in range(0, len(self._first), BLOCK):
            part = self._first[start : start + BLOCK]
            part[:] = self._first[part]


def _lowest(ones: Array, others: Array, nodes: int) -> Array:
    """For each node the lowest one that pairs of nodes join it to, of shape (nodes,)."""
    lowest = np.arange(nodes)
    while True:
        left, right = lowest[ones], lowest[others]
        apart = left != right
        if not apart.any():
            return lowest
        ones, others, left, right = ones[apart], others[apart], left[apart], right[apart]
        lowest[np.maximum(left, right)] = np.minimum(left, right)
        while True:
            further = lowest[lowest]
            if (further == lowest).all():
                break
            lowest = further


def _shared(column: Column, at_once: int, among: Array | None = None) -> Iterator[tuple[Array, Array]]:
    """The rows of a column that share their number, not 0, with another row, by ranges of numbers.

    Returns:
        Rows, the same numbers together and each number's rows ascending; and the runs of the same numbers,
        ascending; both of shape (rows,).
    """
    ranges = -(-len(column) // max(1, at_once))
    for place in range(ranges):
        rows, numbers = _in_range(column, place, ranges, among)
        if numbers.dtype.itemsize == 4:  # one sort of both together is several times as fast
            packed = numbers.astype(np.uint64) << np.uint64(32)
            packed |= rows
            del rows, numbers
            packed.sort()
            numbers, rows = (packed >> np.uint64(32)).astype(np.uint32), (packed & _ROW).astype(np.uint32)
            del packed
        else:
            order = np.argsort(numbers, kind="stable")
            numbers, rows = numbers[order], rows[order]
            del order
        like_last = np.zeros(len(numbers), bool)
        np.equal(numbers[1:], numbers[:-1], out=like_last[1:])
        shared = like_last.copy()
        shared[:-1] |= like_last[1:]
        if shared.any():
            yield rows[shared], np.cumsum(~like_last[shared])


def _in_range(column: Column, place: int, ranges: int, among: Array | None) -> tuple[Array, Array]:
    """The rows whose number, not 0, is in one of several equal ranges, and these numbers."""
    rows, numbers = [np.zeros(0, np.uint32)], []
    for start in range(0, max(1, len(column)), BLOCK):
        block = column.read(start, start + BLOCK)
        block = block.astype(np.promote_types(block.dtype, np.uint32), copy=False)
        chosen = block != 0
        if among is not None:
            chosen &= among[start : start + len(block)]
        if ranges > 1:
            high = block >> (block.dtype.type(8 * block.dtype.itemsize - 32))
            chosen &= (high.astype(np.uint64) * np.uint64(ranges)) >> np.uint64(32) == place
        numbers.append(block[chosen])
        rows.append((np.flatnonzero(chosen) + start).astype(np.uint32))
    return np.concatenate(rows), np.concatenate(numbers)
