"""What a teacher held likely at each learned token of a text: two compact files, read by memory map.

`logprobs.index` begins with a line of JSON: the vocabulary, and how many tokens are told at each place.
Behind it stands a record a text: a digest of its token ids and of which of them are learned, and how many
these are. `logprobs.bin` holds a record a learned token, in the same order: the likeliest ids, their
log-probabilities, that of all others together, and that of the token itself. Bytes a token for a vocabulary
of fewer than 65,536 tokens: 4 k + 4; for a larger one 6 k + 4; for the whole vocabulary of V tokens 2 V + 2.

Log-probabilities are half-precision floats, which round each by 1 part in 2,048 at most: by 0.0005 where it
is -1, by 0.005 where it is -10. So no probability is off by more than 0.0002. What all others have together
is taken from the numbers before they are rounded, since it is a small difference of large ones.

Texts are found by their digest. So rows may be filtered, shuffled, split or merged afterwards. Files of
shards are laid end to end; the header is kept once. Memory when reading: 32 bytes a text.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import orjson
import xxhash

from synthgen.core.errors import StageFailed

if TYPE_CHECKING:
    from numpy.typing import NDArray

INDEX, DISTRIBUTIONS = "logprobs.index", "logprobs.bin"
FORMAT = 1
LEAST = -65504.0
"""The smallest log-probability that a half-precision float holds; it stands for none at all."""
LEAST_REST = 1e-7
"""The least probability of all other tokens together: single precision tells no smaller one from nothing."""
RECORD = np.dtype([("high", "<u8"), ("low", "<u8"), ("tokens", "<u4")])
"""Of a text: its digest, and how many of its tokens are learned."""
WIDE = 1 << 16
"""From this many tokens on, an id takes 4 bytes."""


@dataclass(frozen=True)
class Told:
    """What is told at each place: the `top` likeliest tokens, or all of them where that is None."""

    vocabulary: int
    top: int | None
    tokenizer: str = ""
    """A hash of the tokens and their ids."""

    @property
    def record(self) -> np.dtype[Any]:
        """A learned token's record."""
        if self.top is None:
            return np.dtype([("logprobs", "<f2", (self.vocabulary,)), ("said", "<f2")])
        ids = "<u2" if self.vocabulary < WIDE else "<u4"
        return np.dtype(
            [("ids", ids, (self.top,)), ("logprobs", "<f2", (self.top,)), ("rest", "<f2"), ("said", "<f2")]
        )

    def line(self) -> bytes:
        """The header, a multiple of 64 bytes long."""
        plain = {
            "format": FORMAT,
            "vocabulary": self.vocabulary,
            "top": self.top,
            "tokenizer": self.tokenizer,
        }
        text = orjson.dumps(plain)
        return text.ljust(-(-(len(text) + 1) // 64) * 64 - 1) + b"\n"


@dataclass(frozen=True)
class Distributions:
    """Log-probabilities at the learned tokens of a text, in nats.

    With the whole vocabulary, `ids` and `rest` are None, and `logprobs` stands in the order of ids.
    """

    logprobs: NDArray[np.float32]
    """[tokens, top] from the likeliest on, or [tokens, vocabulary]."""
    said: NDArray[np.float32]
    """[tokens], of the tokens themselves."""
    ids: NDArray[np.int64] | None = None
    """[tokens, top]"""
    rest: NDArray[np.float32] | None = None
    """[tokens], of all other tokens together."""


def digest_of(ids: Sequence[int], learned: Sequence[bool]) -> int:
    """128 bits that stand for a text's token ids and for which of them are learned."""
    digest = xxhash.xxh3_128(np.asarray(ids, dtype="<i4").tobytes())
    digest.update(np.asarray(learned, dtype=bool).tobytes())
    return digest.intdigest()


def rest_of(logprobs: NDArray[Any]) -> NDArray[np.float64]:
    """The log-probability of all tokens that are not listed.

    Args:
        logprobs: [tokens, top], not rounded.

    Returns:
        [tokens]
    """
    listed = np.exp(logprobs.astype(np.float64)).sum(axis=-1)
    rest: NDArray[np.float64] = np.log(np.maximum(1.0 - listed, LEAST_REST))
    return rest


class LogprobsWriter:
    """Writes both files into a folder; a context manager.

    Args:
        folder: where there are none yet.
        told: what is told at each place.
    """

    def __init__(self, folder: Path, told: Told) -> None:
        self.told = told
        self.texts = self.tokens = 0
        self._index = open(folder / INDEX, "xb")
        self._distributions = open(folder / DISTRIBUTIONS, "xb")
        self._index.write(told.line())

    def add(self, ids: Sequence[int], learned: Sequence[bool], found: Distributions) -> None:
        """Adds a text; `learned` says of each token whether it is, the first one never."""
        records = np.zeros(len(found.said), self.told.record)
        for name in records.dtype.names or ():
            values = getattr(found, name)
            records[name] = values if name == "ids" else np.clip(values, LEAST, 0.0)
        digest = digest_of(ids, learned)
        entry = np.array([(digest >> 64, digest & (1 << 64) - 1, len(records))], RECORD)
        self._index.write(entry.tobytes())
        self._distributions.write(records.tobytes())
        self.texts += 1
        self.tokens += len(records)

    @property
    def bytes(self) -> int:
        """How many bytes the learned tokens take."""
        return self.tokens * self.told.record.itemsize

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._index, self._distributions):
            file.flush()
            os.fsync(file.fileno())
            file.close()


class TokenLogprobs:
    """Both files of a folder, for reading; found by a text's tokens.

    Raises:
        StageFailed: they are not there, or not whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            with open(folder / INDEX, "rb") as source:
                line = source.readline()
                header = orjson.loads(line)
                records = np.frombuffer(source.read(), RECORD)
            if header["format"] != FORMAT:
                raise ValueError(f"format {header['format']}")
            self.told = Told(header["vocabulary"], header["top"], header["tokenizer"])
            size = (folder / DISTRIBUTIONS).stat().st_size
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise self._broken(f"cannot be read ({fault})") from fault
        lengths = records["tokens"].astype(np.int64)
        if size != int(lengths.sum()) * self.told.record.itemsize:
            raise self._broken("is not as long as its index says")
        ends = np.cumsum(lengths)
        order = np.argsort(records["high"], kind="stable")
        self._high, self._low = records["high"][order], records["low"][order]
        self._starts, self._ends = (ends - lengths)[order], ends[order]
        self._records = (
            np.memmap(folder / DISTRIBUTIONS, self.told.record, "r")
            if size
            else np.zeros(0, self.told.record)
        )

    def _broken(self, why: str) -> StageFailed:
        return StageFailed(
            f"what a teacher held likely {why}",
            str(self.folder / DISTRIBUTIONS),
            "run its logprobs stage again with --force; replies in the ledger are not paid for again",
        )

    def __reduce__(self) -> tuple[type[TokenLogprobs], tuple[Path]]:
        """Another process opens the files itself."""
        return TokenLogprobs, (self.folder,)

    def __len__(self) -> int:
        """How many texts there are."""
        return len(self._high)

    def find(self, ids: Sequence[int], learned: Sequence[bool]) -> Distributions | None:
        """What is told of a text; None of one that is not here.

        Args:
            ids: its tokens.
            learned: of each, whether it is learned; there is none before the first one, which is not.
        """
        place = self._place(digest_of(ids, learned))
        return None if place is None else self._read(place)

    def has(self, ids: Sequence[int], learned: Sequence[bool]) -> bool:
        """Whether a text is here."""
        return self._place(digest_of(ids, learned)) is not None

    def _place(self, digest: int) -> int | None:
        high, low = np.uint64(digest >> 64), np.uint64(digest & (1 << 64) - 1)
        place = int(np.searchsorted(self._high, high))
        while place < len(self._high) and self._high[place] == high:
            if self._low[place] == low:
                return place
            place += 1
        return None

    def _read(self, place: int) -> Distributions:
        records = self._records[self._starts[place] : self._ends[place]]
        logprobs, said = records["logprobs"].astype(np.float32), records["said"].astype(np.float32)
        if self.told.top is None:
            return Distributions(logprobs, said)
        return Distributions(
            logprobs, said, records["ids"].astype(np.int64), records["rest"].astype(np.float32)
        )
