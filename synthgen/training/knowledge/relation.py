"""relation: how a teacher's positions, or its rows, stand to each other.

    loss = (1 - weight) · cross entropy + weight · the loss of the relations

No size of the teacher has to be the student's: what is compared are relations, of as many positions each.
What positions see is what causal attention shows them: their own row up to themselves, without padding.

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch.utils.checkpoint import checkpoint

from synthgen.training.knowledge.contract import Inputs, Lesson, Passed
from synthgen.training.knowledge.feature import at_learned, require_gradients
from synthgen.training.knowledge.response import teacher_passed
from synthgen.training.knowledge.text import weighed, with_text
from synthgen.training.losses.relations import angle_loss, distance_loss, relation_loss, relations
from synthgen.training.model_parts import attention_of, layer_of

SCORES = 1 << 25
"""Relations that are computed at a time: 128 MB in single precision, of which a few are held."""
ANGLES = 2.0
"""What angles weigh beside distances (arXiv 1904.05068, section 4.1)."""

FIGURES = ("cross_entropy", "relation", "entropy", "mean_token_accuracy")


@dataclass(frozen=True)
class HowStates:
    """How hidden states are compared."""

    of: Literal["distance", "angle", "both"]
    between: Literal["tokens", "rows"]
    """Points are a row's learned positions, or a batch's rows, each the mean of its learned positions."""
    points: int
    """How many are compared at a time, at even steps where there are more; memory is its third power."""


class AttentionRelations:
    """Relations of queries, of keys and of values, and their loss is a sum; see `contract.Knowledge`.

    Args:
        teacher: the model, frozen and in evaluation mode.
        name: as messages call it.
        layers: the student's, and the teacher's.
        heads: relation heads; they divide the sizes of all six.
        weight: of this part in the loss.
    """

    figures: tuple[str, ...] = FIGURES
    columns: tuple[str, ...] = ()

    def __init__(self, teacher: Any, name: str, layers: tuple[int, int], heads: int, weight: float) -> None:
        self.teacher, self.weight = teacher, weight
        self.layer, self.heads = layers[0], heads
        self._attention = attention_of(teacher, layers[1], name)

    def watched(self, student: Any) -> Mapping[str, Any]:
        """What puts out queries, keys and values."""
        return attention_of(student, self.layer, "the student").modules

    def taught(self, lesson: Lesson) -> dict[str, torch.Tensor]:
        """The teacher's queries, keys and values: [rows, width, size] each."""
        outputs = teacher_passed(self.teacher, lesson.learned, lesson.inputs, self._attention.modules).outputs
        return self._attention.parts(outputs)

    def sums(
        self, taught: dict[str, torch.Tensor], lesson: Lesson, student: Any, passed: Passed
    ) -> torch.Tensor:
        """Cross entropy, the loss of the relations, entropy in nats, and how many tokens it would say."""
        require_gradients(passed, student)
        ours = attention_of(student, self.layer, "the student").parts(passed.outputs)
        device = passed.head.device
        learned, seen = lesson.learned.to(device), seen_positions(lesson.inputs, lesson.learned).to(device)
        total = torch.zeros((), device=device)
        for part, states in ours.items():
            total = total + _summed(states, taught[part].to(device), learned, seen, self.heads)
        return with_text(student, lesson, passed, total)

    def loss(self, sums: torch.Tensor, given: bool = True) -> torch.Tensor:
        """See `contract.Knowledge`."""
        return weighed(self.weight if given else 1.0, sums)


def seen_positions(inputs: Inputs, learned: torch.Tensor) -> torch.Tensor:
    """[rows, width, width], true where a position sees another: one before it, or itself, that is no padding.

    Args:
        inputs: of the model.
        learned: [rows, width].
    """
    causal = torch.ones(learned.shape[1], learned.shape[1], dtype=torch.bool, device=learned.device).tril()
    mask = inputs.get("attention_mask")
    return causal.expand(len(learned), -1, -1) if mask is None else causal & mask.bool()[:, None, :]


def _summed(
    student: torch.Tensor, teacher: torch.Tensor, learned: torch.Tensor, seen: torch.Tensor, heads: int
) -> torch.Tensor:
    """The loss of relations, summed over learned positions, for a part of rows and positions at a time."""
    rows, width = learned.shape
    columns = learned.any(dim=0).nonzero().flatten().tolist()
    if not columns:
        return student.sum() * 0.0
    first, end = columns[0], columns[-1] + 1
    step = min(end - first, max(1, SCORES // (heads * width)))
    group = min(rows, max(1, SCORES // (heads * width * step)))

    def loss(ours: torch.Tensor, theirs: torch.Tensor, at: slice, of: slice) -> torch.Tensor:
        found = relation_loss(
            relations(ours, seen[at, of], heads, of), relations(theirs, seen[at, of], heads, of)
        )
        return found[learned[at, of]].sum()

    parts = [
        (slice(row, row + group), slice(position, min(position + step, end)))
        for row in range(0, rows, group)
        for position in range(first, end, step)
    ]
    compute = loss if len(parts) == 1 else partial(checkpoint, loss, use_reentrant=False)
    return torch.stack([compute(student[at], teacher[at], at, of) for at, of in parts]).sum()


class StateRelations:
    """Distances and angles between the hidden states of one layer; see `contract.Knowledge`.

    Args:
        teacher: the model, frozen and in evaluation mode.
        name: as messages call it.
        layers: the student's, and the teacher's.
        how: what is compared.
        weight: of this part in the loss.
    """

    figures: tuple[str, ...] = FIGURES
    columns: tuple[str, ...] = ()

    def __init__(
        self, teacher: Any, name: str, layers: tuple[int, int], how: HowStates, weight: float
    ) -> None:
        self.teacher, self.weight = teacher, weight
        self.layer, self.how = layers[0], how
        self._watched = {"states": layer_of(teacher, layers[1], name)}

    def watched(self, student: Any) -> Mapping[str, Any]:
        """The layer."""
        return {"states" if self.layer else "0": layer_of(student, self.layer, "the student")}

    def taught(self, lesson: Lesson) -> torch.Tensor:
        """The teacher's states: [tokens, width of the teacher]."""
        passed = teacher_passed(self.teacher, lesson.learned, lesson.inputs, self._watched)
        return at_learned(passed.outputs["states"], lesson).float()

    def sums(self, taught: torch.Tensor, lesson: Lesson, student: Any, passed: Passed) -> torch.Tensor:
        """Cross entropy, the loss of the relations, entropy in nats, and how many tokens it would say."""
        require_gradients(passed, student)
        (states,) = passed.outputs.values()
        ours, theirs = at_learned(states, lesson).float(), taught.to(passed.head.device)
        sizes = lesson.learned.sum(dim=1).tolist()
        rows = [
            (one, other)
            for one, other in zip(ours.split(sizes), theirs.split(sizes), strict=True)
            if len(one)
        ]
        total = ours.sum() * 0.0
        if self.how.between == "tokens":
            for one, other in rows:
                total = total + len(one) * self._of_points(one, other)
        elif rows:
            one, other = (torch.stack([row.mean(dim=0) for row in side]) for side in zip(*rows, strict=True))
            total = total + len(ours) * self._of_points(one, other)
        return with_text(student, lesson, passed, total)

    def _of_points(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """The loss of points: the mean over pairs, over triples, or both."""
        at = even_positions(len(student), self.how.points).to(student.device)
        total = student.sum() * 0.0
        if self.how.of != "angle":
            total = total + distance_loss(student[at], teacher[at])
        if self.how.of != "distance":
            total = total + (ANGLES if self.how.of == "both" else 1.0) * angle_loss(student[at], teacher[at])
        return total

    def loss(self, sums: torch.Tensor, given: bool = True) -> torch.Tensor:
        """See `contract.Knowledge`."""
        return weighed(self.weight if given else 1.0, sums)


def even_positions(number: int, most: int) -> torch.Tensor:
    """Places of so many positions at most, at even steps from the first to the last: [chosen]."""
    if number <= most:
        return torch.arange(number)
    return (torch.arange(most) * (number - 1)).div(max(most - 1, 1), rounding_mode="floor")
