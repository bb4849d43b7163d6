"""What a kind of knowledge is: what a teacher says of a batch, and how far the student is from that.

The trainer knows kinds of knowledge by this contract only. Each model goes forward once a step, and
everything that a loss reads is caught on the way.

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch.nn.functional import pad

from synthgen.training.encoding import IGNORED

Inputs = dict[str, Any]


@dataclass(frozen=True)
class Lesson:
    """A batch to learn from."""

    inputs: Inputs
    """What the student reads: input_ids and attention_mask, [rows, width] each, and position_ids if any."""
    learned: torch.Tensor
    """[rows, width], true at the positions that predict a learned token."""
    targets: torch.Tensor
    """[tokens], the learned tokens, row by row."""
    others: Inputs = field(default_factory=dict)
    """What else a batch holds, which the student does not read; see `Knowledge.columns`."""


@dataclass(frozen=True)
class Passed:
    """What went through a model in one forward."""

    head: torch.Tensor
    """[tokens, width of the model], what its head read at the learned positions."""
    outputs: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """Name -> [rows, width, size], what a watched module gave."""


class Knowledge(Protocol):
    """One kind of knowledge, with the teacher that has it."""

    figures: tuple[str, ...]
    """What `sums` sums, as the log names it. `follow.OF_EACH_STEP` says which of it the loss curve has."""

    columns: tuple[str, ...]
    """Columns of the prepared rows beside those that the student reads."""

    def watched(self, student: Any) -> Mapping[str, Any]:
        """Modules of the student whose outputs the loss reads: name -> module."""
        ...

    def taught(self, lesson: Lesson) -> Any:
        """What the teacher says of a batch, without gradients."""
        ...

    def sums(self, taught: Any, lesson: Lesson, student: Any, passed: Passed) -> torch.Tensor:
        """The figures of a batch, each summed over its learned tokens.

        Called inside the student's forward, so that its weights are whole under FSDP and gradients go
        through DDP.

        Args:
            taught: from `taught`.
            lesson: the batch.
            student: the model inside its wrappers.
            passed: what went through it.

        Returns:
            [figures].
        """
        ...

    def loss(self, sums: torch.Tensor, given: bool = True) -> torch.Tensor:
        """What is lowered, from figures that are summed, or are means over tokens.

        Args:
            sums: [figures].
            given: whether the text is the rows'. One that the student wrote itself is not learned as such:
                what the teacher knows is then the whole loss.
        """
        ...


def lesson_of(batch: Inputs, columns: tuple[str, ...]) -> Lesson:
    """A collated batch as what the student reads, what it learns, and what the teacher alone reads.

    Args:
        batch: input_ids, labels and more; labels are taken out of it.
        columns: names of what only the teacher reads.
    """
    learned, targets = learned_positions(batch.pop("labels"))
    others = {name: batch.pop(name) for name in columns if name in batch}
    return Lesson(batch, learned, targets, others)


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
