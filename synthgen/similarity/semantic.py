"""Near-duplicates by meaning: the cosine of embeddings, compared with every kept row, exactly, in blocks.

It finds paraphrases, which methods on words miss; what counts as one depends on the model, so look at what a threshold
drops before trusting it. Time grows with the pairs: 100,000 rows of 256 numbers are a few minutes on two cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from synthgen.config import Component
from synthgen.similarity.contract import Card, Fields, Match
from synthgen.similarity.embedding_options import EmbeddingsConfig
from synthgen.similarity.embeddings import Embedder

Column = np.ndarray[Any, Any]

BLOCK = 4096  # kept rows that are multiplied at once
MARGIN = 1e-4  # single precision over any order of sums is well within this


class SemanticConfig(Component):
    """Options of `semantic`."""

    embeddings: EmbeddingsConfig = Field(description="the model that embeds: {model, base_url, …}, see below")
    field: Fields = Field("question", description="what is compared: a field, a path such as meta.source, `question`, or several")
    threshold: float = Field(0.9, ge=-1, lt=1, description="a row goes when the cosine of its vector with a kept one's is above this")


class Semantic:
    """Near-duplicates by meaning, as an embedding model sees it: the cosine of two vectors.

    The model is one behind any OpenAI-compatible /v1/embeddings address, or a sentence-transformers or model2vec folder. Each
    text's vector is had once and kept under `embeddings.cache`. What counts as alike depends on the model: look at what a
    threshold drops before trusting it.
    """

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Component]] = SemanticConfig
    CARD: ClassVar[Card] = Card(
        finds="paraphrases, translations where the model knows them",
        misses="what the model does not tell apart: numbers, negation and names often look alike to it, so look at the dropped rows",
        memory="4 bytes a number of each kept row's vector (3 KB at 768)",
        time="grows with the pairs; exact, in blocks",
    )

    def __init__(self, config: SemanticConfig) -> None:
        self._config = config
        self.threshold: float | None = config.threshold
        self._embedder = Embedder(config.embeddings)

    def keys(self, texts: Sequence[str]) -> list[Column | None]:
        """The vector of each text; None for one of white space."""
        filled = [text for text in texts if text.strip()]
        vectors = iter(self._embedder.vectors(filled))
        return [next(vectors) if text.strip() else None for text in texts]

    def index(self) -> SemanticIndex:
        """A new, empty index."""
        return SemanticIndex(self._config.threshold)


class SemanticIndex:
    """Vectors of kept rows, in blocks that are multiplied whole.

    Single precision only proposes; the cosine that is compared with the threshold is a sum in double precision, rounded to
    six places, so that it does not depend on the number of threads or the shape of a block.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._blocks: list[Column] = []
        self._numbers: list[int] = []
        self._groups: list[int] = []
        self._primed: dict[int, list[int]] = {}
        self._primed_to = 0

    def prime(self, numbers: Sequence[int], keys: Sequence[Column | None]) -> None:
        """Compares rows that will be asked for next with all that are kept now, at once."""
        self._primed, self._primed_to = {number: [] for number in numbers}, len(self._numbers)
        asked = [(number, key) for number, key in zip(numbers, keys, strict=True) if key is not None]
        if not asked or not self._blocks:
            return
        mine = np.stack([key for _, key in asked])
        for at, block in enumerate(self._blocks):
            filled = min(BLOCK, len(self._numbers) - at * BLOCK)
            rows, places = np.nonzero(mine @ block[:filled].T > self._threshold - MARGIN)
            for row, place in zip(rows.tolist(), places.tolist(), strict=True):
                self._primed[asked[row][0]].append(at * BLOCK + place)

    def nearest(self, key: Column, group: int = -1, number: int = -1) -> Match | None:
        """The kept row with the greatest cosine above the threshold, the first added among equals."""
        primed = number in self._primed
        places = list(self._primed[number]) if primed else []
        for at in range((self._primed_to if primed else 0) // BLOCK, len(self._blocks)):
            first = max(at * BLOCK, self._primed_to if primed else 0)
            end = min((at + 1) * BLOCK, len(self._numbers))
            near = self._blocks[at][first - at * BLOCK : end - at * BLOCK] @ key > self._threshold - MARGIN
            places += (np.flatnonzero(near) + first).tolist()
        best: Match | None = None
        for place in places:
            if group >= 0 and self._groups[place] == group:
                continue
            score = round(float(np.dot(self._blocks[place // BLOCK][place % BLOCK].astype(np.float64), key.astype(np.float64))), 6)
            if score > self._threshold and (best is None or score > best.score):
                best = Match(self._numbers[place], score)
        return best

    def add(self, key: Column, number: int, group: int = -1) -> None:
        """Makes a row one that later ones are compared with."""
        place = len(self._numbers)
        if place % BLOCK == 0:
            self._blocks.append(np.zeros((BLOCK, len(key)), np.float32))
        self._blocks[-1][place % BLOCK] = key
        self._numbers.append(number)
        self._groups.append(group)
