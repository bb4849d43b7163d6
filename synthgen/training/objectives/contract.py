"""What an objective is: what a student learns of a row, and the loss that teaches it.

Trainer, preflight, validation and card know objectives by this contract only. To add one, write a file with
such a class in this folder and add a line to `OBJECTIVES`.

The modules of this folder are light. torch and trl are imported only when an objective makes its trainer or
measures its loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from synthgen.core.config import Component
from synthgen.training.completions import Completion, Example
from synthgen.training.options import TrainingOptions
from synthgen.training.turns import TurnsFault

if TYPE_CHECKING:
    from datasets import Dataset
    from torch.nn import Module

    from synthgen.training.encoding import Encoded
    from synthgen.training.follow import Measure
    from synthgen.training.student import Student


class Objective(Protocol):
    """One objective, made from its options."""

    VERSION: ClassVar[int]
    """Raised when the same rows and seed would give other weights.

    A stage that lists its objective as an option has this in its key. `sft` names no objective, so its own
    VERSION is raised as well.
    """

    Config: ClassVar[type[Component]]
    """Its options. All of them change the weights, so all of them are part of the key of a stage."""

    TRAINED_WITH: ClassVar[str]
    """The trainer, as the model card names it."""

    TAGS: ClassVar[tuple[str, ...]]
    """The card's tags beside `synthgen`."""

    TASKS: ClassVar[tuple[str, ...]]
    """A name for each example that a row is made into, in their order; the first one answers the question."""

    UNPACKABLE: ClassVar[str]
    """Why rows cannot share a sequence (`packing`); "" where they can."""

    REFUSED: ClassVar[frozenset[str]]
    """Options of the trainer that would change the loss, or the batches that it needs."""

    REFERENCE: ClassVar[bool]
    """Whether the loss compares with the student as it was, so that a copy of it is kept in memory."""

    LEARNS_BAD: ClassVar[bool]
    """Whether it learns that an answer is bad; else rows with `label: false` are left out."""

    def __init__(self, config: Any) -> None: ...

    @property
    def completion(self) -> Completion:
        """What the student says when it is asked: this decides how it is asked and read later."""
        ...

    def missing_fields(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """The fields that a row lacks to be learned from."""
        ...

    def made_of(self) -> tuple[str, str]:
        """What rows are used for, and what they need for it, for a person whose rows lack fields."""
        ...

    def turns_fault(self, row: Mapping[str, Any]) -> tuple[TurnsFault, str] | None:
        """What a row's turns hold that is not learned (tool calls, images, thinking), and where."""
        ...

    def examples(self, row: Mapping[str, Any]) -> list[Example | None]:
        """A row as conversational prompt and completion, one example for each of `TASKS`.

        None where a row has nothing for a task. With one task, a conversation may be one example for each
        turn that is learned, in their order.
        """
        ...

    def checked(self, examples: list[Encoded]) -> list[Encoded]:
        """A row's examples as tokens, with faults that only show when they are compared."""
        ...

    def undivided(self) -> str:
        """Why several processes cannot share a batch; "" where they can."""
        ...

    def meet(self, student: Student, texts: Iterable[str]) -> tuple[str, ...]:
        """Looks at the student before its rows are prepared; gives what a person should know.

        Args:
            student: before it is trained.
            texts: some of those that it learns from.

        Raises:
            ConfigError: this student cannot learn this.
        """
        ...

    def config(self) -> tuple[type[Any], dict[str, Any]]:
        """TRL's config for the trainer, and the values in it that follow from the objective's options."""
        ...

    def trainer(self) -> Callable[..., Any]:
        """What makes the trainer, with the arguments of TRL's SFTTrainer."""
        ...

    def measure(self, model: Module, rows: Dataset, pad: int, batch_size: int) -> Measure:
        """How the student is measured on validation rows.

        Args:
            model: the student before it is trained.
            rows: the validation rows as `preflight.prepare` writes them.
            pad: id of the padding token.
            batch_size: rows that fit into memory, as training has them.

        Returns:
            The measure, to be taken again and again.
        """
        ...


@runtime_checkable
class MeasuredAsText(Protocol):
    """An objective whose validation rows need not have all that its training rows have."""

    def text(self) -> Objective:
        """The objective by whose loss they are measured."""
        ...


def measured_as(objective: Objective) -> Objective:
    """The objective by whose loss validation rows are measured: itself, if it says nothing else."""
    return objective.text() if isinstance(objective, MeasuredAsText) else objective


def refusal(objective: Objective, options: TrainingOptions, chosen_by: str) -> str:
    """Why training options cannot be used with an objective; "" where they can.

    Args:
        objective: what is learned.
        options: how it is trained.
        chosen_by: the option that chose the objective, such as "completion: multi_task".

    Returns:
        The reason, for a person.
    """
    if (options.processes or options.accelerate_config) and (reason := objective.undivided()):
        return f"processes and accelerate_config cannot be used with {chosen_by}: {reason}"
    if options.packing and objective.UNPACKABLE:
        return f"packing cannot be used with {chosen_by}: {objective.UNPACKABLE}; leave it out"
    if refused := sorted(objective.REFUSED & set(options.trainer)):
        return f"trainer: {', '.join(refused)} cannot be used with {chosen_by}, whose loss is its own"
    return ""
