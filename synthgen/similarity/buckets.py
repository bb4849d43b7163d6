"""Rows that share a number of their survey, and the index that compares only those."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from synthgen.similarity.contract import Match

Column = np.ndarray[Any, Any]
ALONE = -1


class Surveyed(Protocol):
    """A method with a survey."""

    threshold: float | None

    def survey(self, texts: Sequence[str]) -> Column:
        """Numbers of shape (texts, columns), 0 where there is nothing to compare."""
        ...

    def scores(self, key: Any, others: Sequence[Any]) -> Column:
        """How similar a key is to each of others."""
        ...


class Earlier(Protocol):
    """Rows of earlier datasets, that are kept whatever comes."""

    def shared(self) -> Column:
        """Which rows share a number with an earlier one."""
        ...

    def prime(self, numbers: Sequence[int]) -> None:
        """Looks up what rows that are asked for next are compared with."""
        ...

    def candidates(self, number: int) -> tuple[list[int], list[Any]]:
        """Numbers and keys of the earlier rows that share a number with a row."""
        ...


def buckets(columns: Column) -> Column:
    """For each column and row the bucket of rows that have the same number there; ALONE where no other has, or it is 0.

    Args:
        columns: shape (rows, columns), unsigned.

    Returns:
        int32 of shape (columns, rows); no bucket has rows of two columns.
    """
    rows, width = columns.shape
    found = np.full((width, rows), ALONE, np.int32)
    used = 0
    for column in range(width):
        numbers = np.ascontiguousarray(columns[:, column])
        order = np.argsort(numbers)
        sorted_ = numbers[order]
        like_last = np.r_[False, (sorted_[1:] == sorted_[:-1]) & (sorted_[1:] != 0)] if rows else np.zeros(0, bool)
        shared = like_last | np.r_[like_last[1:], False] if rows else like_last
        names = np.cumsum(shared & ~like_last) - 1 + used
        found[column, order[shared]] = names[shared]
        used = int(names[-1]) + 1 if rows else used
    return found


class BucketIndex:
    """Kept rows by bucket; a row is compared with those it shares a bucket with.

    Memory: 4 bytes a row and column, and the keys of the kept rows that share a bucket.
    """

    def __init__(self, method: Surveyed, of_rows: Column, earlier: Earlier | None = None) -> None:
        self._method, self._of_rows, self._earlier = method, of_rows, earlier
        # Equality is a score of 1: a method without a threshold says so by its scores.
        self._threshold = method.threshold if method.threshold is not None else 0.0
        self._members: dict[int, list[int]] = {}
        self._numbers: list[int] = []
        self._groups: list[int] = []
        self._keys: list[Any] = []

    @property
    def shared(self) -> Column:
        """Which rows share any bucket, and so have to be looked at."""
        found = np.asarray((self._of_rows != ALONE).any(axis=0))
        return found | self._earlier.shared() if self._earlier else found

    def prime(self, numbers: Sequence[int], keys: Sequence[Any]) -> None:
        """Has the earlier rows looked up that rows which are asked for next are compared with."""
        if self._earlier:
            self._earlier.prime(numbers)

    def nearest(self, key: Any, group: int = -1, number: int = -1) -> Match | None:
        """The most similar kept row above the threshold, the first added among equals."""
        places = {place for bucket in self._of_rows[:, number].tolist() if bucket != ALONE for place in self._members.get(bucket, ())}
        if group >= 0:
            places = {place for place in places if self._groups[place] != group}
        in_order = sorted(places)
        numbers, keys = self._earlier.candidates(number) if self._earlier else ([], [])
        numbers = numbers + [self._numbers[place] for place in in_order]
        keys = keys + [self._keys[place] for place in in_order]
        if not keys:
            return None
        scores = self._method.scores(key, keys)
        best = int(np.argmax(scores))
        return Match(numbers[best], float(scores[best])) if scores[best] > self._threshold else None

    def add(self, key: Any, number: int, group: int = -1) -> None:
        """Makes a row one that later ones are compared with."""
        mine = [bucket for bucket in self._of_rows[:, number].tolist() if bucket != ALONE]
        if not mine:
            return
        for bucket in mine:
            self._members.setdefault(bucket, []).append(len(self._keys))
        self._numbers.append(number)
        self._groups.append(group)
        self._keys.append(key)
