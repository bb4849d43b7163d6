"""TRL's DPO and KTO trainers on rows' tokens, as `preflight.prepare` writes them.

TRL would tokenise the rows itself, otherwise than the student is asked, and drop or cut some without a word.
Here it gets the tokens that were checked. The start that the losses compare with is a copy of the student
before training; with adapters it is the student without them.

Imports torch and trl: it is imported only once they are known to be there.
"""

from __future__ import annotations

import copy
import math
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from trl import DPOTrainer, KTOTrainer

from synthgen.training.encoding import IGNORED
from synthgen.training.validation_loss import padded

if TYPE_CHECKING:
    from datasets import Dataset

SHARE = "share"  # the entry of a batch that holds its share of the step

Batch = dict[str, torch.Tensor]
TokenRow = dict[str, Any]


@dataclass(frozen=True)
class Share:
    """What a batch of this process counts for among all batches and processes of one optimizer step."""

    loss: float
    """What the mean over the batch's rows is multiplied by, so that a step has the mean over its own rows."""
    batch: float
    """The same, for a mean over the processes' parts of this one batch."""
    other: float
    """What a sum over whatever else `_taught` counts is multiplied by, for a mean over a step."""
    blank: float
    """The share of this batch's rows that teach nothing; see `processes.even`."""
    blanks: int
    """How many such rows all processes have in this batch."""
    others: int
    """What else `_taught` counts, in this batch of all processes."""


class _OnTokens:
    """What both trainers have in common: rows that need no preparing, and a step that is one mean.

    TRL's loss is a mean over the rows of each batch of each process. Here it is the mean over all rows of an
    optimizer step, however they are split into batches and among processes.
    """

    _signature_columns: list[str] | None
    accelerator: Any
    _metrics: dict[str, dict[str, list[float]]]

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset

    def _taught(self, batch: Batch) -> tuple[int, torch.Tensor, torch.Tensor]:
        """A batch's rows, those of them that teach something, and what else a loss is a mean over."""
        raise NotImplementedError

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], Any]:
        """The batches of one optimizer step, each with its share of it."""
        batches, items = super().get_batch_samples(  # type: ignore[misc]  # transformers' Trainer
            epoch_iterator, num_batches, device
        )
        if not batches:
            return batches, items
        taught = [self._taught(batch) for batch in batches]
        own = torch.tensor([[int(real), int(other)] for _, real, other in taught], device=device)
        # counts: [batches, 2], of all processes
        counts = self.accelerator.gather(own.unsqueeze(0)).sum(dim=0).tolist()
        processes = self.accelerator.num_processes
        step_rows, step_others = (max(1, sum(count[place] for count in counts)) for place in (0, 1))
        # Trainer divides each loss by the batches of the step, and several processes take the mean of theirs.
        parts = processes * len(batches)
        for batch, (rows, real, _), (all_real, all_others) in zip(batches, taught, counts, strict=True):
            batch[SHARE] = Share(
                loss=parts * rows / step_rows,
                batch=processes * rows / max(1, all_real),
                other=parts / step_others,
                blank=1 - int(real) / rows,
                blanks=processes * rows - all_real,
                others=all_others,
            )
        return batches, items


class PairTrainer(_OnTokens, DPOTrainer):  # type: ignore[misc]  # trl has no types
    """TRL's DPO on pairs; a batch of n pairs is n chosen answers, then n rejected ones.

    Args:
        unchanged: the loss of a pair whose answers are as likely as they were.
        sft_weight: what the mean cross entropy of a step's chosen tokens weighs.
        **options: as DPOTrainer takes them.
    """

    def __init__(self, *, unchanged: float, sft_weight: float, **options: Any) -> None:
        pad = options["processing_class"].pad_token_id
        apart = options["args"].precompute_ref_log_probs
        if apart:
            os.environ.setdefault("TQDM_DISABLE", "1")  # TRL draws a bar over it
        super().__init__(**options, **_start(options, apart), data_collator=partial(pair_batch, pad=pad))
        self._unchanged, self._sft_weight = unchanged, sft_weight

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["input_ids", "labels", "ref_chosen_logps", "ref_rejected_logps"]

    def _taught(self, batch: Batch) -> tuple[int, torch.Tensor, torch.Tensor]:
        chosen = _lengths(batch).chunk(2)[0]
        return len(chosen), (chosen > 0).sum(), chosen.sum()

    def compute_loss(
        self,
        model: Callable[..., Any],
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> torch.Tensor:
        """TRL's loss as a mean over the step, and the chosen answers' cross entropy; for training only."""
        share: Share = inputs.pop(SHARE)  # type: ignore[assignment]
        log_probs: list[torch.Tensor] = []

        def watched(**arguments: Any) -> Any:
            output = model(**arguments)
            log_probs.append(output.log_probs)  # [2 n, tokens - 1], 0 where nothing is learned
            return output

        loss = share.loss * (super().compute_loss(watched, inputs) - share.blank * self._unchanged)
        if self._sft_weight:
            loss = loss - self._sft_weight * share.other * log_probs[0].chunk(2)[0].sum()
        for name, values in self._metrics["train"].items():
            if name.startswith(("rewards/", "logps/")):  # 0 for rows that teach nothing
                values[-1] *= share.loss
        return loss  # type: ignore[no-any-return]  # trl has no types


class UnpairedTrainer(_OnTokens, KTOTrainer):  # type: ignore[misc]  # trl has no types
    """TRL's KTO on single answers; a pair is two of them.

    How far the student has moved is measured on prompts with answers to other prompts. Each prompt has the
    same other answer in every batch, so the loss does not depend on how processes share a batch. The answers
    are shuffled once: TRL takes them in their order, which could be all good ones, then all bad.

    Args:
        **options: as KTOTrainer takes them.
    """

    def __init__(self, **options: Any) -> None:
        pad, arguments = options["processing_class"].pad_token_id, options["args"]
        rows = options["train_dataset"]
        apart = rows.map(single_answers, batched=True, remove_columns=rows.column_names)
        apart = apart.add_column("other", other_places(len(apart), arguments.seed))
        options["train_dataset"] = apart.shuffle(seed=arguments.seed)
        collate = partial(labelled_batch, pad=pad, answers=apart)
        super().__init__(**options, **_start(options, False), data_collator=collate)
        self._share: Share | None = None

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["input_ids", "labels", "label", "other"]

    def _taught(self, batch: Batch) -> tuple[int, torch.Tensor, torch.Tensor]:
        taught = _lengths(batch) > 0
        return len(taught), taught.sum(), (taught & batch["label"]).sum()

    def _compute_kl_logps(self, model: Any, batch: Batch) -> Any:
        """Of other answers; TRL takes the mean over the batch, then over the processes."""
        log_probs = super()._compute_kl_logps(model, batch)
        return log_probs if log_probs is None or self._share is None else log_probs * self._share.batch

    def compute_loss(
        self,
        model: Callable[..., Any],
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> torch.Tensor:
        """TRL's loss as a mean over the step; for training only."""
        share: Share = inputs.pop(SHARE)  # type: ignore[assignment]
        self._share = share
        loss = super().compute_loss(model, inputs)
        figures = self._metrics["train"]
        # Rows that teach nothing are good ones whose answer is as likely as it was.
        unchanged = self.desirable_weight / (1 + math.exp(-self.beta * figures["kl"][-1]))
        if share.blanks:
            _without_blanks(figures, share)
        return share.loss * (loss - share.blank * unchanged)  # type: ignore[no-any-return]


def _without_blanks(figures: dict[str, list[float]], share: Share) -> None:
    """Corrects TRL's figures of a batch, which count rows that teach nothing as good answers."""
    both = bool(figures.get("rewards/margins")) and share.others > 0
    for name in ("rewards/chosen", "logps/chosen"):
        value = figures[name].pop()
        if share.others:
            figures[name].append(value * (share.others + share.blanks) / share.others)
    if figures.get("rewards/margins"):
        figures["rewards/margins"].pop()
    if both:
        figures["rewards/margins"].append(figures["rewards/chosen"][-1] - figures["rewards/rejected"][-1])
    for name in [name for name, values in figures.items() if not values]:
        del figures[name]


def _lengths(batch: Batch) -> torch.Tensor:
    """How many tokens each answer of a batch teaches, [answers]."""
    return batch["completion_mask"][:, 1:].sum(dim=1)


def _start(options: dict[str, Any], precomputed: bool) -> dict[str, Any]:
    """The student before training, where nothing else holds it."""
    if options["peft_config"] is not None or precomputed:
        return {}
    return {"ref_model": copy.deepcopy(options["model"]).eval().requires_grad_(False)}


def other_places(number: int, seed: int) -> list[int]:
    """For each of some rows the place of another one, each once; itself only where it is alone."""
    ring = list(range(number))
    random.Random(seed).shuffle(ring)
    others = [0] * number
    for place, row in enumerate(ring):
        others[row] = ring[place - 1]
    return others


def single_answers(rows: TokenRow) -> TokenRow:
    """Rows of a good and a bad answer, either of which may be absent, as single answers with a label."""
    single: TokenRow = {"input_ids": [], "labels": [], "label": []}
    for tokens, labels in zip(rows["input_ids"], rows["labels"], strict=True):
        for answer, learned, good in zip(tokens, labels, (True, False), strict=True):
            if answer:
                single["input_ids"].append(answer)
                single["labels"].append(learned)
                single["label"].append(good)
    return single


def _padded_answers(tokens: list[list[int]], labels: list[list[int]], pad: int, prefix: str = "") -> Batch:
    return {
        f"{prefix}input_ids": padded(tokens, pad),  # [answers, width], as all
        f"{prefix}attention_mask": padded([[1] * len(answer) for answer in tokens], 0),
        f"{prefix}completion_mask": padded(
            [[int(label != IGNORED) for label in answer] for answer in labels], 0
        ),
    }


def pair_batch(rows: list[TokenRow], pad: int) -> Batch:
    """A batch of pairs as TRL's DPO has it: the chosen answers, then the rejected ones."""
    tokens, labels = (
        [row[name][side] for side in (0, 1) for row in rows] for name in ("input_ids", "labels")
    )
    batch = _padded_answers(tokens, labels, pad)
    for name in ("ref_chosen_logps", "ref_rejected_logps"):
        if name in rows[0]:
            batch[name] = torch.tensor([row[name] for row in rows])
    return batch


def labelled_batch(rows: list[TokenRow], pad: int, answers: Dataset) -> Batch:
    """A batch of single answers as TRL's KTO has it; each prompt also with the answer of its other row.

    Args:
        rows: `input_ids`, `labels`, `label`, and `other`: a place in `answers`, or -1.
        pad: id of the padding token.
        answers: all rows.
    """
    crossed = [_crossed(row, answers[row["other"]] if row["other"] >= 0 else row) for row in rows]
    return {
        **_padded_answers([row["input_ids"] for row in rows], [row["labels"] for row in rows], pad),
        **_padded_answers([tokens for tokens, _ in crossed], [labels for _, labels in crossed], pad, "KL_"),
        "label": torch.tensor([row["label"] for row in rows]),
    }


def _crossed(row: TokenRow, other: TokenRow) -> tuple[list[int], list[int]]:
    """A row's prompt with another row's answer, as tokens and labels."""
    start, other_start = _prompt_length(row), _prompt_length(other)
    tokens = row["input_ids"][:start] + other["input_ids"][other_start:]
    return tokens, [IGNORED] * start + other["labels"][other_start:]


def _prompt_length(row: TokenRow) -> int:
    labels = row["labels"]
    return next((place for place, label in enumerate(labels) if label != IGNORED), len(labels))
