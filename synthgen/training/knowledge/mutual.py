"""mutual: two models learn one text, and each the other's distribution over it.

Deep mutual learning (Zhang et al. 2018, arXiv 1706.00384):

    loss = sum over both of (1 - weight) · cross entropy + weight · T² · divergence from the other, held still

The teacher is attached to the student (see `training.attached`), so one forward through whatever wraps the
student, one backward and one optimizer step serve both.

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from synthgen.training.attached import attached_to
from synthgen.training.knowledge.contract import Lesson, Passed
from synthgen.training.knowledge.response import Comparison
from synthgen.training.knowledge.text import of_text
from synthgen.training.losses.divergence import soft_targets
from synthgen.training.token_logits import in_parts, logits_of, passed_through


class Mutual:
    """What two models know that are trained at the same time; see `contract.Knowledge`.

    Args:
        how: how each is compared with the other.
    """

    figures: tuple[str, ...] = (
        *("cross_entropy", "divergence", "entropy", "mean_token_accuracy"),
        *("teacher_cross_entropy", "teacher_divergence", "teacher_entropy", "teacher_token_accuracy"),
    )
    columns: tuple[str, ...] = ()

    def __init__(self, how: Comparison) -> None:
        self.how = how

    def watched(self, student: Any) -> Mapping[str, Any]:
        """Nothing beside what its head reads."""
        return {}

    def taught(self, lesson: Lesson) -> None:
        """Nothing beforehand: the teacher goes forward within the student's own forward."""

    def sums(self, taught: None, lesson: Lesson, student: Any, passed: Passed) -> torch.Tensor:
        """What `response` sums, of the student and then of its teacher; see `figures`."""
        how, teacher = self.how, attached_to(student)
        other = passed_through(teacher, lesson.learned, {}, **lesson.inputs)

        def part(one: torch.Tensor, two: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            both = logits_of(student, one).float(), logits_of(teacher, two).float()  # [tokens, vocabulary]
            found = []
            for own, others in (both, both[::-1]):
                apart = soft_targets(
                    own[:, : how.vocabulary],
                    others[:, : how.vocabulary].detach(),
                    how.divergence,
                    beta=how.beta,
                    temperature=how.temperature,
                    top_k=how.top_k,
                )
                text, entropy, correct = of_text(own, targets)
                found += [text, apart.sum(), entropy, correct]
            return torch.stack(found)

        vocabulary = sum(one.config.get_text_config().vocab_size for one in (student, teacher))
        return in_parts(part, vocabulary, passed.head, other.head, lesson.targets)

    def loss(self, sums: torch.Tensor, given: bool = True) -> torch.Tensor:
        """See `contract.Knowledge`: the sum of both models' losses."""
        text, apart = sums[0] + sums[4], sums[1] + sums[5]
        return (1 - self.how.weight) * text + self.how.weight * apart if given else apart
