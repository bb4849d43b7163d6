"""A trainer for rows of several examples, one a task, whose mean losses are weighed against each other.

TRL's loss is a mean over all tokens, and it knows no weighted rows. Here each task's loss is a mean over its
own tokens in all batches and on all devices of one optimizer step. So the same rows give the same step,
however they are split into batches.

Imports torch and trl: it is imported only once they are known to be there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from trl import SFTTrainer

from synthgen.training.encoding import IGNORED

WEIGHT = "loss_weight"  # the entry of a batch that holds each sequence's weight

Batch = dict[str, Any]
TokenRow = dict[str, Any]


class WeightedTrainer(SFTTrainer):  # type: ignore[misc]  # trl has no types
    """TRL's trainer on rows of several examples, as `preflight.prepare` writes them.

    A batch of n rows and t tasks is t·n sequences: the first task of all rows, then the second, and so on.

    Args:
        shares: what each task's mean loss weighs; they add up to 1.
        **options: as SFTTrainer takes them; no packing.
    """

    data_collator: Callable[[list[TokenRow]], Batch]

    def __init__(self, *, shares: Sequence[float], **options: Any) -> None:
        super().__init__(**options)
        self.shares = shares
        self.data_collator = partial(_collate, self.data_collator, len(shares))

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], Any]:
        """The batches of one optimizer step, with each sequence's weight; and how many tokens they teach."""
        batches, learned = super().get_batch_samples(epoch_iterator, num_batches, device)
        tasks = len(self.shares)
        counts = sum(
            (learned_by_task(batch["labels"], tasks) for batch in batches),
            torch.zeros(tasks, dtype=torch.long, device=device),
        )
        if self.args.average_tokens_across_devices and self.args.world_size > 1:
            counts = self.accelerator.gather(counts.unsqueeze(0)).sum(dim=0)
        weights = task_weights(counts, self.shares)
        for batch in batches:
            rows = len(batch["labels"]) // tasks
            batch[WEIGHT] = weights.to(batch["labels"].device).repeat_interleave(rows)
        return batches, learned

    def compute_loss(
        self,
        model: Callable[..., Any],
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """TRL's own loss, over log-probabilities that were multiplied by their sequence's weight."""
        weights = inputs.pop(WEIGHT)  # [sequences]

        def weighted(**arguments: Any) -> Any:
            output = model(**arguments)
            # log_probs: [sequences, tokens]
            log_probs = output.log_probs * weights[:, None].to(output.log_probs)
            return dataclasses.replace(output, log_probs=log_probs)

        return super().compute_loss(
            weighted, inputs, return_outputs=return_outputs, num_items_in_batch=num_items_in_batch
        )


def _collate(collate: Callable[[list[TokenRow]], Batch], tasks: int, rows: list[TokenRow]) -> Batch:
    return collate(sequences_by_task(rows, tasks))


def sequences_by_task(rows: list[TokenRow], tasks: int) -> list[TokenRow]:
    """Rows of several examples as single sequences, in the order of tasks, then of rows."""
    return [
        {name: row[name][task] for name in ("input_ids", "labels")} for task in range(tasks) for row in rows
    ]


def learned_by_task(labels: torch.Tensor, tasks: int) -> torch.Tensor:
    """How many tokens each task of a batch teaches.

    Args:
        labels: [tasks · rows, tokens], IGNORED where nothing is learned. Nothing precedes a first token, so
            it is not learned.
        tasks: how many there are.

    Returns:
        [tasks], whole numbers.
    """
    return learned_lengths(labels).reshape(tasks, -1).sum(dim=1)


def learned_lengths(labels: torch.Tensor) -> torch.Tensor:
    """How many tokens each sequence of [sequences, tokens] teaches, [sequences]; see `learned_by_task`."""
    return (labels[:, 1:] != IGNORED).sum(dim=1)


def task_weights(counts: torch.Tensor, shares: Sequence[float]) -> torch.Tensor:
    """What a token of each task weighs in a mean over all tokens, so that each task has a mean of its own.

    With T tokens in all, a token of task t weighs share_t · T / T_t.

    Args:
        counts: [tasks], the tokens T_t that each task teaches.
        shares: what each task's mean weighs.

    Returns:
        [tasks], in double precision.
    """
    weights = torch.tensor(shares, dtype=torch.float64, device=counts.device)
    return weights * counts.sum() / counts.clamp(min=1)
