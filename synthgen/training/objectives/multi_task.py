"""multi_task: a row's answer and its rationale as two tasks, weighed against each other.

Distilling step-by-step (Hsieh et al. 2023, arXiv 2305.02301). The question after `predict: ` is answered, the
question after `explain: ` is explained. The loss is

    alpha · mean loss of answers + (1 - alpha) · mean loss of rationales

where each mean is over the task's own tokens in one optimizer step. Over all tokens alike, long rationales
would swamp short answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from synthgen.core.config import Component
from synthgen.training import completions
from synthgen.training.completions import EXPLAIN, PREDICT, Completion, Example
from synthgen.training.turns import TurnsFault, learned_turns, turns_fault

if TYPE_CHECKING:
    from datasets import Dataset
    from torch.nn import Module
    from trl import SFTTrainer

    from synthgen.training.encoding import Encoded
    from synthgen.training.follow import Measure
    from synthgen.training.student import Student


class MultiTaskConfig(Component):
    """Distilling step-by-step's two tasks (arXiv 2305.02301), weighed against each other."""

    alpha: float = Field(
        0.5,
        ge=0,
        le=1,
        description=(
            "weight of the answers; rationales weigh 1 - alpha, each a mean over its own tokens of a step"
        ),
    )


class MultiTask:
    """A row's answer and its rationale as two tasks, each with a mean loss of its own."""

    VERSION: ClassVar[int] = 2
    Config: ClassVar[type[Component]] = MultiTaskConfig
    TRAINED_WITH: ClassVar[str] = "TRL's SFTTrainer"
    TAGS: ClassVar[tuple[str, ...]] = ("sft", "trl")
    TASKS: ClassVar[tuple[str, ...]] = (PREDICT.strip(": "), EXPLAIN.strip(": "))
    UNPACKABLE: ClassVar[str] = (
        "each token is weighed by the task that it belongs to, and packed sequences no longer tell"
    )
    REFUSED: ClassVar[frozenset[str]] = frozenset(("loss_type", "label_smoothing_factor", "padding_free"))
    REFERENCE: ClassVar[bool] = False
    LEARNS_BAD: ClassVar[bool] = False

    def __init__(self, config: MultiTaskConfig) -> None:
        self.shares = (config.alpha, 1 - config.alpha)
        """What each task's mean loss weighs, in the order of TASKS."""

    @property
    def completion(self) -> Completion:
        """See `contract.Objective`."""
        return "multi_task"

    def missing_fields(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """See `contract.Objective`."""
        return completions.missing_fields(row, self.completion)

    def turns_fault(self, row: Mapping[str, Any]) -> tuple[TurnsFault, str] | None:
        """See `contract.Objective`."""
        return turns_fault(row, learned_turns(row, "last"), thinks=False)

    def made_of(self) -> tuple[str, str]:
        """See `contract.Objective`."""
        return completions.made_of(self.completion)

    def examples(self, row: Mapping[str, Any]) -> list[Example | None]:
        """See `contract.Objective`."""
        rationale = str(row["rationale"]).strip()
        return [
            completions.example(row, self.completion),
            completions.example_of(row, EXPLAIN, rationale),
        ]

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
        from synthgen.training.weighted_trainer import WeightedTrainer

        return partial(WeightedTrainer, shares=self.shares)

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

        losses = losses_by_task(model, rows, pad, len(self.TASKS), batch_size)
        return sum(
            share * loss.total / max(loss.tokens, 1) for share, loss in zip(self.shares, losses, strict=True)
        )
