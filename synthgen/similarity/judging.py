"""All rows judged: surveyed once, and those that any method suspects looked at again, in order."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from synthgen.registry import Choice
from synthgen.similarity.buckets import BucketIndex, buckets
from synthgen.similarity.earlier import Earlier, EarlierRows
from synthgen.similarity.fields import text_of
from synthgen.similarity.greedy import Duplicate, Greedy
from synthgen.similarity.pairs import PairIndex, Searched
from synthgen.similarity.row_file import RowFile
from synthgen.similarity.survey import Preference, Survey, survey

BATCH = 1024  # rows that are judged between two looks at whether to stop


class Judged:
    """The dropped rows' numbers, what each matched, by which method, how similar it was; and what was not compared.

    Memory: 25 bytes a dropped row.
    """

    def __init__(self, methods: int) -> None:
        self.first = 0
        """Number of the first row that was judged; those before were given."""
        self.numbers, self.matched, self.methods, self.scores = array("q"), array("q"), array("B"), array("d")
        self.uncompared = [0] * methods

    def drop(self, number: int, duplicate: Duplicate) -> None:
        """Notes a dropped row."""
        self.numbers.append(number)
        self.matched.append(duplicate.matched)
        self.methods.append(duplicate.method)
        self.scores.append(duplicate.score)

    def in_file_order(self) -> Iterator[tuple[int, int, int, float]]:
        """(number, matched number, method, score) of each dropped row."""
        order = np.argsort(np.frombuffer(self.numbers, np.int64)) if len(self.numbers) else ()
        return ((self.numbers[at], self.matched[at], self.methods[at], self.scores[at]) for at in map(int, order))


def judge_rows(
    rows: RowFile, choices: Sequence[Choice], *, given: int = 0, earlier: Sequence[Earlier] = (), across_samples: bool = False,
    preference: Preference | None = None, workers: int = 1, watch: Callable[[int], None], searched: Searched | None = None,
) -> Judged:  # fmt: skip
    """Judges the rows of all files but the first `given`, whose rows are kept whatever they are.

    Args:
        rows: the files, unread.
        choices: the methods, each with a `field`.
        given: how many of the files hold rows that the others are compared with, but not judged.
        earlier: indexed datasets that rows are compared with too.
        across_samples: compare samples of one question with each other as well.
        preference: which of two duplicates stays; the one first in the files where None.
        workers: processes for the survey.
        watch: called with the number of rows that are done, often; may raise.
        searched: what shards found out of the same rows for the same options; found out here where None.
    """
    if searched is None:
        found = survey(rows, choices, grouped=not across_samples, preference=preference, workers=workers, watch=watch)
    else:
        rows.passed(searched.lengths)
        found = searched.survey
    judged = Judged(len(choices))
    judged.first = rows.first_of(given)
    methods = [choice.load()(choice.options) for choice in choices]
    fields = [choice.options.field for choice in choices]  # type: ignore[attr-defined]
    if len(rows) == judged.first:
        return judged
    pairs = {} if searched is None else {at: PairIndex(known, len(rows), methods[at].index()) for at, known in searched.pairs.items()}
    indexes, suspects = _indexes(found, methods, fields, earlier, judged, pairs)
    greedy = Greedy(indexes)
    order = found.order(judged.first)
    order = order[suspects[order]]
    for start in range(0, len(order), BATCH):
        numbers = order[start : start + BATCH].tolist()
        batch = [rows.row(number) for number in numbers]
        columns = [method.keys([text_of(row, field) for row in batch]) for method, field in zip(methods, fields, strict=True)]
        for at, (index, keys) in enumerate(zip(indexes, columns, strict=True)):
            if found.columns[at] is None:
                judged.uncompared[at] += sum(key is None and number >= judged.first for key, number in zip(keys, numbers, strict=True))
            if hasattr(index, "prime"):
                index.prime(numbers, keys)
        for number, keys in zip(numbers, zip(*columns, strict=True), strict=True):
            if number < judged.first:
                greedy.keep(number, keys, int(found.groups[number]))
            elif (duplicate := greedy.judge(number, keys, int(found.groups[number]))) is not None:
                judged.drop(number, duplicate)
        watch(len(rows) - len(order) + start + len(numbers))
    return judged


def _indexes(
    found: Survey, methods: Sequence[Any], fields: Sequence[Any], earlier: Sequence[Earlier], judged: Judged, pairs: Mapping[int, PairIndex],
) -> tuple[list[Any], np.ndarray[Any, Any]]:  # fmt: skip
    """An index for each method, and which rows have to be looked at."""
    indexes: list[Any] = []
    suspects = np.zeros(len(found.groups), bool)
    for at, (method, field) in enumerate(zip(methods, fields, strict=True)):
        numbers = found.columns[at]
        if at in pairs:
            indexes.append(pairs[at])
            suspects |= pairs[at].shared
            judged.uncompared[at], found.columns[at] = pairs[at].uncompared, _SPENT
            continue
        if numbers is None:
            indexes.append(method.index())
            suspects[:] = True
            continue
        judged.uncompared[at] = int((~numbers[judged.first :].any(axis=1)).sum())
        index = BucketIndex(method, buckets(numbers), EarlierRows(earlier, at, method, field, numbers) if earlier else None)
        suspects |= index.shared
        indexes.append(index)
        found.columns[at] = _SPENT
    return indexes, suspects


_SPENT = np.zeros(0)  # stands for numbers that were surveyed and are no longer needed, which may be large
