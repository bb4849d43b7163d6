"""feature: the student's hidden states learn to tell its teacher's, beside the text.

FitNets (Romero et al. 2015, arXiv 1412.6550) and TinyBERT (Jiao et al. 2020, arXiv 1909.10351): a linear
projection of each mapped layer, trained with the student, makes up for other widths. Both models read the
same tokens, so they need one tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from synthgen.core.config import Component
from synthgen.training.hidden_options import FeatureOptions
from synthgen.training.inside_check import compare_before_loading, feature_layers
from synthgen.training.local_teacher import LocalTeacher, open_teacher
from synthgen.training.objectives.beside_text import BesideText, BesideTextConfig, no_teacher
from synthgen.training.teacher_check import teacher_notes

if TYPE_CHECKING:
    from synthgen.training.knowledge.feature import FeatureOfModel
    from synthgen.training.student import Student


class FeatureConfig(BesideTextConfig):
    """Options of `feature`."""

    feature: FeatureOptions = Field(FeatureOptions(), description="which states are compared, and how")


class Feature(BesideText):
    """The teacher's hidden states, from its own weights."""

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Component]] = FeatureConfig
    TRAINED_WITH: ClassVar[str] = "TRL's SFTTrainer, with a teacher's hidden states"

    def __init__(self, config: FeatureConfig, teacher: LocalTeacher | None = None) -> None:
        super().__init__(config)
        self._config, self._teacher = config, teacher

    @property
    def options(self) -> FeatureOptions:
        """What is compared."""
        return self._config.feature

    def layers(self, student: Any, teacher: Any, name: str) -> dict[int, int]:
        """Layers of a student's model -> of a teacher's; see `inside_check.feature_layers`."""
        return feature_layers(student, teacher, name, self._config.feature)

    def meet(self, student: Student, texts: Iterable[str]) -> tuple[str, ...]:
        """See `contract.Objective`: the same tokens, and the layers that are named."""
        notes = teacher_notes(self._named, student.tokenizer, None, texts)
        layers = compare_before_loading(student.model, self._named, self.layers)
        if layers is None:
            return notes
        shown = ", ".join(f"{ours} with {theirs}" for ours, theirs in layers.items())
        return (*notes, f"layers of the student, and of {self._named.name}, that are compared: {shown}")

    def knowledge(self, student: Any, tokens: int, device: Any, adapters: Any) -> FeatureOfModel:
        """See `BesideText`."""
        from synthgen.training.attached import attach
        from synthgen.training.knowledge.feature import FeatureOfModel, Projections
        from synthgen.training.model_parts import width_of
        from synthgen.training.token_logits import require_known_head

        model, config = open_teacher(self._named, device), self._config
        require_known_head(student, "the student")
        layers = self.layers(student, model, self._named.name)
        widths = width_of(student.config), width_of(model.config)
        attach(student, Projections(layers, *widths), adapters)
        return FeatureOfModel(model, self._named.name, layers, config.feature.loss, config.weight)

    @property
    def _named(self) -> LocalTeacher:
        if self._teacher is None:
            raise no_teacher("feature")
        return self._teacher
