"""A trainer for ORPO: the cross entropy of chosen answers and the odds of chosen to rejected ones.

The cross entropy is a mean over the chosen tokens of one optimizer step, the odds' loss a mean over its
pairs, however these are split into batches and among processes. TRL has ORPO only among its experiments, and
takes the cross entropy of the prompt's tokens, too; here a student learns answers, as by sft.

Imports torch and trl: it is imported only once they are known to be there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch

from synthgen.training.weighted_trainer import Batch, WeightedTrainer, learned_lengths

LogRatio = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
PAIRS = "step_pairs"  # the entry of a batch that says how many pairs its step has, over all processes


class OddsRatioTrainer(WeightedTrainer):
    """ORPO on pairs; a batch of n pairs is n chosen answers, then n rejected ones.

    Args:
        beta: what the odds' loss weighs beside the cross entropy.
        log_ratio: of the mean log probabilities of chosen and of rejected answers, [pairs] each, gives the
            logarithms of their odds' ratios, [pairs].
        **options: as SFTTrainer takes them; no packing.
    """

    def __init__(self, *, beta: float, log_ratio: LogRatio, **options: Any) -> None:
        super().__init__(shares=(1.0, 0.0), **options)
        self.beta, self.log_ratio = beta, log_ratio

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], Any]:
        """The batches of one optimizer step, each with the number of pairs that the step has."""
        batches, learned = super().get_batch_samples(epoch_iterator, num_batches, device)
        pairs = sum(int((learned_lengths(batch["labels"]).chunk(2)[0] > 0).sum()) for batch in batches)
        everywhere = self.accelerator.gather(torch.tensor([pairs], device=device)).sum()
        for batch in batches:
            batch[PAIRS] = max(1, int(everywhere))
        return batches, learned

    def compute_loss(
        self,
        model: Callable[..., Any],
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> torch.Tensor:
        """The mean cross entropy of chosen answers and beta times the odds' loss; for training only."""
        step_pairs = inputs.pop(PAIRS)
        lengths = learned_lengths(inputs["labels"])
        seen: list[torch.Tensor] = []

        def watched(**arguments: Any) -> Any:
            output = model(**arguments)
            seen.append(output.log_probs)  # [2 n, tokens], 0 where nothing is learned
            # The step's token accuracy and entropy are those of chosen answers.
            chosen = torch.arange(len(lengths), device=lengths.device)[:, None] < len(lengths) // 2
            kept = {name: getattr(output, name) * chosen for name in ("is_top1", "entropy", "label_mask")}
            return dataclasses.replace(output, **kept)

        loss = super().compute_loss(watched, inputs, num_items_in_batch=num_items_in_batch)
        real = lengths > 0  # a batch may be filled with pairs that teach nothing
        sums = seen[0].float().sum(dim=1)[real]
        chosen, rejected = (sums / lengths[real]).chunk(2)
        # Several processes take the mean of their gradients.
        part = self.accelerator.num_processes / step_pairs
        odds = self.log_ratio(chosen, rejected)
        self._note(sums, odds.detach())
        return loss - self.beta * part * torch.nn.functional.logsigmoid(odds).sum()

    def _note(self, sums: torch.Tensor, odds: torch.Tensor) -> None:
        """Keeps the batch's figures for the loss curve: means over its pairs on all processes."""
        chosen, rejected = sums.detach().chunk(2)
        own = torch.stack([chosen.sum(), rejected.sum(), odds.sum(), torch.ones_like(odds).sum()])
        *totals, pairs = self.accelerator.gather(own.unsqueeze(0)).sum(dim=0).tolist()
        for name, total in zip(("logps/chosen", "logps/rejected", "log_odds_ratio"), totals, strict=True):
            self._metrics["train"][name].append(total / max(1.0, pairs))
