"""response: the student learns its teacher's distribution over each token of a completion, beside the text.

Soft targets (Hinton et al. 2015, arXiv 1503.02531): where a text says which token came, its teacher says how
likely every other one was. Both models read the same tokens, so they need one tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from synthgen.core.config import Component
from synthgen.training.encoding import TEACHER_PROMPT
from synthgen.training.loading_check import positions_in
from synthgen.training.local_teacher import LocalTeacher, open_teacher
from synthgen.training.objectives.beside_text import BesideText, BesideTextConfig, no_teacher
from synthgen.training.teacher_check import copy_note, known_config, shared_vocabulary, teacher_notes

Divergence = Literal["forward_kl", "reverse_kl", "jsd"]

if TYPE_CHECKING:
    from synthgen.training.knowledge.response import Comparison, ResponseOfModel
    from synthgen.training.student import Student


class ResponseConfig(BesideTextConfig):
    """Options of `response`."""

    divergence: Divergence = Field("forward_kl", description="how the two distributions are compared")
    beta: float = Field(0.5, ge=0, le=1, description="the teacher's share of the mixture of jsd")
    temperature: float = Field(1.0, gt=0, description="what the logits of both are divided by")
    top_k: int | None = Field(None, ge=1, description="tokens that are compared, beside all others together")


def comparison(config: ResponseConfig, vocabulary: int) -> Comparison:
    """How distributions over so many tokens are compared; imports torch."""
    from synthgen.training.knowledge.response import Comparison

    return Comparison(
        config.divergence, config.beta, config.temperature, config.top_k, config.weight, vocabulary
    )


class Response(BesideText):
    """The teacher's distributions, from its own weights."""

    VERSION: ClassVar[int] = 2
    Config: ClassVar[type[Component]] = ResponseConfig
    TRAINED_WITH: ClassVar[str] = "TRL's SFTTrainer, with soft targets"

    def __init__(self, config: ResponseConfig, teacher: LocalTeacher | None = None) -> None:
        super().__init__(config)
        self._config, self._teacher = config, teacher

    def meet(self, student: Student, texts: Iterable[str]) -> tuple[str, ...]:
        """See `contract.Objective`: teacher and student have to read the same tokens."""
        source = self._named.source
        if self._config.sees is not None:
            config = student.model.config if source is None else known_config(self._named)
            self._reads = positions_in(config) or self._reads
        if source is None:
            return (copy_note(student.model, self._named.name),)
        head = student.model.get_output_embeddings()
        return teacher_notes(self._named, student.tokenizer, int(head.weight.shape[0]), texts)

    def knowledge(self, student: Any, tokens: int, device: Any, adapters: Any) -> ResponseOfModel:
        """See `BesideText`."""
        from synthgen.training.attached import attach
        from synthgen.training.knowledge.response import ResponseOfModel
        from synthgen.training.token_logits import require_known_head

        model, config = open_teacher(self._named, device, student), self._config
        ours, theirs = (int(one.get_output_embeddings().weight.shape[0]) for one in (student, model))
        vocabulary, _ = shared_vocabulary(ours, theirs, tokens, self._named.name)
        for one, name in ((student, "the student"), (model, self._named.name)):
            require_known_head(one, name)
        if self._named.decay is not None:
            attach(student, model, adapters)  # checkpoints have to hold it
        how = comparison(config, vocabulary)
        return ResponseOfModel(model, how, (TEACHER_PROMPT,) if config.sees else ())

    def callbacks(self, student: Any) -> list[Any]:
        """See `BesideText`."""
        if self._named.decay is None:
            return []
        from synthgen.training.averaged import Averaging

        return [Averaging(student, self._named.decay)]

    @property
    def _named(self) -> LocalTeacher:
        if self._teacher is None:
            raise no_teacher("response")
        return self._teacher
