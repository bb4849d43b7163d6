"""Word and character n-grams of many texts at once, as 64-bit hashes in numpy columns.

Tokens are those of `tokenizers`. Each token's hash is a polynomial of its bytes, each n-gram's hash one of
its tokens' hashes. Both come from running sums (Karp and Rabin 1987) and are mixed, so that the work is a few
passes over the bytes, whatever n is. Hashes are the same on every machine; two given n-grams collide by
chance with odds of about 1 in 2^60.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from synthgen.similarity import tokenizers
from synthgen.similarity.contract import Array
from synthgen.similarity.tokenizers import Unit as Unit

VERSION = 3
"""Is raised when a text would get other hashes; stored with every index on disk."""

_BASE, _TOKEN_BASE = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93  # odd, so that they have inverses modulo 2^64


class Shingles(NamedTuple):
    """The n-grams of several texts, in the order of each text.

    Those of text i are `hashes[offsets[i]:offsets[i + 1]]`; hashes are uint64 of shape (n-grams,), offsets
    int64 of shape (texts + 1,).
    """

    hashes: Array
    offsets: Array

    def of(self, texts: Array) -> Shingles:
        """The n-grams of some of the texts, by their positions in ascending order, of shape (chosen,)."""
        if len(texts) == len(self.offsets) - 1:
            return self
        counts = np.diff(self.offsets)[texts]
        return Shingles(
            self.hashes[stretches(self.offsets[:-1][texts], counts)],
            np.concatenate([[0], np.cumsum(counts)]),
        )


class Tokens(NamedTuple):
    """The tokens of several texts, one text after another.

    Hashes are uint64 of shape (tokens,), the counts of each text's tokens int64 of shape (texts,).
    """

    hashes: Array
    counts: Array

    def of(self, texts: Array) -> Tokens:
        """The tokens of some of the texts, by their positions in ascending order, of shape (chosen,)."""
        if len(texts) == len(self.counts):
            return self
        return Tokens(
            self.hashes[stretches((np.cumsum(self.counts) - self.counts)[texts], self.counts[texts])],
            self.counts[texts],
        )

    def shingles(self, n: int, whole: bool = True) -> Shingles:
        """The n-grams of each text.

        Args:
            n: tokens in an n-gram.
            whole: a text of fewer than n tokens is one n-gram, all of it; otherwise it has none.
        """
        grams = np.maximum(self.counts - n + 1, (self.counts > 0) & whole)
        offsets = np.concatenate([[0], np.cumsum(grams)])
        first_token = np.cumsum(self.counts) - self.counts
        first = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - first_token, grams)
        last = first + np.repeat(np.minimum(self.counts, n), grams)
        return Shingles(_mixed(_spans(self.hashes, first, last, _TOKEN_BASE)), offsets)

    def ngrams(self, firsts: Array, n: int) -> Array:
        """The n-grams that begin with some of the tokens, uint64 of the shape of `firsts`."""
        offsets = np.arange(n)
        if not len(firsts):
            return np.zeros(0, np.uint64)
        powers, _ = _powers(_TOKEN_BASE, n)
        return _mixed((self.hashes[firsts[:, None] + offsets] * powers[:n]).sum(axis=1, dtype=np.uint64))

    def text_hashes(self) -> Array:
        """One hash of all tokens of each text, uint64 of shape (texts,); 0 for a text without tokens."""
        ends = np.cumsum(self.counts)
        return np.where(
            self.counts > 0, _mixed(_spans(self.hashes, ends - self.counts, ends, _TOKEN_BASE)), np.uint64(0)
        )


def tokenised(texts: Sequence[str], unit: Unit = "word") -> Tokens:
    """The tokens of each text: words, or single characters without the spaces between them."""
    if not texts:
        return Tokens(np.zeros(0, np.uint64), np.zeros(0, np.int64))
    bytes_, ends_of_texts = tokenizers.read_letters(texts)
    parts, first = [], []
    for start, end in tokenizers.segments(bytes_):
        starts, ends = tokenizers.spans_in(bytes_[start:end], unit)
        if len(starts) == 1 and end - start > 2 * tokenizers.SEGMENT:
            parts.append(_mixed(_long(bytes_[start:end])))
        else:
            values = np.add(bytes_[start:end], 1, dtype=np.uint64)
            parts.append(_mixed(_spans(values, starts, ends, _BASE)))
        first.append(starts + start)
    return Tokens(
        np.concatenate(parts), np.diff(np.searchsorted(np.concatenate(first), ends_of_texts), prepend=0)
    )


def shingles(texts: Sequence[str], n: int, unit: Unit = "word", whole: bool = True) -> Shingles:
    """The n-grams of each text; see `Tokens.shingles`."""
    return tokenised(texts, unit).shingles(n, whole)


def unique_sets(ngrams: Shingles) -> list[Array]:
    """Each text's n-grams as a sorted array without repeats, of shape (different n-grams,)."""
    return [_unique(ngrams.hashes[start:end]) for start, end in pairwise(ngrams.offsets.tolist())]


def jaccard(one: Array, others: Sequence[Array]) -> Array:
    """Jaccard similarity (intersection over union) of a sorted set of hashes with each of others.

    Args:
        one: sorted, without repeats, not empty.
        others: sets that are like it.

    Returns:
        float64 of shape (others,).
    """
    if not others:
        return np.zeros(0)
    sizes = np.fromiter(map(len, others), np.int64, len(others))
    every = np.concatenate(others)
    positions = np.minimum(np.searchsorted(one, every), len(one) - 1)
    common = np.add.reduceat(one[positions] == every, np.cumsum(sizes) - sizes)
    return np.asarray(common / (len(one) + sizes - common))


def sketches(ngrams: Shingles) -> Array:
    """Of each text 64 bits, of which each n-gram sets one, and how many n-grams it has, repeats included.

    Returns:
        uint64 of shape (texts, 2).
    """
    filled = np.flatnonzero(np.diff(ngrams.offsets))
    of_texts = np.zeros((len(ngrams.offsets) - 1, 2), np.uint64)
    if len(filled):
        bits = np.uint64(1) << (ngrams.hashes >> np.uint64(58))
        of_texts[filled, 0] = np.bitwise_or.reduceat(bits, ngrams.offsets[filled])
    of_texts[:, 1] = np.diff(ngrams.offsets)
    return of_texts


def may_be_similar(one: Array, others: Array, threshold: float) -> Array:
    """Whether the Jaccard similarity of texts with such sketches may be above a threshold, not 0.

    Sets of m and n members are above t only if they differ in less than (m + n)(1 - t)/(1 + t) members, and
    they differ in as many members as bits, at least. More n-grams than members only let more through.

    Args:
        one: sketches, of shape (pairs, 2).
        others: those of the other texts.
        threshold: the similarity.

    Returns:
        bool of shape (pairs,).
    """
    most = (one[:, 1] + others[:, 1]) * ((1 - threshold) / (1 + threshold)) + 1e-6
    return np.asarray(np.bitwise_count(one[:, 0] ^ others[:, 0]) <= most)


def stretches(starts: Array, counts: Array) -> Array:
    """The positions start, start + 1, … of each stretch, one stretch after another."""
    before = np.cumsum(counts) - counts
    return np.asarray(np.arange(counts.sum()) + np.repeat(starts - before, counts))


def _unique(hashes: Array) -> Array:
    ordered = np.sort(hashes)
    new = ordered[1:] != ordered[:-1]
    return ordered if new.all() else ordered[np.append(True, new)]


def _long(word: Array) -> Array:
    """The polynomial of a single word's bytes, as `_spans` has it, a segment at a time."""
    powers, _ = _powers(_BASE, tokenizers.SEGMENT)
    total = np.zeros(1, np.uint64)
    for start in range(0, len(word), tokenizers.SEGMENT):
        part = np.add(word[start : start + tokenizers.SEGMENT], 1, dtype=np.uint64)
        total += (part * powers[: len(part)]).sum(dtype=np.uint64) * np.array(
            [pow(_BASE, start, 1 << 64)], np.uint64
        )
    return total


def _spans(values: Array, starts: Array, ends: Array, base: int) -> Array:
    """The polynomial of values[start:end] in `base`, modulo 2^64, for each span; uint64 of shape (spans,)."""
    powers, inverses = _powers(base, len(values) + 1)
    sums = np.empty(len(values) + 1, np.uint64)
    sums[0] = 0
    np.multiply(values, powers[: len(values)], out=sums[1:])
    np.cumsum(sums, out=sums)
    return (sums[ends] - sums[starts]) * inverses[starts]


_powers_of_base: dict[int, tuple[Array, Array]] = {}


def _powers(base: int, size: int) -> tuple[Array, Array]:
    """Powers of `base` and of its inverse modulo 2^64, at least `size` of each."""
    if size > 2 * tokenizers.SEGMENT + 1:  # rare, and not worth keeping
        return _power_series(base, size), _power_series(pow(base, -1, 1 << 64), size)
    known = _powers_of_base.get(base)
    if known is None or len(known[0]) < size:
        room = 1 << max(16, size.bit_length())
        known = _power_series(base, room), _power_series(pow(base, -1, 1 << 64), room)
        _powers_of_base[base] = known
    return known


def _power_series(base: int, size: int) -> Array:
    powers = np.full(size, base, np.uint64)
    powers[0] = 1
    return np.multiply.accumulate(powers)


def _mixed(values: Array) -> Array:
    """Every bit of each value spread over all bits (the finaliser of splitmix64), in place."""
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values
