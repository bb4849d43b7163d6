"""unpaired: good answers become likelier and bad ones less likely, without a pair for each question.

KTO (Ethayarajh et al. 2024, arXiv 2402.01306): each answer's reward is compared with how far the student has
moved on answers to other questions. A pair counts as a good and a bad answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from synthgen.core.config import Component
from synthgen.training import pairs
from synthgen.training.completions import Completion, Example, missing_fields, question_prefix
from synthgen.training.encoding import ABSENT, Encoded
from synthgen.training.objectives.preference import same_marked
from synthgen.training.turns import TurnsFault, learned_turns, turns_fault

if TYPE_CHECKING:
    from datasets import Dataset
    from torch.nn import Module

    from synthgen.training.follow import Measure
    from synthgen.training.student import Student

UnpairedLoss = Literal["kto", "apo_zero_unpaired"]


class UnpairedConfig(Component):
    """Options of `unpaired`."""

    loss: UnpairedLoss = Field("kto", description="how an answer is weighed")
    completion: Completion = Field("output", description="how the student is asked")
    beta: float = Field(0.1, gt=0, description="how dear it is to move away from the start")
    label: str = Field("label", description="the field that says whether an answer is good")
    good_weight: float = Field(1.0, ge=0, description="what a good answer's loss weighs")
    bad_weight: float = Field(1.0, ge=0, description="what a bad answer's loss weighs")


class Unpaired:
    """Single answers with a label, or pairs taken apart, with TRL's own losses."""

    VERSION: ClassVar[int] = 2
    Config: ClassVar[type[Component]] = UnpairedConfig
    TRAINED_WITH: ClassVar[str] = "TRL's KTOTrainer"
    TAGS: ClassVar[tuple[str, ...]] = ("kto", "trl")
    TASKS: ClassVar[tuple[str, ...]] = ("good", "bad")
    UNPACKABLE: ClassVar[str] = "each answer is a sequence of its own"
    REFUSED: ClassVar[frozenset[str]] = frozenset(
        (
            *("loss_type", "beta", "desirable_weight", "undesirable_weight", "train_sampling_strategy"),
            *("sync_ref_model", "ref_model_mixup_alpha", "ref_model_sync_steps", "precompute_ref_log_probs"),
        )
    )
    REFERENCE: ClassVar[bool] = True
    LEARNS_BAD: ClassVar[bool] = True

    def __init__(self, config: UnpairedConfig) -> None:
        self._config = config

    @property
    def completion(self) -> Completion:
        """See `contract.Objective`."""
        return self._config.completion

    def missing_fields(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """See `contract.Objective`."""
        if pairs.is_pair(row):
            return pairs.missing_of_pair(row)
        label = self._config.label
        unlabelled = () if pairs.label_of(row, label) is not None else (f"{label} that says good or bad",)
        return (*missing_fields(row, "output"), *unlabelled)

    def turns_fault(self, row: Mapping[str, Any]) -> tuple[TurnsFault, str] | None:
        """See `contract.Objective`."""
        if pairs.is_pair(row):
            return pairs.pair_turns_fault(row)
        return turns_fault(row, learned_turns(row, "last"), thinks=False)

    def made_of(self) -> tuple[str, str]:
        """See `contract.Objective`."""
        return f"loss: {self._config.loss} learns from", (
            f"a row is a question with an output and `{self._config.label}` (true or false, good or bad, 1 "
            "or 0), or a pair of prompt, chosen and rejected; `label: FIELD` names another field"
        )

    def examples(self, row: Mapping[str, Any]) -> list[Example | None]:
        """See `contract.Objective`."""
        prefix = question_prefix(self.completion)
        if pairs.is_pair(row):
            return [*pairs.pair_examples(row, prefix)]
        made = pairs.labelled_example(row, prefix)
        return [made, None] if pairs.label_of(row, self._config.label) else [None, made]

    def checked(self, examples: list[Encoded]) -> list[Encoded]:
        """See `contract.Objective`."""
        return examples if ABSENT in examples else same_marked(examples)

    def undivided(self) -> str:
        """See `contract.Objective`."""
        return ""

    def meet(self, student: Student, texts: Iterable[str]) -> tuple[str, ...]:
        """See `contract.Objective`."""
        return ()

    def config(self) -> tuple[type[Any], dict[str, Any]]:
        """See `contract.Objective`."""
        from trl import KTOConfig

        config = self._config
        weights = {"desirable_weight": config.good_weight, "undesirable_weight": config.bad_weight}
        return KTOConfig, {"beta": config.beta, "loss_type": config.loss, **weights}

    def trainer(self) -> Callable[..., Any]:
        """See `contract.Objective`."""
        from synthgen.training.preference_trainers import UnpairedTrainer

        return UnpairedTrainer

    def measure(self, model: Module, rows: Dataset, pad: int, batch_size: int) -> Measure:
        """See `contract.Objective`; 8,192 tokens are measured at a time, however many rows these are."""
        from synthgen.training.preference_measure import preference_measure

        return preference_measure(model, rows, pad, self._config.beta)
