"""preference: of two answers to one question, the chosen one becomes likelier than the rejected one.

Direct preference optimization (Rafailov et al. 2023, arXiv 2305.18290) and its kin. What counts is by how
much each answer became likelier than it was before: a reward is beta times the difference of its log
probability to the student's start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from synthgen.core.config import Component
from synthgen.training import pairs
from synthgen.training.completions import Completion, Example, question_prefix
from synthgen.training.encoding import IGNORED, Encoded
from synthgen.training.turns import TurnsFault

if TYPE_CHECKING:
    from datasets import Dataset
    from torch.nn import Module

    from synthgen.training.follow import Measure
    from synthgen.training.student import Student

PairLoss = Literal[
    "sigmoid",
    "sigmoid_norm",
    "ipo",
    "hinge",
    "robust",
    "exo_pair",
    "nca_pair",
    "bco_pair",
    "sppo_hard",
    "aot",
    "aot_unpaired",
    "apo_zero",
    "apo_down",
    "discopop",
]
SMOOTHED: frozenset[str] = frozenset(("robust", "exo_pair", "aot", "aot_unpaired"))
"""Losses that read label_smoothing."""


class PreferenceConfig(Component):
    """Options of `preference`."""

    loss: PairLoss = Field("sigmoid", description="how the two answers are compared")
    completion: Completion = Field("output", description="how the student is asked")
    beta: float = Field(0.1, gt=0, description="how dear it is to move away from the start")
    label_smoothing: float = Field(0.0, ge=0, lt=0.5, description="share of pairs taken to be the wrong way")
    sft_weight: float = Field(0.0, ge=0, description="weight of the chosen answer's own cross entropy")

    @model_validator(mode="after")
    def _smoothing_is_read(self) -> PreferenceConfig:
        if self.label_smoothing and self.loss not in SMOOTHED:
            raise ValueError(
                f"label_smoothing is read by {', '.join(sorted(SMOOTHED))}, not by loss: {self.loss}"
            )
        if self.loss == "exo_pair" and not self.label_smoothing:
            raise ValueError("loss: exo_pair needs label_smoothing above 0, such as 0.001")
        return self


class Preference:
    """Pairs of a chosen and a rejected answer, with TRL's own losses."""

    VERSION: ClassVar[int] = 2
    Config: ClassVar[type[Component]] = PreferenceConfig
    TRAINED_WITH: ClassVar[str] = "TRL's DPOTrainer"
    TAGS: ClassVar[tuple[str, ...]] = ("dpo", "trl")
    TASKS: ClassVar[tuple[str, ...]] = ("chosen", "rejected")
    UNPACKABLE: ClassVar[str] = "the two answers of a pair are sequences of their own"
    REFUSED: ClassVar[frozenset[str]] = frozenset(
        (
            *("loss_type", "loss_weights", "beta", "label_smoothing", "padding_free", "pad_token"),
            *("sync_ref_model", "ref_model_mixup_alpha", "ref_model_sync_steps"),
        )
    )
    REFERENCE: ClassVar[bool] = True
    LEARNS_BAD: ClassVar[bool] = True

    def __init__(self, config: PreferenceConfig) -> None:
        self._config = config

    @property
    def completion(self) -> Completion:
        """See `contract.Objective`."""
        return self._config.completion

    def missing_fields(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """See `contract.Objective`."""
        return pairs.missing_of_pair(row)

    def turns_fault(self, row: Mapping[str, Any]) -> tuple[TurnsFault, str] | None:
        """See `contract.Objective`."""
        return pairs.pair_turns_fault(row)

    def made_of(self) -> tuple[str, str]:
        """See `contract.Objective`."""
        return pair_made_of(self._config.loss)

    def examples(self, row: Mapping[str, Any]) -> list[Example | None]:
        """See `contract.Objective`."""
        return [*pairs.pair_examples(row, question_prefix(self.completion))]

    def checked(self, examples: list[Encoded]) -> list[Encoded]:
        """See `contract.Objective`: two answers that are the same token by token teach nothing."""
        return same_marked(examples)

    def undivided(self) -> str:
        """See `contract.Objective`."""
        if self._config.loss in ("aot", "aot_unpaired"):
            return "it sorts the pairs of a batch, and each process would sort its own"
        return ""

    def meet(self, student: Student, texts: Iterable[str]) -> tuple[str, ...]:
        """See `contract.Objective`."""
        return ()

    def config(self) -> tuple[type[Any], dict[str, Any]]:
        """See `contract.Objective`."""
        from trl import DPOConfig

        config = self._config
        own = {"beta": config.beta, "label_smoothing": config.label_smoothing, "loss_type": [config.loss]}
        return DPOConfig, own

    def trainer(self) -> Callable[..., Any]:
        """See `contract.Objective`."""
        from synthgen.training.preference_trainers import PairTrainer

        config = self._config
        unchanged = loss_of_no_change(config.loss, config.beta, config.label_smoothing)
        return partial(PairTrainer, unchanged=unchanged, sft_weight=config.sft_weight)

    def measure(self, model: Module, rows: Dataset, pad: int, batch_size: int) -> Measure:
        """See `contract.Objective`; 8,192 tokens are measured at a time, however many rows these are."""
        from synthgen.training.preference_measure import preference_measure

        return preference_measure(model, rows, pad, self._config.beta)


def pair_made_of(loss: str) -> tuple[str, str]:
    """What pairs are used for by a loss, and what they are; see `contract.Objective.made_of`."""
    return f"loss: {loss} compares", (
        "a pair is prompt, chosen and rejected, each answer a text or one assistant turn; generate makes "
        "them with task: preferences, load reads them; loss: kto takes single answers with a label, too"
    )


def loss_of_no_change(loss: PairLoss, beta: float, label_smoothing: float) -> float:
    """A loss at both answers as likely as at the start: that of the first step, and of no pair at all."""
    if loss == "ipo":
        return 1 / (2 * beta) ** 2
    if loss == "sppo_hard":
        return 2 * (0.5 / beta) ** 2
    if loss == "exo_pair":
        return -math.log(2) - 0.5 * (math.log1p(-label_smoothing) + math.log(label_smoothing))
    return {
        **dict.fromkeys(("hinge", "apo_zero", "apo_down"), 1.0),
        **dict.fromkeys(("nca_pair", "bco_pair"), 2 * math.log(2)),
        "discopop": 0.5 * math.log(2) + 0.5,
    }.get(loss, math.log(2))


def same_marked(examples: list[Encoded]) -> list[Encoded]:
    """A pair's examples, without anything to learn where both answers are the same tokens."""
    chosen, rejected = examples[0], examples[-1]
    if len(examples) < 2 or chosen.fault or not chosen.learned or chosen.labels != rejected.labels:
        return examples
    return [replace(one, labels=[IGNORED] * len(one.labels), fault="same_answers") for one in examples]
