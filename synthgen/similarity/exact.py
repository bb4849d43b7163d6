"""Exact duplicates: texts that are equal once written alike (Unicode NFKC, case, white space)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import xxhash
from pydantic import Field

from synthgen.config import Component
from synthgen.similarity.contract import Card, Fields


class ExactConfig(Component):
    """Options of `exact`."""

    field: Fields = Field("question", description="what is compared: a field, a path such as meta.source, `question`, or several")
    normalise: bool = Field(True, description="disregard case, runs of white space and Unicode's compatible forms")


def normalised(text: str) -> str:
    """The text in NFKC, case folded, each run of white space one space, none at the ends."""
    if text.isascii():
        text = text.lower()
        if "  " not in text and text.isprintable():  # the only white space is single spaces: most texts, and four times as fast
            return text.strip(" ")
        return " ".join(text.split())
    text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


class Exact:
    """Equality of normalised texts, by their 128-bit hash.

    Normalised is Unicode NFKC, case folded, each run of white space one space. A chance collision among a million rows: less
    than 1 in 10^26.
    """

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Component]] = ExactConfig
    CARD: ClassVar[Card] = Card(
        finds="the same text, but for case, white space and Unicode's compatible forms",
        misses="anything else: one comma more is another text",
        memory="12 bytes a row; about 400 more for each kept row whose text occurs again",
        time="grows with the rows",
    )
    threshold: float | None = None

    def __init__(self, config: ExactConfig) -> None:
        self._config = config

    @property
    def algorithm(self) -> str:
        """What surveys must agree in to be compared."""
        return f"exact {self.VERSION} unicode {unicodedata.unidata_version} normalise {self._config.normalise}"

    def keys(self, texts: Sequence[str]) -> list[bytes | None]:
        """The hash of each text; None for a text without any character but white space."""
        return [xxhash.xxh3_128_digest(text) if text else None for text in self._compared(texts)]

    def survey(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        """A 64-bit hash of each text, of shape (texts, 1); 0 for a text without any character but white space."""
        hashes = (max(1, xxhash.xxh3_64_intdigest(text)) if text else 0 for text in self._compared(texts))
        return np.fromiter(hashes, np.uint64, len(texts)).reshape(-1, 1)

    def scores(self, key: bytes, others: Sequence[bytes]) -> np.ndarray[Any, Any]:
        """1 where another is the same, 0 where not."""
        return np.fromiter((other == key for other in others), np.float64, len(others))

    def _compared(self, texts: Sequence[str]) -> Iterator[bytes]:
        for text in map(normalised, texts) if self._config.normalise else texts:
            yield text.encode("utf-8", "surrogatepass") if text and not text.isspace() else b""
