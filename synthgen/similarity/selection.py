"""Choosing some of many rows: the best of each group, shares by weight, samples by stratum.

A row's own content, score and seeded hash decide everything; file order only breaks ties.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthgen.similarity.contract import Array


def ranks(groups: Array, scores: Array) -> tuple[Array, Array]:
    """Each row's rank in its group by falling score, and the row that is best in the group.

    Args:
        groups: group of each row, any integers of shape (rows,).
        scores: score of each row, of shape (rows,); NaN comes after every number.

    Returns:
        The ranks (0 is the best, file order among equals) and the numbers of the best rows, int32 of shape
        (rows,) each; int64 where there are more rows than that can number.
    """
    rows = len(groups)
    kind = np.int32 if rows < np.iinfo(np.int32).max else np.int64
    order = np.lexsort((-scores, groups)).astype(kind)
    begins = np.ones(rows, bool)
    begins[1:] = np.diff(groups[order]) != 0
    places = np.arange(rows, dtype=kind)
    first = np.maximum.accumulate(np.where(begins, places, kind(0)))
    rank, best = np.empty(rows, kind), np.empty(rows, kind)
    rank[order] = places - first
    best[order] = order[first]
    return rank, best


def agreement(groups: Array, answers: Array) -> Array:
    """For each row the share of its group that gives the same answer.

    This is the majority vote of self-consistency (arXiv 2203.11171).

    Args:
        groups: group of each row, int64 of shape (rows,).
        answers: a hash of each row's answer, int64 of shape (rows,); 0 is no answer and agrees with none.

    Returns:
        float64 of shape (rows,).
    """
    pairs, inverse, counts = np.unique(
        np.stack([groups, answers], 1), axis=0, return_inverse=True, return_counts=True
    )
    sizes = np.unique(groups, return_inverse=True, return_counts=True)
    share = counts[inverse.reshape(-1)] / sizes[2][sizes[1].reshape(-1)]
    return np.asarray(np.where(answers == 0, 0.0, share))


def quotas(weights: Sequence[float], total: int) -> list[int]:
    """Splits `total` by weight into whole numbers; the largest remainders round up, first ones first."""
    whole = sum(weights)
    exact = [weight * total / whole for weight in weights]
    parts = [int(share) for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts


def fitting(weights: Sequence[float], sizes: Sequence[int]) -> int:
    """The largest total in which every group is large enough for its share by weight."""
    total = int(
        min(
            (size * sum(weights) / weight for size, weight in zip(sizes, weights, strict=True) if weight),
            default=0,
        )
        * (1 + 1e-12)
    )
    while total and any(part > size for part, size in zip(quotas(weights, total), sizes, strict=True)):
        total -= 1
    return total


def balanced(sizes: Sequence[int], total: int) -> list[int]:
    """Splits `total` as evenly as the groups' sizes allow: what a small group lacks, the others give."""
    parts = [0] * len(sizes)
    left, not_full = min(total, sum(sizes)), [group for group, size in enumerate(sizes) if size]
    while left and not_full:
        each = max(1, left // len(not_full))
        for group in list(not_full):
            take = min(each, sizes[group] - parts[group], left)
            parts[group] += take
            left -= take
            if parts[group] == sizes[group]:
                not_full.remove(group)
    return parts


def k_center(vectors: Array, size: int) -> Array:
    """Chooses vectors that leave no other far from a chosen one: farthest first (Gonzalez 1985).

    The first is the nearest to the mean; each next one is the farthest, by cosine, from all chosen ones, the
    first among equals. Cosines are rounded to five places, so that the order of a sum does not decide.

    Args:
        vectors: float32 of shape (rows, dimensions), of length 1.
        size: how many to choose, at most as many as there are.

    Returns:
        The positions of the chosen vectors in the order of choice, int64 of shape (size,).
    """
    nearest = np.full(len(vectors), -2.0, np.float32)
    chosen = np.zeros(size, np.int64)
    towards_mean = np.round(vectors @ vectors.mean(axis=0), 5)
    next_one = int(np.argmax(towards_mean)) if size else 0
    for turn in range(size):
        chosen[turn] = next_one
        np.maximum(nearest, np.round(vectors @ vectors[next_one], 5), out=nearest)
        nearest[next_one] = np.inf
        next_one = int(np.argmin(nearest))
    return chosen


def drawn(strata: Array, hashes: Array, parts: Sequence[int]) -> Array:
    """Draws the rows with the smallest hashes of each stratum.

    Args:
        strata: stratum of each row, from 0, of shape (rows,).
        hashes: seeded hash of each row, uint64 of shape (rows,).
        parts: how many rows to draw of each stratum.

    Returns:
        Which rows are drawn, bool of shape (rows,).
    """
    order = np.lexsort((hashes.astype(np.float64), strata))
    chosen, start = np.zeros(len(strata), bool), 0
    for size, part in zip(np.bincount(strata, minlength=len(parts)).tolist(), parts, strict=True):
        chosen[order[start : start + min(part, size)]] = True
        start += size
    return chosen
