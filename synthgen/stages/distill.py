"""distill: train a student on its teacher's token probabilities.

The teacher is a model whose weights are at hand: `teacher: {from: <stage>}`, an earlier stage's student, or
`teacher: {model: …}`, a hub id or a folder. It reads the same rows as the student, which are those that sft
would learn, and says for each token of a completion how likely every token was. The loss is

    (1 - weight) · cross entropy of the text + weight · temperature² · divergence from the teacher

as a mean over the completions' tokens. Both models need one tokenizer: a teacher of another one is refused
with the first difference. Logits that only pad a vocabulary to a round number are cut, which is said.

Writes what sft writes; `metrics.jsonl` has both parts of the loss, too. Everything else is as in sft: full
and lora, packing, several processes, resuming, validation and early stopping. Each process holds a whole
teacher. The loss by which a mixture of experts keeps its experts busy is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, model_validator

from synthgen.core import registry
from synthgen.core.artefacts import Inputs
from synthgen.core.config import resolved
from synthgen.core.defaults import changed
from synthgen.core.errors import Fault
from synthgen.stages.contract import Context, Need, Outcome, Stage, StageConfig, Whole
from synthgen.stages.training_checks import foreseen_faults, training_faults, training_warnings
from synthgen.stages.training_inputs import refuse_weights, rehearsed, training_needs, training_outcome
from synthgen.training.completions import Completion
from synthgen.training.local_teacher import LocalTeacher, local_teacher
from synthgen.training.objectives.contract import Objective, refusal
from synthgen.training.objectives.response import Divergence, Response, ResponseConfig
from synthgen.training.options import TrainingOptions
from synthgen.training.run import train_student
from synthgen.training.start import TEACHER
from synthgen.training.student_options import StudentOptions, needs_lora
from synthgen.training.teacher_check import foreseen_teacher_faults
from synthgen.training.teacher_options import LocalTeacherOptions
from synthgen.training.turns import TURNS_AS_THEY_ARE, Learn


class Config(StageConfig, TrainingOptions):
    """Options of distill."""

    student: StudentOptions = Field(
        description=(
            "the model that is trained: model (hub id or folder), init (from scratch) or from (the student "
            "of an earlier stage)"
        )
    )
    teacher: LocalTeacherOptions = Field(
        description="the model that it learns from: from (an earlier stage's) or model (hub id or folder)"
    )
    divergence: Divergence = Field(
        "forward_kl",
        description=(
            "how the distributions are compared: forward_kl has the student cover all that the teacher might "
            "say, reverse_kl say nothing that the teacher would not; jsd stands between"
        ),
    )
    beta: float = Field(
        0.5, ge=0, le=1, description="jsd: the teacher's share of the mixture; 0 is forward_kl, 1 reverse_kl"
    )
    temperature: float = Field(
        1.0,
        gt=0,
        le=100,
        description="what the logits of both models are divided by: above 1, unlikely tokens count more",
    )
    weight: float = Field(
        0.5, gt=0, le=1, description="of the divergence in the loss; the text's cross entropy has the rest"
    )
    top_k: int | None = Field(
        None,
        ge=1,
        description=(
            "compare the teacher's k likeliest tokens, and all others together as one; the whole vocabulary "
            "where left out"
        ),
    )
    completion: Completion = Field(
        "output", description="what the student learns to say, as in sft; no multi_task"
    )
    learn: Learn = Field("last", description="the turns of a conversation that are learned, as in sft")

    @model_validator(mode="after")
    def _options_fit(self) -> Config:
        if self.completion == "multi_task":
            raise ValueError("completion: multi_task belongs to sft; distill learns one completion a row")
        if self.learn != "last" and self.completion not in TURNS_AS_THEY_ARE:
            raise ValueError(
                f"learn: {self.learn} takes turns as they are: it goes with completion: "
                f"{' or '.join(TURNS_AS_THEY_ARE)}"
            )
        if changed(self, ("beta",)) and self.divergence != "jsd":
            raise ValueError(f"beta belongs to divergence: jsd, not to {self.divergence}")
        if self.method != "lora" and (reason := needs_lora(self.student)):
            raise ValueError(reason)
        if reason := refusal(self.objective(), self, "distill"):
            raise ValueError(reason)
        refuse_weights(self.input, self.weights)
        return self

    def objective(self, teacher: LocalTeacher | None = None) -> Objective:
        """What is learned of a row, by which loss, from which teacher."""
        shared = ("completion", "learn", "divergence", "beta", "temperature", "weight", "top_k")
        kind: type[Response] = registry.find("objective", "response")
        return kind(ResponseConfig(**{name: getattr(self, name) for name in shared}), teacher)


def needs(config: Config) -> dict[str, Need]:
    """Rows to train on, a split's validation part where there is one, the student's start, the teacher."""
    needed = training_needs(config.student, config)
    if config.teacher.stage is not None:
        needed[TEACHER] = Need("model", choose=(config.teacher.stage,), option=f"{TEACHER}.from")
    return needed


def faults(config: Config) -> list[Fault]:
    """What is known to be wrong without looking at the student; see `training_checks`."""
    return training_faults(config.student, config, config.objective())


def foresees(config: Config, readers: Sequence[StageConfig]) -> list[Fault]:
    """What would keep the student from being trained and asked, or this teacher from teaching it."""
    found = foreseen_faults(config.student, config, config.objective(), config.completion, readers)
    return found or foreseen_teacher_faults(config.teacher, config.student)


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Trains the student; see `training.run.train_student`."""
    taught_by = next(iter(inputs.get(TEACHER, ())), None)
    teacher = local_teacher(config.teacher, str(taught_by.file.absolute()) if taught_by is not None else None)
    trained = train_student(
        inputs["rows"],
        out,
        student=config.student,
        options=config,
        objective=config.objective(teacher),
        context=context,
        recorded=resolved(config),
        validation=next((part for part in inputs.get("validation", ()) if part.rows), None),
        start=next(iter(inputs.get("student", ())), None),
    )
    return training_outcome(
        trained,
        f"{context.stage_id}: {trained.base}, {trained.parameters:,} parameters, learned from "
        f"{teacher.name}, {trained.preflight.kept:,} rows as {config.completion}; {trained.shown_figures()}",
        student={"completion": config.completion, "teacher": teacher.name},
    )


def _rehearsed(config: Config) -> Config | None:
    """None where student and teacher are from scratch: of made-up rows each would get its own tokenizer."""
    return None if config.student.init is not None and config.teacher.stage is not None else rehearsed(config)


STAGE = Stage(
    config=Config,
    version=2,
    writes="model",
    seeded=True,
    needs=needs,
    run=run,
    teaches=lambda config, learned: config.objective(),
    rehearsed=_rehearsed,
    faults=faults,
    foresees=foresees,
    warnings=lambda config: training_warnings(config.student, config),
    graceful=True,
    see=(
        "With examples: [distillation.md](distillation.md). Several GPUs, torchrun, FSDP and DeepSpeed: "
        "[devices.md](devices.md)."
    ),
    sharding=Whole("a student is trained on all rows (several GPUs: `processes: N`)"),
    example=(
        "- distill: {student: {init: {hidden_size: 96, layers: 3, heads: 6}}, teacher: {from: "
        "teacher}, weight: 0.5}"
    ),
)
