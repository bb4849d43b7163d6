"""What objectives have in common that learn a row's text and, beside it, what a teacher knows.

What a row teaches, which of its turns are learned and what it lacks is all as in `supervised`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from synthgen.core.config import Component
from synthgen.core.errors import ConfigError
from synthgen.training.chat_tokenizer import ends_of
from synthgen.training.completions import Completion, Example
from synthgen.training.encoding import TEACHER_PROMPT, unaligned
from synthgen.training.loading_check import positions_in
from synthgen.training.objectives.supervised import Supervised, SupervisedConfig
from synthgen.training.own_text_options import OwnText, OwnTextOptions
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
    own_text: OwnTextOptions | None = Field(
        None, description="how the student writes the text that it learns on, where it does"
    )
    sees: Literal["rationale"] | None = Field(None, description="what the teacher's prompt holds beside it")
    own_share: float = Field(1.0, gt=0, le=1, description="the share of steps on text of its own")


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
        self._beside = config
        self._text = Supervised(SupervisedConfig(completion=config.completion, learn=config.learn))
        self._opened: Knowledge | None = None
        self._reads = sys.maxsize  # tokens that the teacher can read, where it reads more than the student

    def __getstate__(self) -> dict[str, Any]:
        """Without the teacher's weights: every process that trains loads its own."""
        return {**vars(self), "_opened": None}

    def knowledge(self, student: Any, tokens: int, device: Any, adapters: Any) -> Knowledge:
        """What is learned beside the text, with the teacher loaded.

        What is drawn here is drawn by the seed alone; a module that is trained with the student is given to
        `attached.attach`.

        Args:
            student: its model, before adapters.
            tokens: how many its tokenizer has.
            device: where it is trained.
            adapters: PEFT's config of its adapters, None where all weights are trained.
        """
        raise NotImplementedError

    def callbacks(self, student: Any) -> list[Any]:
        """What follows each step of the trainer, for the student's model with its knowledge opened."""
        return []

    @property
    def completion(self) -> Completion:
        """See `contract.Objective`."""
        return self._text.completion

    def missing_fields(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """See `contract.Objective`."""
        missing = self._text.missing_fields(row)
        seen = self._beside.sees
        if seen is None or str(row.get(seen) or "").strip() or seen in missing:
            return missing
        return (*missing, seen)

    def turns_fault(self, row: Mapping[str, Any]) -> tuple[TurnsFault, str] | None:
        """See `contract.Objective`."""
        return self._text.turns_fault(row)

    def made_of(self) -> tuple[str, str]:
        """See `contract.Objective`."""
        used_for, needed = self._text.made_of()
        if self._beside.sees is None:
            return used_for, needed
        also = f"sees: {self._beside.sees} needs that, too"
        return f"{used_for}, or its teacher sees", f"{needed}; {also}"

    def examples(self, row: Mapping[str, Any]) -> list[Example | None]:
        """See `contract.Objective`; with the teacher's own prompt where it sees more."""
        examples = self._text.examples(row)
        if self._beside.sees is None:
            return examples
        more = SEEN.format(str(row[self._beside.sees]).strip())
        return [one and {**one, TEACHER_PROMPT: _asked_with(one["prompt"], more)} for one in examples]

    def checked(self, examples: list[Encoded]) -> list[Encoded]:
        """See `contract.Objective`: what a teacher sees has to fit into what it reads."""
        return [self._fitting(one) if TEACHER_PROMPT in one.others else one for one in examples]

    def _fitting(self, example: Encoded) -> Encoded:
        tokens = len(example.others[TEACHER_PROMPT]) + example.learned
        if tokens <= self._reads:
            return example
        detail = f"with what it sees the teacher would read {tokens:,} tokens of at most {self._reads:,}"
        return unaligned(example, detail)

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
        from synthgen.training.attached import seeded
        from synthgen.training.taught_trainer import TaughtTrainer

        def made(**options: Any) -> TaughtTrainer:
            arguments = options["args"]
            with seeded(arguments.seed):
                self._opened = self.knowledge(
                    options["model"],
                    len(options["processing_class"]),
                    arguments.device,
                    options["peft_config"],
                )
            return TaughtTrainer(
                knowledge=self._opened,
                own_text=self._own_text(options),
                callbacks=self.callbacks(options["model"]),
                **options,
            )

        return made

    def _own_text(self, options: Mapping[str, Any]) -> OwnText | None:
        """How the student of a trainer's options writes text, where it does."""
        if self._beside.own_text is None:
            return None
        student, tokenizer, arguments = (options[name] for name in ("model", "processing_class", "args"))
        return OwnText(
            self._beside.own_text,
            share=self._beside.own_share,
            seed=arguments.seed,
            pad=tokenizer.pad_token_id,
            end_ids=ends_of(student.generation_config) | {tokenizer.eos_token_id},
            room=min(arguments.max_length, positions_in(student.config) or arguments.max_length),
            teacher_room=self._reads,
        )

    def measure(self, model: Module, rows: Dataset, pad: int, batch_size: int) -> Measure:
        """See `contract.Objective`: the loss as in training, and its parts."""
        from synthgen.training.follow import Measure
        from synthgen.training.taught_trainer import validation_figures

        def figures(now: Module) -> dict[str, float]:
            assert self._opened is not None  # the trainer was made before anything is measured
            return validation_figures(now, self._opened, rows, pad, batch_size)

        return Measure("validation_loss", False, figures)


SEEN = "\n\nThis is how it is worked out:\n{}"
"""What stands behind the question in the prompt of a teacher that sees a row's rationale."""


def _asked_with(prompt: list[dict[str, str]], more: str) -> list[dict[str, str]]:
    """A prompt with more behind its last question; prompts end with that."""
    last = prompt[-1]
    return [*prompt[:-1], {**last, "content": f"{last['content']}{more}"}]


def no_teacher(objective: str) -> ConfigError:
    """What to raise where an objective was made without the teacher that it learns from."""
    return ConfigError(f"{objective} learns from a teacher", next="teacher: {model: …} or {from: …}")
