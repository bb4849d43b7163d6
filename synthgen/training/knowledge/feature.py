"""feature: the hidden states of a teacher's layers at the positions that are learned.

    loss = (1 - weight) · cross entropy + weight · the mean over mapped layers of their states' loss

The student's states go through a linear projection of each mapped layer, which is trained with it and hangs
on it (see `attached`).

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from synthgen.core.errors import ConfigError
from synthgen.training.attached import attached_to
from synthgen.training.knowledge.contract import Lesson, Passed
from synthgen.training.knowledge.response import teacher_passed
from synthgen.training.knowledge.text import weighed, with_text
from synthgen.training.losses.hidden import Kind, hidden_loss, unit_scale
from synthgen.training.model_parts import layer_of


class Projections(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
    """A linear layer from the student's width to the teacher's for each mapped layer of the student.

    Args:
        layers: of the student.
        width: of the student.
        wanted: width of the teacher.
    """

    def __init__(self, layers: Iterable[int], width: int, wanted: int) -> None:
        super().__init__()
        self.of = torch.nn.ModuleDict({f"layer_{one}": torch.nn.Linear(width, wanted) for one in layers})

    def forward(self, layer: int, states: torch.Tensor) -> torch.Tensor:
        """[positions, width] -> [positions, wanted], in single precision."""
        linear = self.of[f"layer_{layer}"]
        return linear(states.to(linear.weight.dtype)).float()


class FeatureOfModel:
    """The hidden states of a teacher whose weights are at hand; see `contract.Knowledge`.

    Args:
        teacher: the model, frozen and in evaluation mode.
        name: as messages call it.
        layers: of the student -> of the teacher; see `layer_map`.
        kind: how they are compared; see `losses.hidden`.
        weight: of this part in the loss; the cross entropy has the rest.
    """

    figures: tuple[str, ...] = ("cross_entropy", "feature", "entropy", "mean_token_accuracy")
    columns: tuple[str, ...] = ()

    def __init__(self, teacher: Any, name: str, layers: Mapping[int, int], kind: Kind, weight: float) -> None:
        self.teacher, self.layers, self.kind, self.weight = teacher, dict(layers), kind, weight
        self._watched = {str(layer): layer_of(teacher, layer, name) for layer in layers.values()}

    def watched(self, student: Any) -> Mapping[str, Any]:
        """The mapped layers, by their numbers."""
        return {str(layer): layer_of(student, layer, "the student") for layer in self.layers}

    def taught(self, lesson: Lesson) -> dict[int, torch.Tensor]:
        """The teacher's states of each of its mapped layers: [tokens, width of the teacher]."""
        outputs = teacher_passed(self.teacher, lesson.learned, lesson.inputs, self._watched).outputs
        return {int(layer): unit_scale(at_learned(states, lesson)) for layer, states in outputs.items()}

    def sums(
        self, taught: dict[int, torch.Tensor], lesson: Lesson, student: Any, passed: Passed
    ) -> torch.Tensor:
        """Cross entropy, the loss of the states, entropy in nats, and how many tokens it would say."""
        require_gradients(passed, student)
        project = attached_to(student)
        found = [
            hidden_loss(
                project(ours, unit_scale(at_learned(passed.outputs[str(ours)], lesson))),
                taught[theirs].to(passed.head.device),
                self.kind,
            )
            for ours, theirs in self.layers.items()
        ]
        return with_text(student, lesson, passed, torch.stack(found).mean(dim=0).sum())

    def loss(self, sums: torch.Tensor, given: bool = True) -> torch.Tensor:
        """See `contract.Knowledge`."""
        return weighed(self.weight if given else 1.0, sums)


def at_learned(states: torch.Tensor, lesson: Lesson) -> torch.Tensor:
    """[tokens, size], what a module gave at the positions that predict a learned token."""
    return states[lesson.learned.to(states.device)]


def require_gradients(passed: Passed, student: Any) -> None:
    """Refuses a training whose student would get no gradient from what is compared of its blocks.

    Raises:
        ConfigError: it gets none: nothing below is trained, or gradient checkpointing hides it.
    """
    if not (student.training and torch.is_grad_enabled()):
        return
    inside = [name for name in passed.outputs if name != "0"]
    if inside and not any(passed.outputs[name].requires_grad for name in inside):
        raise ConfigError(
            "what is compared of the student has no gradient",
            next=(
                "its blocks have to be trained (lora: {targets: all-linear}), and gradient checkpointing "
                "must not be reentrant: leave gradient_checkpointing_kwargs out of trainer"
            ),
        )
