"""What objectives have in common that learn a row's text and, beside it, what a teacher knows.

What a row teaches, which of its turns are learned and what it lacks is all as in `supervised`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from synthgen.core.config import Component
from synthgen.core.errors import ConfigError
from synthgen.training.completions import Completion, Example
from synthgen.training.objectives.supervised import Supervised, SupervisedConfig
from synthgen.training.turns import Learn, TurnsFault

if TYPE_CHECKING:
    from datasets import Dataset
    from torch.nn import Module

    from synthgen.training.encoding import Encoded
    from synthgen.training.follow import Measure
    from synthgen.training.knowledge.contract import Knowledge
    from synthgen.training.student import Student


class BesideTextConfig(Component):
    """Options of every such objective."""

    completion: Completion = Field("output", description="what the student learns to say")
    learn: Learn = Field("last", description="the turns of a conversation that are learned")
    weight: float = Field(
        0.5, gt=0, le=1, description="of what the teacher knows; the text's cross entropy has the rest"
    )


class BesideText:
    """An objective without its knowledge: a subclass makes that in `knowledge`, for the student at hand."""

    TRAINED_WITH: ClassVar[str] = "TRL's SFTTrainer"
    TAGS: ClassVar[tuple[str, ...]] = ("distillation", "trl")
    TASKS: ClassVar[tuple[str, ...]] = ("answer",)
    UNPACKABLE: ClassVar[str] = ""
    REFUSED: ClassVar[frozenset[str]] = frozenset(("loss_type", "label_smoothing_factor", "use_liger_kernel"))
    REFERENCE: ClassVar[bool] = False
    LEARNS_BAD: ClassVar[bool] = False

    def __init__(self, config: BesideTextConfig) -> None:
        self._text = Supervised(SupervisedConfig(completion=config.completion, learn=config.learn))
        self._opened: Knowledge | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the teacher's weights: every process that trains loads its own."""
        return {**vars(self), "_opened": None}

    def knowledge(self, student: Any, tokens: int, device: Any, adapters: Any) -> Knowledge:
        """What is learned beside the text, with the teacher loaded.

        Args:
            student: its model, before adapters.
            tokens: how many its tokenizer has.
            device: where it is trained.
            adapters: PEFT's config of its adapters, None where all weights are trained.
        """
        raise NotImplementedError

    @property
    def completion(self) -> Completion:
        """See `contract.Objective`."""
        return self._text.completion

    def missing_fields(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """See `contract.Objective`."""
        return self._text.missing_fields(row)

    def turns_fault(self, row: Mapping[str, Any]) -> tuple[TurnsFault, str] | None:
        """See `contract.Objective`."""
        return self._text.turns_fault(row)

    def made_of(self) -> tuple[str, str]:
        """See `contract.Objective`."""
        return self._text.made_of()

    def examples(self, row: Mapping[str, Any]) -> list[Example | None]:
        """See `contract.Objective`."""
        return self._text.examples(row)

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
        return self._text.config()

    def trainer(self) -> Callable[..., Any]:
        """See `contract.Objective`."""
        from synthgen.training.taught_trainer import TaughtTrainer

        def made(**options: Any) -> TaughtTrainer:
            self._opened = self.knowledge(
                options["model"],
                len(options["processing_class"]),
                options["args"].device,
                options["peft_config"],
            )
            return TaughtTrainer(knowledge=self._opened, **options)

        return made

    def measure(self, model: Module, rows: Dataset, pad: int, batch_size: int) -> Measure:
        """See `contract.Objective`: the loss as in training, and its parts."""
        from synthgen.training.follow import Measure
        from synthgen.training.taught_trainer import validation_figures

        def figures(now: Module) -> dict[str, float]:
            assert self._opened is not None  # the trainer was made before anything is measured
            return validation_figures(now, self._opened, rows, pad, batch_size)

        return Measure("validation_loss", False, figures)


def no_teacher(objective: str) -> ConfigError:
    """What to raise where an objective was made without the teacher that it learns from."""
    return ConfigError(f"{objective} learns from a teacher", next="teacher: {model: …} or {from: …}")
