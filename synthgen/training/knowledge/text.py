"""What a text alone teaches, for kinds of knowledge whose teacher says nothing of next tokens.

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import cross_entropy

from synthgen.training.knowledge.contract import Lesson, Passed
from synthgen.training.token_logits import in_parts, logits_of


def with_text(student: Any, lesson: Lesson, passed: Passed, beside: torch.Tensor) -> torch.Tensor:
    """The figures of a batch: [cross entropy, what is learned beside it, entropy, right tokens], summed.

    Args:
        student: the model inside its wrappers.
        lesson: the batch.
        passed: what went through the student.
        beside: one number, summed over the learned tokens.
    """

    def part(hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return torch.stack(of_text(logits_of(student, hidden).float(), targets))

    vocabulary = student.config.get_text_config().vocab_size
    text, entropy, correct = in_parts(part, vocabulary, passed.head, lesson.targets)
    return torch.stack((text, beside.to(text.device, text.dtype), entropy, correct))


def weighed(weight: float, sums: torch.Tensor) -> torch.Tensor:
    """(1 - weight) · cross entropy + weight · what is learned beside it, the first two of the figures."""
    return (1 - weight) * sums[0] + weight * sums[1]


def of_text(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Cross entropy of the text and the student's entropy, in nats, and how many tokens it would have said.

    Args:
        logits: [tokens, vocabulary], in single precision.
        targets: [tokens].

    Returns:
        Three sums over tokens; only the first has a gradient.
    """
    text = cross_entropy(logits, targets, reduction="sum")
    with torch.no_grad():
        said = torch.log_softmax(logits, dim=-1)
        entropy = -(said.exp() * said).sum()
        correct = (logits.argmax(dim=-1) == targets).sum().to(text.dtype)
    return text, entropy, correct
