"""The contract of a dedup method: it turns texts into keys, and finds the keys that are similar.

A method is a class with `Config`, `VERSION`, `threshold` and `keys`, and with one of two ways to find
matches:

- `BandMethod` has `bands` and `scores`. All rows are read once, in as many processes as there are; only rows
  that share a band with another row are read again, in order, and compared by `scores`.
- `IndexMethod` has `index()`, which makes an empty index. The index sees the key of every row, in order.

Everything else is optional. Each optional ability is a protocol of its own, and a class has the ability by
having the members, without inheriting from anything:

- `DigestMethod`: copies of a row are recognised without comparing keys.
- `SketchMethod`: pairs of rows that cannot be similar are told from a few bytes of each.
- `JoinMethod`: rows are compared in batches, and quickly where very many are alike.
- `StorableMethod`: its bands may be kept in an index on disk (`index: true`).
- `PackableMethod`: shards compute what is expensive, and `merge` takes it over.
- `BatchIndex`: an index that looks up many rows at once.
- `ListingIndex`: an index that lists all matches of a row, so that shards can compare rows beforehand.

All methods are pure: every process gives the same results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np

from synthgen.core.config import Component

Array = np.ndarray[Any, Any]

Fields = str | tuple[str, ...]
"""What is compared: a field's name, a path (`meta.source`), `question` (what is asked, in any row shape),
`content` (all text), or several of these.
"""


class Match(NamedTuple):
    """The number of the row that was matched, and how similar it is (1 is the same)."""

    number: int
    score: float


class Similar(NamedTuple):
    """Pairs of keys: `keys[i]` and `others[i]` are similar by `scores[i]`; all of shape (pairs,)."""

    keys: Array
    others: Array
    scores: Array


class Card(NamedTuple):
    """What the docs say of a method: what it finds and misses, its memory, and how its time grows."""

    finds: str
    misses: str
    memory: str
    time: str


class Method(Protocol):
    """What every dedup method has; a method that ships with synthgen also has a `CARD: ClassVar[Card]`."""

    VERSION: ClassVar[int]
    Config: ClassVar[type[Component]]

    def __init__(self, config: Any) -> None: ...

    @property
    def threshold(self) -> float | None:
        """The similarity above which a row goes, as rejections state it; None where only equality counts."""
        ...

    def keys(self, texts: Sequence[str]) -> list[Any]:
        """What is compared, for each text; None where the text holds nothing that can be compared."""
        ...


@runtime_checkable
class BandMethod(Method, Protocol):
    """A method whose candidates are the rows that share a band, as in locality-sensitive hashing."""

    def bands(self, texts: Sequence[str]) -> Array:
        """Unsigned numbers of shape (texts, bands); 0 where there is nothing to compare.

        Two texts can be duplicates only if they have the same number, not 0, in the same column.
        """
        ...

    def scores(self, key: Any, others: Sequence[Any]) -> Array:
        """How similar a key is to each of others, of shape (others,); above `threshold` is a duplicate."""
        ...


@runtime_checkable
class DigestMethod(BandMethod, Protocol):
    """A method that recognises copies by a digest of their key."""

    def bands_and_digests(self, texts: Sequence[str]) -> tuple[Array, Array]:
        """The bands, and a uint64 digest of each text's key, of shape (texts,).

        Texts have the same digest only if their keys are equal and score 1; 0 where there is nothing to
        compare.
        """
        ...


@runtime_checkable
class SketchMethod(DigestMethod, Protocol):
    """A method that tells from a sketch of two keys, a few bytes each, that they cannot be similar."""

    def bands_digests_and_sketches(self, texts: Sequence[str]) -> tuple[Array, Array, Array]:
        """The bands, the digests, and a sketch of each text's key, of shape (texts, width)."""
        ...

    def may_match(self, sketches: Array, others: Array) -> Array:
        """False for pairs of sketches whose keys score no more than `threshold`; bool of shape (pairs,)."""
        ...


@runtime_checkable
class JoinMethod(BandMethod, Protocol):
    """A method that finds similar keys among many without comparing all that share a band."""

    def join(self) -> Join:
        """A new, empty join."""
        ...


class Join(Protocol):
    """Keys that are added one after another; they are numbered from 0 on."""

    def add(self, keys: Sequence[Any]) -> None:
        """Adds keys."""
        ...

    def above(self, keys: Sequence[Any]) -> Similar:
        """All pairs above the threshold of new keys with those that were added, and with one another.

        `others` are numbers of added keys; a number from the count of those on is that count and the position
        of a new key that comes before this one. Scores are those of `scores`.
        """
        ...


@runtime_checkable
class StorableMethod(BandMethod, Protocol):
    """A method whose bands may be written to disk and compared with those of later rows."""

    @property
    def algorithm(self) -> str:
        """Everything that the bands depend on: only bands of the same algorithm are compared."""
        ...


@runtime_checkable
class IndexMethod(Method, Protocol):
    """A method with an index of its own, which sees every row in order."""

    def index(self) -> Index:
        """A new, empty index."""
        ...


@runtime_checkable
class PackableMethod(Method, Protocol):
    """A method for which something about texts is expensive to compute, such as vectors."""

    def pack(self, texts: Sequence[str]) -> Array:
        """What is expensive, one entry for each different text; a shard writes it to a file."""
        ...

    def unpack(self, packed: Array) -> None:
        """Takes over what a shard has packed, so that `keys` does not compute it again."""
        ...


class Index(Protocol):
    """The kept rows of one method, which later rows are compared with.

    Rows of one `group` (samples of one question) are never each other's duplicates; group -1 is no group.
    """

    def nearest(self, key: Any, group: int = -1, number: int = -1) -> Match | None:
        """The most similar kept row that row `number` duplicates, the first added among equals, or None."""
        ...

    def add(self, key: Any, number: int, group: int = -1) -> None:
        """Makes a row one that later rows are compared with."""
        ...


@runtime_checkable
class BatchIndex(Index, Protocol):
    """An index that looks up many rows at once faster than one after another."""

    def prepare(self, numbers: Sequence[int], keys: Sequence[Any]) -> None:
        """Called with the next rows before `nearest` is asked about each of them; a key may be None."""
        ...


@runtime_checkable
class ListingIndex(Index, Protocol):
    """An index that can list all matches of a row."""

    def matches_up_to(self, most: int, key: Any, group: int = -1) -> list[Match] | None:
        """All matches among the added rows, in the order of adding; None where there are more than `most`."""
        ...
