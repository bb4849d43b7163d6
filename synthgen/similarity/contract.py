"""What a dedup method is: it turns a text into a key, and finds the most similar key among those it was given before.

    method = Method(config)
    keys = method.keys(texts)            pure; may be called in another process; None where there is nothing to compare
    index = method.index()
    index.nearest(key, group)            the best match that counts as a duplicate, or None
    index.add(key, number, group)        `number` is the row's number; numbers need not rise

Rows of one `group` (samples of one question) are never each other's duplicates; group -1 is nobody's. Of equally similar
rows the one that was added first is the match.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from synthgen.config import Component

Fields = str | tuple[str, ...]
"""A field's name, a path into `meta` (`meta.source`), `question` (what is asked, in any row shape), or several of these."""


class Match(NamedTuple):
    """The number of the row that was matched, and how similar it is (1 is the same)."""

    number: int
    score: float


class Index(Protocol):
    """The rows that a method compares with."""

    def nearest(self, key: Any, group: int = -1) -> Match | None:
        """The most similar row that counts as a duplicate, the first added among equals; None where there is none."""
        ...

    def add(self, key: Any, number: int, group: int = -1) -> None:
        """Makes a row one that later ones are compared with."""
        ...


class Method(Protocol):
    """One dedup method."""

    VERSION: ClassVar[int]
    Config: ClassVar[type[Component]]

    def __init__(self, config: Any) -> None: ...

    @property
    def threshold(self) -> float | None:
        """The similarity that is held against a row, as the rejection states it; None where only equality counts."""
        ...

    def keys(self, texts: Sequence[str]) -> list[Any]:
        """What is compared, for each text; None where the text holds nothing that can be compared."""
        ...

    def index(self) -> Index:
        """A new, empty index."""
        ...
