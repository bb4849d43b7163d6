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

from synthgen.core.artefacts import Inputs
from synthgen.core.config import resolved
from synthgen.core.errors import Fault
from synthgen.stages.contract import Context, Need, Outcome, Stage, StageConfig, Whole
from synthgen.stages.distill.options import Config
from synthgen.stages.training_checks import foreseen_faults, training_faults, training_warnings
from synthgen.stages.training_inputs import rehearsed, training_needs, training_outcome
from synthgen.training.local_teacher import local_teacher
from synthgen.training.run import train_student
from synthgen.training.start import TEACHER
from synthgen.training.teacher_check import foreseen_teacher_faults


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
