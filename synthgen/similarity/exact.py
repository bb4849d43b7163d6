"""Exact duplicates: texts that are equal once written alike (Unicode NFKC, case, white space)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import ClassVar

import xxhash
from pydantic import Field

from synthgen.config import Component
from synthgen.similarity.contract import Fields, Match


class ExactConfig(Component):
    """Options of `exact`."""

    field: Fields = Field("question", description="what is compared: a field, a path such as meta.source, `question`, or several")
    normalise: bool = Field(True, description="disregard case, runs of white space and Unicode's compatible forms")


def normalised(text: str) -> str:
    """The text in NFKC, case folded, each run of white space one space, none at the ends."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


class Exact:
    """Equality of normalised texts, by their 128-bit hash.

    Memory: about 170 bytes a row that is kept. A chance collision among a million rows: less than 1 in 10^26.
    """

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Component]] = ExactConfig
    threshold: float | None = None

    def __init__(self, config: ExactConfig) -> None:
        self._config = config

    def keys(self, texts: Sequence[str]) -> list[bytes | None]:
        """The hash of each text; None for a text without any character but white space."""
        digest = xxhash.xxh3_128_digest
        if self._config.normalise:
            return [digest(text.encode("utf-8", "surrogatepass")) if text else None for text in map(normalised, texts)]
        return [digest(text.encode("utf-8", "surrogatepass")) if text.strip() else None for text in texts]

    def index(self) -> ExactIndex:
        """A new, empty index."""
        return ExactIndex()


class ExactIndex:
    """The first row of each text, by hash."""

    def __init__(self) -> None:
        self._first: dict[bytes, int] = {}
        self._group: dict[bytes, int] = {}

    def nearest(self, key: bytes, group: int = -1) -> Match | None:
        """The row with the same text, unless it is of the same group."""
        number = self._first.get(key)
        if number is None or (group >= 0 and self._group.get(key, -1) == group):
            return None
        return Match(number, 1.0)

    def add(self, key: bytes, number: int, group: int = -1) -> None:
        """Keeps the row as its text's first, if it is."""
        # A kept row with a known text is always of the group of that text's first, so one group per text is enough.
        if self._first.setdefault(key, number) == number and group >= 0:
            self._group[key] = group
