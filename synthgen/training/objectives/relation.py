"""relation: the student's positions learn to stand to each other as its teacher's do, beside the text.

MiniLMv2 (Wang et al. 2021, arXiv 2012.15828) compares relations of queries, keys and values of one layer,
relational knowledge distillation (Park et al. 2019, arXiv 1904.05068) distances and angles of hidden states.
Nothing is projected: as many positions have relations of one shape. Both models read the same tokens, so they
need one tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from synthgen.core.config import Component
from synthgen.training.hidden_options import RelationOptions
from synthgen.training.inside_check import compare_before_loading, relation_layers
from synthgen.training.local_teacher import LocalTeacher, open_teacher
from synthgen.training.objectives.beside_text import BesideText, BesideTextConfig, no_teacher
from synthgen.training.teacher_check import teacher_notes

if TYPE_CHECKING:
    from synthgen.training.knowledge.contract import Knowledge
    from synthgen.training.student import Student


class RelationConfig(BesideTextConfig):
    """Options of `relation`."""

    relation: RelationOptions = Field(RelationOptions(), description="which relations are compared")


class Relation(BesideText):
    """The relations of a teacher's positions, from its own weights."""

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Component]] = RelationConfig
    TRAINED_WITH: ClassVar[str] = "TRL's SFTTrainer, with the relations of a teacher's positions"
    UNPACKABLE: ClassVar[str] = "relations are those of one row's positions"

    def __init__(self, config: RelationConfig, teacher: LocalTeacher | None = None) -> None:
        super().__init__(config)
        self._config, self._teacher = config, teacher

    def undivided(self) -> str:
        """See `contract.Objective`."""
        if self._config.relation.between == "rows":
            return (
                "relation: {between: rows} compares the rows of a batch, all of which one process has to see"
            )
        return ""

    @property
    def options(self) -> RelationOptions:
        """What is compared."""
        return self._config.relation

    def layers(self, student: Any, teacher: Any, name: str) -> tuple[tuple[int, int], int]:
        """The layers of both, and relation heads; see `inside_check.relation_layers`."""
        return relation_layers(student, teacher, name, self._config.relation)

    def meet(self, student: Student, texts: Iterable[str]) -> tuple[str, ...]:
        """See `contract.Objective`: the same tokens, and the layers and modules that are named."""
        notes = teacher_notes(self._named, student.tokenizer, None, texts)
        found = compare_before_loading(student.model, self._named, self.layers)
        if found is None:
            return notes
        (ours, theirs), heads = found
        shown = f"layer {ours} of the student is compared with layer {theirs} of {self._named.name}"
        return (*notes, f"{shown}, by {heads} relation heads" if heads else shown)

    def knowledge(self, student: Any, tokens: int, device: Any, adapters: Any) -> Knowledge:
        """See `BesideText`."""
        from synthgen.training.knowledge.relation import AttentionRelations, HowStates, StateRelations
        from synthgen.training.token_logits import require_known_head

        model, name, options = open_teacher(self._named, device), self._named.name, self._config.relation
        require_known_head(student, "the student")
        layers, heads = self.layers(student, model, name)
        if options.of == "attention":
            return AttentionRelations(model, name, layers, heads, self._config.weight)
        how = HowStates(options.of, options.between, options.points)
        return StateRelations(model, name, layers, how, self._config.weight)

    @property
    def _named(self) -> LocalTeacher:
        if self._teacher is None:
            raise no_teacher("relation")
        return self._teacher
