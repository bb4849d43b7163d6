"""MinHash: near-duplicates by shared n-grams, found by locality-sensitive hashing and compared exactly.

MinHash is Broder's (On the resemblance and containment of documents, 1997), banding is that of Leskovec,
Rajaraman and Ullman (Mining of Massive Datasets, chapter 3). Bands only give candidates: a pair counts as
duplicates iff the exact Jaccard similarity of its n-gram sets is above the threshold. The method finds copies
and small edits, not paraphrases.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import ClassVar

import numpy as np
from pydantic import Field

from synthgen.core.config import Component
from synthgen.similarity import shingles as grams
from synthgen.similarity.contract import Array, Card, Fields
from synthgen.similarity.set_join import SetJoin

PERMUTATIONS = 128
RECALL = 0.995  # of pairs exactly at the threshold, at least


class MinHashConfig(Component):
    """Options of `minhash`."""

    field: Fields = Field(
        "question",
        description="what is compared: a field, a path such as meta.source, `question`, or several",
    )
    threshold: float = Field(
        0.7,
        gt=0,
        lt=1,
        description="a row goes when the Jaccard similarity of its n-grams with a kept one's is above this",
    )
    ngram: int = Field(
        3,
        ge=1,
        description="tokens in an n-gram; a text with fewer is one n-gram, so that it matches only its like",
    )
    unit: grams.Unit = Field("word", description="word, or character for scripts without spaces")
    seed: int = Field(1, ge=0, description="of the permutations")


class MinHash:
    """Near-duplicates by the word n-grams they share, for many rows.

    A pair goes by the exact Jaccard similarity of its n-gram sets; signatures (128 permutations, in bands)
    only propose pairs, and miss less than 1 in 200 of those just at the threshold, fewer above it. A text
    with fewer tokens than `ngram` is a single n-gram: it matches only the same tokens.
    """

    VERSION: ClassVar[int] = 3
    Config: ClassVar[type[Component]] = MinHashConfig
    CARD: ClassVar[Card] = Card(
        finds="copies and small edits, in any order of their sentences",
        misses=(
            "paraphrases, and most edits of texts under ten words, where one changed word takes three of "
            "their 3-grams away; calls texts of eight words or more alike that differ in their last word "
            "only, be it C++ and C#"
        ),
        memory=(
            "8 bytes a row and band (32 bands at threshold 0.7, 21 at 0.8) and 12 a row; for each kept row "
            "that has a candidate of other n-grams 8 bytes an n-gram, and 20 for its rarest ones (at "
            "threshold t, the share 1 - t of them and one more)"
        ),
        time=(
            "grows with the rows; where all are short and from one template, with about their power of 1.2: "
            "100,000 take 3 s of CPU, a million 53 s"
        ),
    )

    def __init__(self, config: MinHashConfig) -> None:
        self._config = config
        self.threshold: float | None = config.threshold
        self.rows_per_band = band_rows(config.threshold)

    @property
    def algorithm(self) -> str:
        """What stored bands must agree in to be compared."""
        c = self._config
        return (
            f"minhash {self.VERSION} shingles {grams.VERSION} {c.unit} {c.ngram} permutations "
            f"{PERMUTATIONS} bands of {self.rows_per_band} seed {c.seed}"
        )

    def keys(self, texts: Sequence[str]) -> list[Array | None]:
        """The set of n-grams of each text, sorted; None for a text without a letter or digit."""
        return [ngrams if len(ngrams) else None for ngrams in grams.unique_sets(self._shingles(texts))]

    def bands(self, texts: Sequence[str]) -> Array:
        """The bands of each text's signature, uint32 of shape (texts, bands); 0 for nothing to compare."""
        return self.bands_of(self._shingles(texts))

    def bands_and_digests(self, texts: Sequence[str]) -> tuple[Array, Array]:
        """The bands, and a uint64 hash of all n-grams of each text, of shape (texts,); 0 for none.

        Texts with the same hash have the same n-grams, but for odds of 1 in 2^64.
        """
        shingles = self._shingles(texts)
        return self.bands_of(shingles), _digests(shingles)

    def bands_digests_and_sketches(self, texts: Sequence[str]) -> tuple[Array, Array, Array]:
        """As `bands_and_digests`, with `grams.sketches` of each text, uint64 of shape (texts, 2)."""
        shingles = self._shingles(texts)
        return self.bands_of(shingles), _digests(shingles), grams.sketches(shingles)

    def may_match(self, sketches: Array, others: Array) -> Array:
        """Whether sets with such sketches may be similar, of shape (pairs,)."""
        return grams.may_be_similar(sketches, others, self._config.threshold)

    def bands_of(self, shingles: grams.Shingles) -> Array:
        """The bands of the n-grams of texts, uint32 of shape (texts, bands), as `bands` gives them."""
        filled = np.flatnonzero(np.diff(shingles.offsets))
        bands = np.zeros((len(shingles.offsets) - 1, PERMUTATIONS // self.rows_per_band), np.uint32)
        if len(filled):
            minima = signatures(shingles.hashes, shingles.offsets[filled], self._config.seed)
            bands[filled] = self._banded(minima)
        return bands

    def scores(self, key: Array, others: Sequence[Array]) -> Array:
        """The exact Jaccard similarity of a set with each of others, of shape (others,)."""
        return grams.jaccard(key, others)

    def join(self) -> SetJoin:
        """A new, empty join of sets of n-grams."""
        return SetJoin(self._config.threshold)

    def _shingles(self, texts: Sequence[str]) -> grams.Shingles:
        return grams.shingles(texts, self._config.ngram, self._config.unit)

    def _banded(self, signature: Array) -> Array:
        """Each band's minima as one number that is not 0: uint32 of shape (texts, bands).

        The signature has shape (permutations, texts).
        """
        r = self.rows_per_band
        bands = np.empty((signature.shape[1], PERMUTATIONS // r), np.uint32)
        for band in range(PERMUTATIONS // r):
            mixed = np.full(signature.shape[1], band, np.uint64)
            for minima in signature[band * r : (band + 1) * r]:
                mixed = (mixed ^ minima) * np.uint64(0x9E3779B97F4A7C15)
                mixed ^= mixed >> np.uint64(32)
            bands[:, band] = np.maximum(mixed & np.uint64(0xFFFFFFFF), np.uint64(1))
        return bands


def _digests(shingles: grams.Shingles) -> Array:
    """A uint64 hash of all n-grams of each text, of shape (texts,); 0 for none."""
    filled = np.flatnonzero(np.diff(shingles.offsets))
    digests = np.zeros(len(shingles.offsets) - 1, np.uint64)
    if len(filled):
        sums = np.add.reduceat(shingles.hashes, shingles.offsets[filled])
        digests[filled] = np.maximum(sums, np.uint64(1))
    return digests


def band_rows(threshold: float) -> int:
    """The most minima a band may have so that a pair at the threshold shares a band with odds of RECALL."""
    fits = [r for r in range(1, PERMUTATIONS + 1) if 1 - (1 - threshold**r) ** (PERMUTATIONS // r) >= RECALL]
    return max(fits, default=1)


def signatures(hashes: Array, starts: Array, seed: int) -> Array:
    """The minimum of each of the permuted hashes over each set.

    Args:
        hashes: uint64 hashes of all sets, one set after another, of shape (hashes,).
        starts: where each set starts, of shape (sets,); no set is empty.
        seed: of the permutations x -> (x ^ s)·a modulo 2^32, a odd.

    Returns:
        uint32 of shape (permutations, sets).
    """
    flips, factors = _permutations(seed)
    low = (hashes >> np.uint64(32)).astype(np.uint32)
    minima = np.empty((PERMUTATIONS, len(starts)), np.uint32)
    permuted = np.empty_like(low)
    for permutation in range(PERMUTATIONS):
        np.bitwise_xor(low, flips[permutation], out=permuted)
        np.multiply(permuted, factors[permutation], out=permuted)
        np.minimum.reduceat(permuted, starts, out=minima[permutation])
    return minima


@cache
def _permutations(seed: int) -> tuple[Array, Array]:
    import random

    draw = random.Random(seed)
    flips = np.array([draw.getrandbits(32) for _ in range(PERMUTATIONS)], np.uint32)
    factors = np.array([draw.getrandbits(32) | 1 for _ in range(PERMUTATIONS)], np.uint32)
    return flips, factors
