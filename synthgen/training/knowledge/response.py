"""response: how likely the teacher holds each token of the vocabulary at the positions that are learned.

    loss = (1 - weight) · cross entropy + weight · T² · divergence

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from synthgen.training.knowledge.contract import Inputs, Lesson, Passed
from synthgen.training.knowledge.seen import teacher_reads
from synthgen.training.knowledge.text import of_text, weighed
from synthgen.training.losses.divergence import Divergence, soft_targets
from synthgen.training.token_logits import in_parts, logits_of, passed_through


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


class ResponseOfModel:
    """The distributions of a teacher whose weights are at hand; see `contract.Knowledge`.

    Args:
        teacher: the model, frozen and in evaluation mode.
        how: how both are compared.
        columns: what the teacher reads beside the student's tokens; see `seen`.
    """

    figures: tuple[str, ...] = ("cross_entropy", "divergence", "entropy", "mean_token_accuracy")

    def __init__(self, teacher: Any, how: Comparison, columns: tuple[str, ...] = ()) -> None:
        self.teacher, self.how, self.columns = teacher, how, columns

    def watched(self, student: Any) -> Mapping[str, Any]:
        """Nothing beside what its head reads."""
        return {}

    def taught(self, lesson: Lesson) -> torch.Tensor:
        """What the teacher's head reads: [tokens, width of the teacher]."""
        inputs, learned = teacher_reads(lesson, 0)
        return teacher_passed(self.teacher, learned, inputs).head

    def sums(self, taught: torch.Tensor, lesson: Lesson, student: Any, passed: Passed) -> torch.Tensor:
        """Cross entropy, T² · divergence and entropy, in nats, and how many tokens the student would say."""
        how = self.how

        def part(hidden: torch.Tensor, taught: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            logits = logits_of(student, hidden).float()  # [tokens, vocabulary]
            with torch.no_grad():
                wanted = logits_of(self.teacher, taught).to(logits.device)
            apart = soft_targets(
                logits[:, : how.vocabulary],
                wanted[:, : how.vocabulary],
                how.divergence,
                beta=how.beta,
                temperature=how.temperature,
                top_k=how.top_k,
            )
            text, entropy, correct = of_text(logits, targets)
            return torch.stack((text, apart.sum(), entropy, correct))

        vocabulary = student.config.get_text_config().vocab_size
        return in_parts(part, vocabulary, passed.head, taught, lesson.targets)

    def loss(self, sums: torch.Tensor, given: bool = True) -> torch.Tensor:
        """See `contract.Knowledge`."""
        return weighed(self.how.weight if given else 1.0, sums)


def teacher_passed(
    teacher: Any, learned: torch.Tensor, inputs: Inputs, watched: Mapping[str, Any] | None = None
) -> Passed:
    """What goes through a frozen teacher; see `token_logits.passed_through`."""
    there = {
        name: value.to(teacher.device) if isinstance(value, torch.Tensor) else value
        for name, value in inputs.items()
    }
    teacher.eval()  # one that hangs on its student is set to training with it
    with torch.no_grad():
        return passed_through(teacher, learned, watched or {}, **there)
