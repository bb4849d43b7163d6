"""The steps of `select`: each drops some of the rows that are left, and returns a line for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from synthgen.core.errors import StageFailed
from synthgen.similarity.contract import Array
from synthgen.similarity.embeddings import Embedder
from synthgen.similarity.fields import text_of
from synthgen.similarity.selection import agreement, balanced, drawn, fitting, k_center, quotas, ranks
from synthgen.stages.select.columns import Columns
from synthgen.stages.select.options import Diverse, Mix, PerGroup, Sample

if TYPE_CHECKING:
    from synthgen.similarity.row_file import RowFile

EMBEDDED_AT_ONCE = 2048  # texts


def keep_best(columns: Columns, step: PerGroup) -> str:
    """Keeps the best rows of each group."""
    if step.prefer == "agreement":
        columns.scores = agreement(columns.groups, columns.answers)
    columns.rank, columns.best = ranks(columns.groups, columns.scores)
    dropped = columns.drop("per_group", columns.rank >= step.n)
    return f"per_group  {dropped:>9,} dropped   the best {step.n} by {step.prefer} of each {step.by}"


def mix_sources(columns: Columns, step: Mix, stage: str) -> str:
    """Keeps rows of each source by its weight.

    Args:
        columns: the rows.
        step: the weights.
        stage: the stage's id.

    Returns:
        The line for people.

    Raises:
        StageFailed: a source has no weight or no row, or there are too few rows for the size.
    """
    assert columns.mix is not None
    names = list(columns.mix.names)
    codes = np.frombuffer(columns.mix.codes, np.int32)
    left = columns.left
    sizes = np.bincount(codes[left], minlength=len(names)).tolist()
    unweighted = [name for name, size in zip(names, sizes, strict=True) if size and name not in step.weights]
    if unweighted:
        raise StageFailed(
            f"{stage}: {step.by} {unweighted[0] or '(absent)'!r} has no weight",
            next=f"name every one of: {', '.join(name or '(absent)' for name in names)}; 0 leaves one out",
        )
    absent = [name for name, weight in step.weights.items() if weight and name not in names]
    if absent:
        raise StageFailed(
            f"{stage}: no row has {step.by} {absent[0]!r}", next=f"those there are: {', '.join(names)}"
        )
    weights = [step.weights.get(name, 0.0) for name in names]
    most = fitting(weights, sizes)
    total = most if step.size is None else step.size
    if total > most:
        raise StageFailed(
            f"{stage}: {total:,} rows cannot be mixed by these weights, {most:,} can",
            next="set size to that or less, leave it out, or change the weights",
        )
    parts = quotas(weights, total)
    dropped = _draw(columns, "mix", codes, left, parts)
    shares = (f"{name} {part:,} of {size:,}" for name, part, size in zip(names, parts, sizes, strict=True))
    return f"mix        {dropped:>9,} dropped   {', '.join(shares)}"


def keep_diverse(rows: RowFile, columns: Columns, step: Diverse) -> str:
    """Keeps the rows that differ most from each other."""
    embedder, left = Embedder(step.embeddings), np.flatnonzero(columns.left)
    numbers: list[int] = []
    vectors = []
    for start in range(0, len(left), EMBEDDED_AT_ONCE):
        texts = {
            number: text
            for number in left[start : start + EMBEDDED_AT_ONCE].tolist()
            if (text := text_of(rows.row(number), step.field)).strip()
        }
        numbers += texts
        vectors.append(embedder.vectors(list(texts.values())))
    size = min(step.size, len(numbers))
    goes = columns.left
    if size:
        chosen = k_center(np.concatenate([part for part in vectors if len(part)]), size)
        goes[np.array(numbers)[chosen]] = False
    dropped = columns.drop("diverse", goes)
    return f"diverse    {dropped:>9,} dropped   {size:,} of {len(left):,} by {step.embeddings.model}"


def keep_sample(columns: Columns, step: Sample) -> str:
    """Keeps a sample of the rows, by strata where asked."""
    left = columns.left
    rows_left = int(left.sum())
    if columns.strata is None:
        codes, strata = np.zeros(len(left), np.int32), 1
    else:
        codes, strata = np.frombuffer(columns.strata.codes, np.int32), len(columns.strata.names)
    sizes = np.bincount(codes[left], minlength=strata).tolist()
    wanted = int(step.size) if step.size >= 1 else max(1, round(step.size * rows_left))
    total = min(rows_left, wanted)
    if step.balance == "equal":
        parts = balanced(sizes, total)
    else:
        parts = quotas(sizes, total) if total else [0] * len(sizes)
    dropped = _draw(columns, "sample", codes, left, parts)
    by_strata = f", {step.balance} over {len(sizes)} of {step.stratify_by}" if step.stratify_by else ""
    return f"sample     {dropped:>9,} dropped   {total:,} of {rows_left:,}{by_strata}"


def _draw(columns: Columns, step: str, strata: Array, left: Array, parts: Sequence[int]) -> int:
    """Keeps `parts[s]` of the rows that are left in each stratum s, and drops the others; returns how many.

    `strata` and `left` have shape (rows,).
    """
    goes = left.copy()
    goes[left] = ~drawn(strata[left], columns.hashes[left], parts)
    return columns.drop(step, goes)
