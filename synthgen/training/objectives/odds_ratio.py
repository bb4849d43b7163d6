"""odds_ratio: good answers are learned as by sft, and made likelier than bad ones by their odds.

ORPO (Hong et al. 2024, arXiv 2403.07691). With P the geometric mean of an answer's token probabilities and
odds = P / (1 - P), the loss is

    mean cross entropy of chosen answers + beta · mean of -log sigmoid(log(odds(chosen) / odds(rejected)))

Nothing is compared with the student as it was, so no copy of it is kept, and any model can be the start.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from synthgen.core.config import Component
from synthgen.training import pairs
from synthgen.training.completions import Completion, Example, question_prefix
from synthgen.training.encoding import Encoded
from synthgen.training.objectives.preference import pair_made_of, same_marked
from synthgen.training.turns import TurnsFault

if TYPE_CHECKING:
    from datasets import Dataset
    from torch import Tensor
    from torch.nn import Module

    from synthgen.training.follow import Measure
    from synthgen.training.student import Student

OddsLoss = Literal["orpo"]


class OddsRatioConfig(Component):
    """Options of `odds_ratio`."""

    loss: OddsLoss = Field("orpo", description="how the two answers are compared")
    completion: Completion = Field("output", description="how the student is asked")
    beta: float = Field(0.1, gt=0, description="what the odds ratio weighs beside the cross entropy")


class OddsRatio:
    """Pairs of a chosen and a rejected answer, without a reference."""

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Component]] = OddsRatioConfig
    TRAINED_WITH: ClassVar[str] = "TRL's SFTTrainer with ORPO's loss"
    TAGS: ClassVar[tuple[str, ...]] = ("orpo", "trl")
    TASKS: ClassVar[tuple[str, ...]] = ("chosen", "rejected")
    UNPACKABLE: ClassVar[str] = "the two answers of a pair are sequences of their own"
    REFUSED: ClassVar[frozenset[str]] = frozenset(("loss_type", "label_smoothing_factor", "padding_free"))
    REFERENCE: ClassVar[bool] = False
    LEARNS_BAD: ClassVar[bool] = True

    def __init__(self, config: OddsRatioConfig) -> None:
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
        """See `contract.Objective`."""
        return same_marked(examples)

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

    def trainer(self) -> Callable[..., Any]:
        """See `contract.Objective`."""
        from synthgen.training.odds_ratio_trainer import OddsRatioTrainer

        return partial(OddsRatioTrainer, beta=self._config.beta, log_ratio=log_odds_ratio)

    def measure(self, model: Module, rows: Dataset, pad: int, batch_size: int) -> Measure:
        """See `contract.Objective`; margins are in nats. Of the start, log probabilities are kept."""
        from synthgen.training.preference_measure import preference_measure

        return preference_measure(model, rows, pad, 1.0)


def log_odds_ratio(chosen: Tensor, rejected: Tensor) -> Tensor:
    """The logarithm of how many times as high the odds of chosen answers are as those of rejected ones.

    Equations 4 and 7 of arXiv 2403.07691: log odds = log P - log(1 - P). The loss is -log sigmoid of it.

    Args:
        chosen: [pairs], the mean log probability of the tokens of each chosen answer, in nats, below 0.
        rejected: [pairs], the same of each rejected answer.

    Returns:
        [pairs], in nats.
    """
    return chosen - rejected - (_log1mexp(chosen) - _log1mexp(rejected))


def _log1mexp(value: Tensor) -> Tensor:
    """log(1 - exp(value)) without cancellation; a probability that rounds to 1 counts as the one below it."""
    import torch

    below = value.clamp(max=-torch.finfo(value.dtype).eps)
    return torch.where(below > -math.log(2), (-torch.expm1(below)).log(), torch.log1p(-below.exp()))
