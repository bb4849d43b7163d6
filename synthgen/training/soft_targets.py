"""A trainer whose student learns its teacher's distribution over each token, beside the text itself.

    loss = (1 - weight) · cross entropy + weight · T² · divergence

Both are means over the learned tokens of one optimizer step, over all its batches and devices. Each model
goes forward once a step.

Imports torch and trl: it is imported only once they are known to be there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from types import MethodType
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy, pad
from trl import SFTTrainer

from synthgen.training.encoding import IGNORED
from synthgen.training.losses.divergence import Divergence, soft_targets
from synthgen.training.token_logits import in_parts, last_hidden, logits_of
from synthgen.training.validation_loss import measuring, padded

if TYPE_CHECKING:
    from datasets import Dataset

Batch = dict[str, Any]
CROSS_ENTROPY, DIVERGENCE, ENTROPY, CORRECT = range(4)
"""What is summed over the learned tokens of a batch, in this order."""


@dataclass(frozen=True)
class Comparison:
    """How a student's next token is compared with its teacher's; see `losses.divergence`."""

    divergence: Divergence
    beta: float
    temperature: float
    top_k: int | None
    weight: float
    """What the divergence weighs in the loss; the cross entropy weighs the rest."""
    vocabulary: int
    """How many logits are compared."""

    def mixed(self, sums: torch.Tensor) -> torch.Tensor:
        """The loss, from sums over tokens."""
        return (1 - self.weight) * sums[CROSS_ENTROPY] + self.weight * sums[DIVERGENCE]


class SoftTargetTrainer(SFTTrainer):  # type: ignore[misc]  # trl has no types
    """TRL's trainer with the loss above.

    Args:
        teacher: the model that is learned from, frozen and in evaluation mode.
        how: how both are compared.
        **options: as SFTTrainer takes them.
    """

    def __init__(self, *, teacher: Any, how: Comparison, **options: Any) -> None:
        super().__init__(**options)
        self.teacher, self.how = teacher, how
        score_positions(self.model)

    def compute_loss(
        self,
        model: Callable[..., Any],
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The loss of a batch, as its share of the step's."""
        labels = inputs.pop("labels")
        learned, targets = learned_positions(labels)
        taught = teacher_hidden(self.teacher, learned, inputs)
        score = partial(token_sums, self.teacher, self.how, taught, targets)
        sums = model(**inputs, learned=learned, score=score)
        tokens = learned.sum() if num_items_in_batch is None else num_items_in_batch
        loss = self.how.mixed(sums) / torch.as_tensor(tokens).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # DDP takes the mean over ranks
        self._note(inputs, learned, sums.detach())
        return (loss, {}) if return_outputs else loss

    def _note(self, inputs: Batch, learned: torch.Tensor, sums: torch.Tensor) -> None:
        """Keeps a batch's figures for the log, as SFTTrainer does."""
        mode = "train" if self.model.training else "eval"
        seen = inputs["attention_mask"].sum() if "attention_mask" in inputs else learned.numel()
        here = torch.cat([sums.double(), torch.tensor([learned.sum(), seen], device=sums.device).double()])
        total = self.accelerator.gather(here[None]).sum(dim=0)
        count = total[4].clamp(min=1)
        names = ("cross_entropy", "divergence", "entropy", "mean_token_accuracy")
        for name, value in zip(names, (total[:4] / count).tolist(), strict=True):
            self._metrics[mode][name].append(value)
        if mode == "train":
            self._total_train_tokens += int(total[5])
        self._metrics[mode]["num_tokens"] = [self._total_train_tokens]


def score_positions(model: Any) -> None:
    """Has a model's forward, asked with `learned` and `score`, give what that makes of learned positions.

    So asked, it goes through whatever wraps the model (DDP, FSDP, autocast, adapters), as a call of parts
    of the model would not.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    plain = base.forward

    @wraps(type(base).forward)  # generate looks at the names that it takes
    def forward(self: Any, *given: Any, learned: Any = None, score: Any = None, **named: Any) -> Any:
        if score is None:
            return plain(*given, **named)
        return score(self, last_hidden(self, learned, forward=plain, **named))

    base.forward = MethodType(forward, base)


def learned_positions(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where a token is learned, and which: the label of a position stands at the one after it.

    Args:
        labels: [rows, width], IGNORED where nothing is learned.

    Returns:
        [rows, width], true at the positions that predict a learned token; [learned positions], these tokens.
    """
    after = labels[:, 1:]
    learned = after != IGNORED
    return pad(learned, (0, 1)), after[learned]


def teacher_hidden(teacher: Any, learned: torch.Tensor, inputs: Batch) -> torch.Tensor:
    """What the teacher's head reads at the learned positions: [learned positions, width of the teacher]."""
    there = {
        name: value.to(teacher.device) if isinstance(value, torch.Tensor) else value
        for name, value in inputs.items()
    }
    with torch.no_grad():
        return last_hidden(teacher, learned, **there)


def token_sums(
    teacher: Any,
    how: Comparison,
    taught: torch.Tensor,
    targets: torch.Tensor,
    student: Any,
    hidden: torch.Tensor,
) -> torch.Tensor:
    """The figures of a batch, summed over its learned tokens.

    Args:
        teacher: the frozen model.
        how: how both are compared.
        taught: [tokens, width of the teacher], what its head reads.
        targets: [tokens], what is learned.
        student: the model that learns.
        hidden: [tokens, width of the student], what its head reads.

    Returns:
        [4]: cross entropy, T² · divergence, the student's entropy, all in nats; and how many tokens the
        student would have said itself.
    """

    def part(hidden: torch.Tensor, taught: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        logits = logits_of(student, hidden).float()  # [tokens, vocabulary]
        with torch.no_grad():
            wanted = logits_of(teacher, taught).to(logits.device)
            said = torch.log_softmax(logits, dim=-1)
            entropy = -(said.exp() * said).sum()
            correct = (logits.argmax(dim=-1) == targets).sum()
        shared = how.vocabulary
        apart = soft_targets(
            logits[:, :shared],
            wanted[:, :shared],
            how.divergence,
            beta=how.beta,
            temperature=how.temperature,
            top_k=how.top_k,
        )
        text = cross_entropy(logits, targets, reduction="sum")
        return torch.stack((text, apart.sum(), entropy, correct.to(text.dtype)))

    return in_parts(part, student.config.get_text_config().vocab_size, hidden, taught, targets)


def validation_figures(
    model: Any, teacher: Any, how: Comparison, rows: Dataset, pad_id: int, batch_size: int
) -> dict[str, float]:
    """The loss of the student as it is now and its two parts, in nats a token of the validation rows.

    The student's forward has to know `score`; see `score_positions`.
    """
    total, tokens = torch.zeros(4, dtype=torch.float64), 0
    with measuring(model):
        for start in range(0, len(rows), batch_size):
            batch = rows[start : start + batch_size]
            ids = batch["input_ids"]
            inputs = {
                "input_ids": padded(ids, pad_id).to(model.device),
                "attention_mask": padded([[1] * len(row) for row in ids], 0).to(model.device),
            }
            learned, targets = learned_positions(padded(batch["labels"], IGNORED).to(model.device))
            taught = teacher_hidden(teacher, learned, inputs)
            score = partial(token_sums, teacher, how, taught, targets)
            total += model(**inputs, learned=learned, score=score).double().cpu()
            tokens += len(targets)
    mean = total / max(tokens, 1)
    return {
        "validation_loss": float(how.mixed(mean)),
        "validation_cross_entropy": float(mean[CROSS_ENTROPY]),
        "validation_divergence": float(mean[DIVERGENCE]),
    }
