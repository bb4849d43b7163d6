"""response: the student learns its teacher's distribution over each token of a completion, beside the text.

Soft targets (Hinton et al. 2015, arXiv 1503.02531): where a text says which token came, its teacher says how
likely every other one was. Both models read the same tokens, so they need one tokenizer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from synthgen.core.config import Component
from synthgen.core.errors import ConfigError
from synthgen.training.completions import Completion, Example
from synthgen.training.local_teacher import LocalTeacher, open_teacher
from synthgen.training.objectives.supervised import Supervised, SupervisedConfig
from synthgen.training.teacher_check import shared_vocabulary, teacher_notes
from synthgen.training.turns import Learn, TurnsFault

Divergence = Literal["forward_kl", "reverse_kl", "jsd"]

if TYPE_CHECKING:
    from datasets import Dataset
    from torch.nn import Module

    from synthgen.training.encoding import Encoded
    from synthgen.training.follow import Measure
    from synthgen.training.soft_targets import Comparison
    from synthgen.training.student import Student


class ResponseConfig(Component):
    """Options of `response`."""

    completion: Completion = Field("output", description="what the student learns to say")
    learn: Learn = Field("last", description="the turns of a conversation that are learned")
    divergence: Divergence = Field("forward_kl", description="how the two distributions are compared")
    beta: float = Field(0.5, ge=0, le=1, description="the teacher's share of the mixture of jsd")
    temperature: float = Field(1.0, gt=0, description="what the logits of both are divided by")
    weight: float = Field(
        0.5, gt=0, le=1, description="of the divergence; the text's cross entropy has the rest"
    )
    top_k: int | None = Field(None, ge=1, description="tokens that are compared, beside all others together")


class Response:
    """The teacher's distributions, from its own weights."""

    VERSION: ClassVar[int] = 2
    Config: ClassVar[type[Component]] = ResponseConfig
    TRAINED_WITH: ClassVar[str] = "TRL's SFTTrainer, with soft targets"
    TAGS: ClassVar[tuple[str, ...]] = ("distillation", "trl")
    TASKS: ClassVar[tuple[str, ...]] = ("answer",)
    UNPACKABLE: ClassVar[str] = ""
    REFUSED: ClassVar[frozenset[str]] = frozenset(("loss_type", "label_smoothing_factor", "use_liger_kernel"))
    REFERENCE: ClassVar[bool] = False
    LEARNS_BAD: ClassVar[bool] = False

    def __init__(self, config: ResponseConfig, teacher: LocalTeacher | None = None) -> None:
        self._config, self._teacher = config, teacher
        self._text = Supervised(SupervisedConfig(completion=config.completion, learn=config.learn))
        self._opened: tuple[Any, Comparison] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the teacher's weights: every process that trains loads its own."""
        return {**vars(self), "_opened": None}

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
        """See `contract.Objective`: teacher and student have to read the same tokens."""
        return teacher_notes(
            self._named, student.tokenizer, int(student.model.get_output_embeddings().weight.shape[0]), texts
        )

    def config(self) -> tuple[type[Any], dict[str, Any]]:
        """See `contract.Objective`."""
        return self._text.config()

    def trainer(self) -> Callable[..., Any]:
        """See `contract.Objective`."""
        from synthgen.training.soft_targets import SoftTargetTrainer

        def made(**options: Any) -> SoftTargetTrainer:
            teacher, how = self._open(
                options["model"], len(options["processing_class"]), options["args"].device
            )
            return SoftTargetTrainer(teacher=teacher, how=how, **options)

        return made

    def measure(self, model: Module, rows: Dataset, pad: int, batch_size: int) -> Measure:
        """See `contract.Objective`: the loss as in training, and its two parts."""
        from synthgen.training.follow import Measure
        from synthgen.training.soft_targets import validation_figures

        def figures(now: Module) -> dict[str, float]:
            assert self._opened is not None  # the trainer was made before anything is measured
            return validation_figures(now, *self._opened, rows, pad, batch_size)

        return Measure("validation_loss", False, figures)

    def _open(self, student: Any, tokens: int, device: Any) -> tuple[Any, Comparison]:
        """The teacher's model, and how the student is compared with it."""
        from synthgen.training.soft_targets import Comparison
        from synthgen.training.token_logits import require_known_head

        model, config = open_teacher(self._named, device), self._config
        ours, theirs = (int(one.get_output_embeddings().weight.shape[0]) for one in (student, model))
        vocabulary, _ = shared_vocabulary(ours, theirs, tokens, self._named.name)
        for one, name in ((student, "the student"), (model, self._named.name)):
            require_known_head(one, name)
        how = Comparison(
            config.divergence, config.beta, config.temperature, config.top_k, config.weight, vocabulary
        )
        self._opened = model, how
        return self._opened

    @property
    def _named(self) -> LocalTeacher:
        if self._teacher is None:
            raise ConfigError("response learns from a teacher", next="teacher: {model: …} or {from: …}")
        return self._teacher
