"""response, from a store: how likely a remote teacher held each token, as `logprobs` wrote it down.

    loss = (1 - weight) · cross entropy + weight · T² · divergence

No teacher is loaded and none is asked. Texts are found by their tokens, so a batch may hold them in any
order, padded on either side or packed.

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import pad

from synthgen.core.errors import StageFailed
from synthgen.store.token_logprobs import Distributions, TokenLogprobs
from synthgen.training.knowledge.contract import Lesson, Passed
from synthgen.training.knowledge.response import Comparison
from synthgen.training.knowledge.text import of_text, weighed
from synthgen.training.losses.divergence import listed_targets, soft_targets
from synthgen.training.token_logits import in_parts, logits_of


@dataclass(frozen=True)
class ToldTokens:
    """What is told of a batch's learned tokens; see `store.token_logprobs.Distributions`."""

    logprobs: torch.Tensor
    """[tokens, top], or [tokens, vocabulary] where the whole is told."""
    ids: torch.Tensor | None = None
    """[tokens, top]"""
    rest: torch.Tensor | None = None
    """[tokens]"""


class ResponseOfStore:
    """The distributions of a teacher that was asked before; see `contract.Knowledge`.

    Args:
        store: what it said.
        how: how the student is compared with it.
    """

    figures: tuple[str, ...] = ("cross_entropy", "divergence", "entropy", "mean_token_accuracy")
    columns: tuple[str, ...] = ()

    def __init__(self, store: TokenLogprobs, how: Comparison) -> None:
        self.store, self.how = store, how

    def watched(self, student: Any) -> Mapping[str, Any]:
        """Nothing beside what its head reads."""
        return {}

    def taught(self, lesson: Lesson) -> ToldTokens:
        """What the teacher said of the batch's texts.

        Raises:
            StageFailed: it was not asked about one of them.
        """
        found = [self._found(ids, learned) for ids, learned in texts_of(lesson)]
        if not found:
            return self._nothing(lesson)

        def joined(parts: list[Any]) -> torch.Tensor | None:
            return torch.from_numpy(np.concatenate(parts)).to(lesson.targets.device) if parts else None

        logprobs = joined([one.logprobs for one in found])
        assert logprobs is not None
        return ToldTokens(
            logprobs,
            joined([one.ids for one in found if one.ids is not None]),
            joined([one.rest for one in found if one.rest is not None]),
        )

    def _found(self, ids: list[int], learned: list[bool]) -> Distributions:
        found = self.store.find(ids, learned)
        if found is None:
            raise StageFailed(
                f"a batch holds a text of {len(ids):,} tokens that the teacher was not asked about",
                str(self.store.folder),
                "this is a fault in synthgen: such rows are left out before a training",
            )
        return found

    def _nothing(self, lesson: Lesson) -> ToldTokens:
        """Of a batch in which nothing is learned."""
        told, device = self.store.told, lesson.targets.device
        if told.top is None:
            return ToldTokens(torch.zeros(0, told.vocabulary, device=device))
        empty = torch.zeros(0, told.top, device=device)
        return ToldTokens(empty, empty.long(), torch.zeros(0, device=device))

    def sums(self, taught: ToldTokens, lesson: Lesson, student: Any, passed: Passed) -> torch.Tensor:
        """Cross entropy, T² · divergence and entropy, in nats, and how many tokens the student would say."""
        how = self.how

        def part(hidden: torch.Tensor, targets: torch.Tensor, *told: torch.Tensor) -> torch.Tensor:
            logits = logits_of(student, hidden).float()  # [tokens, vocabulary]
            compared = logits[:, : how.vocabulary]
            if len(told) == 1:
                apart = soft_targets(
                    compared,
                    told[0],
                    how.divergence,
                    beta=how.beta,
                    temperature=how.temperature,
                    top_k=how.top_k,
                )
            else:
                logprobs, ids, rest = told
                apart = listed_targets(
                    compared, logprobs, ids, rest, how.divergence, beta=how.beta, top_k=how.top_k
                )
            text, entropy, correct = of_text(logits, targets)
            return torch.stack((text, apart.sum(), entropy, correct))

        told = [one for one in (taught.logprobs, taught.ids, taught.rest) if one is not None]
        vocabulary = student.config.get_text_config().vocab_size
        return in_parts(part, vocabulary, passed.head, lesson.targets, *told)

    def loss(self, sums: torch.Tensor, given: bool = True) -> torch.Tensor:
        """See `contract.Knowledge`; no teacher was asked about text of the student's own."""
        return weighed(self.how.weight, sums)


def texts_of(lesson: Lesson) -> Iterator[tuple[list[int], list[bool]]]:
    """The texts of a batch from which something is learned: their tokens, and which are learned.

    A packed sequence is several texts, each of which begins at position 0.
    """
    ids, inputs = lesson.inputs["input_ids"], lesson.inputs
    learned = pad(lesson.learned[:, :-1], (1, 0))  # at the tokens, no longer at what predicts them
    mask, positions = inputs.get("attention_mask"), inputs.get("position_ids")
    for row in range(len(ids)):
        there = slice(None) if mask is None else mask[row].bool()
        tokens, marks = ids[row][there], learned[row][there]
        starts = [0]
        if positions is not None:
            starts = (positions[row][there] == 0).nonzero().flatten().tolist()
        for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True):
            if marks[start:end].any():
                yield tokens[start:end].tolist(), marks[start:end].tolist()
