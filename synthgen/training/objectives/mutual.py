"""mutual: student and teacher are trained at the same time, and each learns the other's distribution, too.

Deep mutual learning (Zhang et al. 2018, arXiv 1706.00384). Both are published.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from synthgen.core.config import Component
from synthgen.core.errors import ConfigError
from synthgen.training.local_teacher import LocalTeacher
from synthgen.training.objectives.beside_text import BesideText, no_teacher
from synthgen.training.objectives.response import ResponseConfig, comparison
from synthgen.training.peer import peer_model, peer_note, peer_of
from synthgen.training.teacher_check import shared_vocabulary, teacher_notes

if TYPE_CHECKING:
    from synthgen.training.knowledge.mutual import Mutual as MutualKnowledge
    from synthgen.training.student import Student

PEER = "teacher"
"""The folder beside `model/` in which the teacher is published."""


class Mutual(BesideText):
    """Two models that teach each other."""

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Component]] = ResponseConfig
    TRAINED_WITH: ClassVar[str] = "TRL's SFTTrainer, with soft targets of a teacher that learned beside it"

    def __init__(self, config: ResponseConfig, teacher: LocalTeacher | None = None) -> None:
        super().__init__(config)
        self._config, self._teacher = config, teacher
        self._peer: Student | None = None

    def __getstate__(self) -> dict[str, Any]:
        """See `BesideText`."""
        return {**super().__getstate__(), "_peer": None}

    def meet(self, student: Student, texts: Iterable[str]) -> tuple[str, ...]:
        """See `contract.Objective`: the teacher is opened, and is published beside the student."""
        head = student.model.get_output_embeddings()
        notes: tuple[str, ...] = ()
        if self._named.source is not None:
            notes = teacher_notes(
                self._named, student.tokenizer, int(head.weight.shape[0]), texts, frozen=False
            )
        self._peer = peer_of(self._named, student)
        student.beside = {PEER: self._peer}
        return (*notes, peer_note(self._peer, self._named.name))

    def knowledge(self, student: Any, tokens: int, device: Any, adapters: Any) -> MutualKnowledge:
        """See `BesideText`."""
        from synthgen.training.attached import attach
        from synthgen.training.knowledge.mutual import Mutual as MutualKnowledge
        from synthgen.training.token_logits import require_known_head

        config, name = self._config, self._named.name
        # Each of several processes opens its own.
        peer = self._peer.model if self._peer is not None else peer_model(self._named, tokens)
        if _alike(student, peer):
            raise ConfigError(
                "teacher and student start with the same weights, and would stay the same",
                name,
                "a teacher of other sizes, or of another seed",
            )
        ours, theirs = (int(one.get_output_embeddings().weight.shape[0]) for one in (student, peer))
        vocabulary, _ = shared_vocabulary(ours, theirs, tokens, name)
        for one, called in ((student, "the student"), (peer, name)):
            require_known_head(one, called)
        attach(student, peer, adapters)
        return MutualKnowledge(comparison(config, vocabulary))

    @property
    def _named(self) -> LocalTeacher:
        if self._teacher is None:
            raise no_teacher("mutual")
        return self._teacher


def _alike(one: Any, other: Any) -> bool:
    """Whether two models have the same weights."""
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(
        value.shape == second[name].shape and bool((value == second[name].to(value.device)).all())
        for name, value in first.items()
    )
