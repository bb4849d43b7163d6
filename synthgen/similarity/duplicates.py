"""Finds the rows that duplicate a kept row: all rows are scanned, then the suspects compared in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np

from synthgen.core.registry import Choice
from synthgen.core.rows import Row
from synthgen.similarity.chosen import ChosenMethod, build_methods
from synthgen.similarity.contract import Array
from synthgen.similarity.dataset_index import DatasetIndex
from synthgen.similarity.decisions import Duplicates, decide, own_index
from synthgen.similarity.pairs import PairIndex
from synthgen.similarity.row_file import RowFile
from synthgen.similarity.scan import Preference, scan_blocks, scan_rows
from synthgen.similarity.shard_parts import ShardResults
from synthgen.similarity.stored_scan import StoredScan, fits


def find_duplicates(
    rows: RowFile,
    choices: Sequence[Choice],
    *,
    given: int = 0,
    earlier: Sequence[DatasetIndex] = (),
    across_samples: bool = False,
    preference: Preference | None = None,
    workers: int = 1,
    watch: Callable[[int], None],
    shards: ShardResults | None = None,
    memory: int | None = None,
    folder: Path | None = None,
) -> Duplicates:
    """Finds the rows that duplicate one before them; rows of the first `given` files are always kept.

    Args:
        rows: the files, unread.
        choices: the methods, each with a `field`.
        given: how many of the files hold rows that the others are compared with, but that cannot go.
        earlier: indexed datasets that rows are compared with too.
        across_samples: compare samples of one question with each other as well.
        preference: which of two duplicates stays; the one first in the files where None.
        workers: processes for the scan.
        watch: called with the number of rows that are done, often; may raise.
        shards: what shards found out about the same rows with the same options; None where there are none.
        memory: bytes beyond which what is found out about the rows is kept on disk, where all methods have
            bands and there are no shards; None for never.
        folder: where it is kept; by default where temporary files are.

    Returns:
        The duplicates, and what was not compared.
    """
    chosen = build_methods(choices)
    scanning: dict[str, Any] = {
        "grouped": not across_samples,
        "preference": preference,
        "workers": workers,
        "watch": watch,
    }
    if memory is not None and shards is None and not fits(rows.about(), chosen, memory):
        with StoredScan(folder or Path(gettempdir()), chosen, memory) as stored:
            with closing(scan_blocks(rows, choices, sketched=True, **scanning)) as blocks:
                for block in blocks:
                    stored.append(block)
            return _find_by_parts(rows, stored, chosen, earlier, rows.first_of(given), watch)
    if shards is None:
        scan = scan_rows(rows, choices, **scanning)
    else:
        rows.append_lengths(shards.lengths)
        scan = shards.scan
    duplicates = Duplicates(len(choices), rows.first_of(given))
    if len(rows) == duplicates.first:
        return duplicates
    pair_indexes = (
        {}
        if shards is None
        else {
            position: PairIndex(pairs, len(rows), own_index(chosen[position]))
            for position, pairs in shards.pairs.items()
        }
    )
    decide(rows, scan, chosen, earlier, pair_indexes, duplicates, watch)
    return duplicates


def _find_by_parts(
    rows: RowFile,
    stored: StoredScan,
    chosen: Sequence[ChosenMethod],
    earlier: Sequence[DatasetIndex],
    first: int,
    watch: Callable[[int], None],
) -> Duplicates:
    """The duplicates, where what is known of the rows is on disk: one part after another is decided."""
    duplicates = Duplicates(len(chosen), first)
    if len(rows) == first:
        return duplicates
    duplicates.uncompared = [stored.uncompared(method, first) for method in range(len(chosen))]
    for numbers in stored.parts(earlier):
        watch(len(rows))
        if len(numbers):
            part = Duplicates(len(chosen), int(np.searchsorted(numbers, first)))
            of_part = _PartOfRows(rows, numbers)
            decide(of_part, stored.of(numbers), chosen, earlier, {}, part, lambda _: watch(len(rows)))
            duplicates.take_over(part, numbers)
    return duplicates


class _PartOfRows:
    """Some rows of a file, by their place among those."""

    def __init__(self, rows: RowFile, numbers: Array) -> None:
        self._rows, self._numbers = rows, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def row(self, number: int) -> Row:
        return self._rows.row(int(self._numbers[number]))
