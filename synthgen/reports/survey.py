"""One pass over rows in flat memory: fields, lengths, random samples, and why rows were dropped."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from synthgen.core.histogram import equal_bins
from synthgen.core.rows import Row

T = TypeVar("T")

FIELD_NAMES = 1000
"""How many different field names are counted."""
TEXT_FIELDS = 50
"""Of how many fields the lengths are counted."""
EXACT_LENGTH = 10_000
"""Up to here lengths are counted one by one, beyond it to two digits."""
RULES = 1000
"""For how many different rules examples are kept."""


class Reservoir(Generic[T]):
    """A uniform sample of up to `size` things of a stream (Vitter 1985, algorithm R)."""

    def __init__(self, size: int, seed: int | str) -> None:
        self.size, self.seen = size, 0
        self.kept: list[tuple[int, T]] = []
        self._random = random.Random(seed)

    def add(self, thing: T) -> None:
        """Offers one thing."""
        self.seen += 1
        if len(self.kept) < self.size:
            self.kept.append((self.seen, thing))
            return
        place = self._random.randrange(self.seen)
        if place < self.size:
            self.kept[place] = (self.seen, thing)

    def drawn(self) -> list[T]:
        """What was drawn, in the order of the stream."""
        return [thing for _, thing in sorted(self.kept, key=lambda entry: entry[0])]


class Lengths:
    """How long texts are: counts by length, from which quantiles are read."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.number = self.total = 0

    def add(self, length: int) -> None:
        """Counts one text."""
        if length > EXACT_LENGTH:
            step = 10 ** (len(str(length)) - 2)
            length = length // step * step
        self.counts[length] += 1
        self.number += 1
        self.total += length

    def plain(self) -> dict[str, Any]:
        """min, p5, median, p95, max, mean, and a histogram of up to ten equal bins as [from, to, count]."""
        ordered = sorted(self.counts.items())
        return {
            "min": ordered[0][0],
            "p5": self._quantile(ordered, 0.05),
            "median": self._quantile(ordered, 0.5),
            "p95": self._quantile(ordered, 0.95),
            "max": ordered[-1][0],
            "mean": round(self.total / self.number, 1),
            "histogram": equal_bins(self.counts),
        }

    def _quantile(self, ordered: list[tuple[int, int]], share: float) -> int:
        rank, seen = share * (self.number - 1), 0
        for length, count in ordered:
            seen += count
            if seen > rank:
                return length
        return ordered[-1][0]


class Survey:
    """What one pass over rows finds out."""

    def __init__(self, samples: int = 3, seed: int = 0, examples: int = 2) -> None:
        self.rows = 0
        self.fields: Counter[str] = Counter()
        self.words: dict[str, Lengths] = {}
        self.samples: Reservoir[Row] = Reservoir(samples, seed)
        self.dropped: Counter[str] = Counter()
        self.examples: dict[str, Reservoir[Row]] = {}
        self._example_count, self._seed = examples, seed

    def add_all(self, rows: Iterable[Row]) -> Survey:
        """Adds rows; returns itself."""
        for row in rows:
            self.add(row)
        return self

    def add(self, row: Row) -> None:
        """Adds one row."""
        self.rows += 1
        for name, value in row.items():
            if name in self.fields or len(self.fields) < FIELD_NAMES:
                self.fields[name] += 1
            text = _text(name, value)
            if text is not None and (name in self.words or len(self.words) < TEXT_FIELDS):
                self.words.setdefault(name, Lengths()).add(len(text.split()))
        self.samples.add(row)
        rejection = row.get("rejection")
        if isinstance(rejection, dict):
            rule = str(rejection.get("rule"))
            self.dropped[rule] += 1
            if rule in self.examples or len(self.examples) < RULES:
                self.examples.setdefault(rule, Reservoir(self._example_count, f"{self._seed} {rule}")).add(
                    row
                )

    def plain(self) -> dict[str, Any]:
        """Counts, lengths in words, samples."""
        return {
            "rows": self.rows,
            "fields": dict(self.fields),
            "words": {name: self.words[name].plain() for name in self.words},
            "dropped": dict(self.dropped.most_common()),
            "samples": self.samples.drawn(),
        }


def _text(name: str, value: Any) -> str | None:
    if isinstance(value, str):
        return value if name != "id" else None
    if name == "messages" and isinstance(value, list):
        return "\n".join(str(turn.get("content") or "") for turn in value if isinstance(turn, dict))
    return None
