"""One pass over all rows, in blocks and several processes: what can be said of each row by itself."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from synthgen.core.registry import Choice
from synthgen.core.rows import Row, value_at
from synthgen.similarity.chosen import ChosenMethod, build_methods
from synthgen.similarity.contract import Array, BandMethod, DigestMethod, SketchMethod
from synthgen.similarity.fields import texts_of
from synthgen.similarity.greedy import sample_group
from synthgen.similarity.row_file import RowFile, Span
from synthgen.store.processes import in_order


class Preference(NamedTuple):
    """Sources from the best to the worst, and a score of which the higher is preferred."""

    sources: tuple[str, ...] = ()
    score: str | None = None


@dataclass
class RowScan:
    """What one pass found out about each row.

    `bands` and `digests` have one entry a method, None for a method without; bands have shape (rows, bands),
    all other arrays have shape (rows,).
    """

    bands: list[Array | None]
    groups: Array
    """int64: the row's sample group, -1 for none."""
    ranks: Array | None = None
    """int32: the position of the row's source in the preference, the best first."""
    scores: Array | None = None
    """float64: the row's preferred score, negated."""
    digests: list[Array | None] = field(default_factory=list)

    def order(self, given: int = 0) -> Array:
        """The numbers of the rows in the order in which they are compared.

        The first `given` rows come first as they are, then the most preferred ones; file order among equals.
        """
        sort_keys = [key for key in (self.scores, self.ranks) if key is not None]
        order = np.lexsort(sort_keys) if sort_keys else np.arange(len(self.groups))
        return np.concatenate([np.arange(given), order[order >= given]]) if given else order


class Block(NamedTuple):
    """What a scan finds out about the lines of one span; `lengths` are those of the lines in bytes."""

    lengths: Array
    bands: list[Array | None]
    groups: Array
    ranks: Array | None
    scores: Array | None
    digests: list[Array | None]
    sketches: list[Array | None]


class Scanner:
    """Reads one span of lines after another; each process builds its own."""

    def __init__(
        self,
        choices: Sequence[Choice],
        grouped: bool,
        preference: Preference | None,
        sketched: bool = False,
    ) -> None:
        self._chosen, self._sketched = build_methods(choices), sketched
        self._grouped, self._preference = grouped, preference
        sources = preference.sources if preference else ()
        self._rank_of_source = {source: rank for rank, source in enumerate(sources)}

    def __call__(self, span: Span) -> Block:
        """What can be said of the lines of a span."""
        rows, lengths = span.rows()
        surveys = [_surveyed(chosen, rows, self._sketched) for chosen in self._chosen]
        groups = (
            np.fromiter(map(sample_group, rows), np.int64, len(rows))
            if self._grouped
            else np.full(len(rows), -1, np.int64)
        )
        return Block(
            lengths,
            [survey.bands for survey in surveys],
            groups,
            self._ranks(rows),
            self._scores(rows),
            [survey.digests for survey in surveys],
            [survey.sketches for survey in surveys],
        )

    def _ranks(self, rows: Sequence[Row]) -> Array | None:
        if not self._rank_of_source:
            return None
        ranks, last = self._rank_of_source, len(self._rank_of_source)
        return np.fromiter(
            (ranks.get(str(value_at(row, "meta.source")), last) for row in rows), np.int32, len(rows)
        )

    def _scores(self, rows: Sequence[Row]) -> Array | None:
        name = self._preference.score if self._preference else None
        if name is None:
            return None
        return np.fromiter((-_score(row, name) for row in rows), np.float64, len(rows))


class _Survey(NamedTuple):
    """A method's bands, of shape (rows, bands), digests and sketches, an entry a row, where it has them."""

    bands: Array | None = None
    digests: Array | None = None
    sketches: Array | None = None


def _surveyed(chosen: ChosenMethod, rows: Sequence[Row], sketched: bool) -> _Survey:
    method = chosen.method
    if not isinstance(method, BandMethod):
        return _Survey()
    texts = texts_of(rows, chosen.field)
    if sketched and isinstance(method, SketchMethod):
        return _Survey(*method.bands_digests_and_sketches(texts))
    if isinstance(method, DigestMethod):
        return _Survey(*method.bands_and_digests(texts))
    return _Survey(method.bands(texts))


def scan_blocks(
    rows: RowFile,
    choices: Sequence[Choice],
    *,
    grouped: bool,
    preference: Preference | None,
    workers: int,
    watch: Callable[[int], None],
    number: int = 1,
    of: int = 1,
    sketched: bool = False,
) -> Generator[Block, None, None]:
    """Reads all rows once, or one part of them; close the iterator where it may not be read to its end.

    Args:
        rows: the files; afterwards their lines can be read by number.
        choices: the methods.
        grouped: whether to find out which rows are samples of one question.
        preference: what ranks and scores are made from; None for file order.
        workers: processes.
        watch: called with the number of rows done so far, after each block; may raise.
        number: which part of the lines is read, from 1.
        of: how many parts there are.
        sketched: whether to find out the sketches of methods that have them.

    Returns:
        What was found out about the rows of one block after another.
    """
    done = 0
    target, setup = "synthgen.similarity.scan:Scanner", (tuple(choices), grouped, preference, sketched)
    with closing(in_order(target, setup, rows.spans(number, of), workers)) as scanned:
        for block in scanned:
            rows.append_lengths(block.lengths)
            yield block
            done += len(block.lengths)
            watch(done)


def scan_rows(
    rows: RowFile,
    choices: Sequence[Choice],
    *,
    grouped: bool,
    preference: Preference | None,
    workers: int,
    watch: Callable[[int], None],
    number: int = 1,
    of: int = 1,
) -> RowScan:
    """What `scan_blocks` finds out, in memory; its arguments are the same."""
    options: dict[str, Any] = {"grouped": grouped, "preference": preference, "workers": workers}
    with closing(scan_blocks(rows, choices, watch=watch, number=number, of=of, **options)) as scanned:
        blocks = list(scanned)
    methods = range(len(choices))
    groups = _joined(block.groups for block in blocks)
    return RowScan(
        [_joined(block.bands[method] for block in blocks) for method in methods],
        np.zeros(0, np.int64) if groups is None else groups,
        _joined(block.ranks for block in blocks),
        _joined(block.scores for block in blocks),
        [_joined(block.digests[method] for block in blocks) for method in methods],
    )


def _joined(parts: Iterable[Array | None]) -> Array | None:
    """The parts end to end; None where there is none."""
    arrays = [part for part in parts if part is not None]
    return np.concatenate(arrays) if arrays else None


def _score(row: Row, name: str) -> float:
    """A row's score by its name in `meta.scores`, or by a path; -inf where it has none."""
    score = value_at(row, f"meta.scores.{name}")
    score = value_at(row, name) if score is None else score
    return float(score) if isinstance(score, int | float) else float("-inf")
