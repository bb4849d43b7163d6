"""supervised: the student learns one completion a row, by the mean cross entropy over its tokens.

On a teacher's texts this is sequence-level knowledge distillation (Kim and Rush 2016, arXiv 1606.07947).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from synthgen.core.config import Component
from synthgen.training import completions
from synthgen.training.completions import Completion, Example
from synthgen.training.turns import Learn, TurnsFault, is_conversation, learned_turns, turns_fault

if TYPE_CHECKING:
    from datasets import Dataset
    from torch.nn import Module
    from trl import SFTTrainer

    from synthgen.training.encoding import Encoded
    from synthgen.training.follow import Measure
    from synthgen.training.student import Student


class SupervisedConfig(Component):
    """Options of `supervised`."""

    completion: Completion = Field("output", description="what the student learns to say")
    learn: Learn = Field(
        "last",
        description=(
            "the turns of a conversation that are learned: the last answer, all of them, or those that are "
            "marked (`weight: 1`, `train: true`); never one with `weight: 0` or `train: false`"
        ),
    )


class Supervised:
    """One completion a row, with TRL's own loss."""

    VERSION: ClassVar[int] = 2
    Config: ClassVar[type[Component]] = SupervisedConfig
    TRAINED_WITH: ClassVar[str] = "TRL's SFTTrainer"
    TAGS: ClassVar[tuple[str, ...]] = ("sft", "trl")
    TASKS: ClassVar[tuple[str, ...]] = ("answer",)
    UNPACKABLE: ClassVar[str] = ""
    REFUSED: ClassVar[frozenset[str]] = frozenset()
    REFERENCE: ClassVar[bool] = False
    LEARNS_BAD: ClassVar[bool] = False

    def __init__(self, config: SupervisedConfig) -> None:
        self._completion = config.completion
        self._learn = config.learn

    @property
    def completion(self) -> Completion:
        """See `contract.Objective`."""
        return self._completion

    def missing_fields(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """See `contract.Objective`."""
        if self._learn != "last" and is_conversation(row):
            return completions.missing_in_turns(row, self._completion, self._learn)
        return completions.missing_fields(row, self._completion)

    def turns_fault(self, row: Mapping[str, Any]) -> tuple[TurnsFault, str] | None:
        """See `contract.Objective`."""
        return turns_fault(row, learned_turns(row, self._learn), self._completion == "think_tags")

    def made_of(self) -> tuple[str, str]:
        """See `contract.Objective`."""
        return completions.made_of(self.completion)

    def examples(self, row: Mapping[str, Any]) -> list[Example | None]:
        """See `contract.Objective`."""
        if self._learn != "last" and is_conversation(row):
            return [*completions.turn_examples(row, self._completion, self._learn)]
        return [completions.example(row, self._completion)]

    def checked(self, examples: list[Encoded]) -> list[Encoded]:
        """See `contract.Objective`."""
        return examples

    def undivided(self) -> str:
        """See `contract.Objective`."""
        return ""

    def meet(self, student: Student, texts: Iterable[str]) -> tuple[str, ...]:
        """See `contract.Objective`."""
        return ()

    def config(self) -> tuple[type[Any], dict[str, Any]]:
        """See `contract.Objective`."""
        from trl import SFTConfig

        return SFTConfig, {}

    def trainer(self) -> Callable[..., SFTTrainer]:
        """See `contract.Objective`."""
        from trl import SFTTrainer

        return SFTTrainer  # type: ignore[no-any-return]  # trl has no types

    def measure(self, model: Module, rows: Dataset, pad: int, batch_size: int) -> Measure:
        """See `contract.Objective`."""
        from synthgen.training.follow import Measure

        return Measure(
            "validation_loss",
            False,
            lambda now: {"validation_loss": self._loss(now, rows, pad, batch_size)},
        )

    def _loss(self, model: Module, rows: Dataset, pad: int, batch_size: int) -> float:
        """The mean loss in nats a token, weighed as in training."""
        from synthgen.training.validation_loss import losses_by_task

        (loss,) = losses_by_task(model, rows, pad, batch_size=batch_size)
        return loss.total / max(loss.tokens, 1)
