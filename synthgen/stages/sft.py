"""sft: train a student on the rows with TRL's SFT.

Writes `model/` (a Hugging Face checkpoint with its card), `adapter/` beside it for lora, `base/` (the
untrained weights) for a student from scratch, `metrics.jsonl` (the loss curve), and `rejected.jsonl` with
rows that could not be trained on.

`keep: N` leaves models of earlier steps as well, those of the newest N measurements beside the one that
became the model: `checkpoints/step-<step>/`, whole folders as `model/` is, without optimizer state (for lora
merged, with `adapter/` in each). The manifest lists their steps, tokens and measurements. Each takes as much
disk as the model. A finished stage has no earlier weights any more, so giving it `keep` trains it again.
`student: {model: data/runs/NAME/sft/checkpoints/step-200}` trains one further.

`completion` says what a row teaches. `output`: its output, or a conversation's last turn. `answer_only`:
`The answer is X.` `rationale_then_answer`: the rationale, then that. `think_tags`: the rationale, or else
the model's own `reasoning`, between `<think>` and `</think>`, then that (the output, where there is only
reasoning and no final answer). `multi_task`, distilling step-by-step (arXiv 2305.02301): two examples,
`predict: ` and the question, which is answered, and `explain: ` and the question, which is explained.

A step of `multi_task` lowers alpha · mean loss of answers + (1 - alpha) · mean loss of rationales, each
mean over its own tokens of all batches and devices of the step. Evaluate asks such a student with `predict:
` before the question, so it answers without writing a rationale; of a student with `think_tags` it reads
what follows `</think>`, and a reply that was cut before that holds no answer. A row without the fields that
its completion is made of stops the stage, unless `unfit` says otherwise. A row whose `label` is false, which
only `load` with `format: unpaired` keeps, is left out as `not_to_learn`: its answer is a bad one.

The prompt that is trained on is the one that is asked later, token by token; after it the answer is learned
as it was given, up to its end. A row that the chat template refuses is a `template` fault, with the
template's words. `prompt_not_prefix`: the template asks otherwise than it writes; the fault shows where the
two part. `answer_changed`: it cuts the answer or adds to it. If its generation prompt opens a thought, an
answer follows in the way that the template itself writes it, or right after the opening; a thought that it
would cut is learned as it was given.

Of a conversation, `learn` says which answers are learned: the last, all, or those that are marked. They are
one sequence where the template writes earlier turns as they were learned, else one sequence an answer. What a
turn thought (`reasoning`, `reasoning_content`) is learned with `think_tags`; with other completions it is a
fault, `reasoning_left_out`. Turns with tool calls, and contents that are no text, are faults too.

`chat_template` and `chat_template_kwargs` of `student` hold for
training, evaluation and the saved model. A template that writes today's date writes 26 July 2024 instead,
so that a student is asked what it was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, model_validator

from synthgen.core import registry
from synthgen.core.artefacts import Inputs
from synthgen.core.config import resolved
from synthgen.core.errors import Fault
from synthgen.core.text import amount
from synthgen.stages.contract import Context, Need, Outcome, Stage, StageConfig, Whole
from synthgen.stages.training_checks import foreseen_faults, training_faults, training_warnings
from synthgen.stages.training_inputs import refuse_weights, rehearsed, training_needs, training_outcome
from synthgen.training.completions import Completion
from synthgen.training.objectives.contract import Objective, refusal
from synthgen.training.objectives.multi_task import MultiTaskConfig
from synthgen.training.objectives.supervised import SupervisedConfig
from synthgen.training.options import TrainingOptions
from synthgen.training.run import train_student
from synthgen.training.student_options import StudentOptions, needs_lora
from synthgen.training.turns import TURNS_AS_THEY_ARE, Learn


class Config(StageConfig, TrainingOptions):
    """Options of sft."""

    student: StudentOptions = Field(
        description=(
            "the model that is trained: model (hub id or folder), init (from scratch) or from (the student "
            "of an earlier stage)"
        )
    )
    completion: Completion = Field(
        "output",
        description=(
            "what the student learns to say; multi_task: the question after `predict: ` and after "
            "`explain: `, as two tasks; think_tags: the rationale in <think> tags, then the answer"
        ),
    )
    learn: Learn = Field(
        "last",
        description=(
            "the turns of a conversation that are learned: the last answer, all of them, or those that are "
            "marked (weight: 1, train: true); never one with weight: 0 or train: false"
        ),
    )
    multi_task: MultiTaskConfig = Field(
        MultiTaskConfig(), description="how the two tasks of completion: multi_task are weighed"
    )

    @model_validator(mode="after")
    def _options_fit_the_objective(self) -> Config:
        if self.learn != "last" and self.completion not in TURNS_AS_THEY_ARE:
            raise ValueError(
                f"learn: {self.learn} takes turns as they are: it goes with completion: "
                f"{' or '.join(TURNS_AS_THEY_ARE)}"
            )
        if self.method != "lora" and (reason := needs_lora(self.student)):
            raise ValueError(reason)
        if reason := refusal(self.objective, self, f"completion: {self.completion}"):
            raise ValueError(reason)
        refuse_weights(self.input, self.weights)
        return self

    @property
    def objective(self) -> Objective:
        """What is learned of a row, by which loss: multi_task is an objective of its own."""
        objective: Objective
        if self.completion == "multi_task":
            objective = registry.find("objective", "multi_task")(self.multi_task)
        else:
            plain = SupervisedConfig(completion=self.completion, learn=self.learn)
            objective = registry.find("objective", "supervised")(plain)
        return objective


def needs(config: Config) -> dict[str, Need]:
    """Rows to train on, a split's validation part where there is one, and the student it starts from."""
    return training_needs(config.student, config)


def faults(config: Config) -> list[Fault]:
    """What is known to be wrong without looking at the student; see `training_checks`."""
    return training_faults(config.student, config, config.objective)


def foresees(config: Config, readers: Sequence[StageConfig]) -> list[Fault]:
    """What would keep the student from being trained and asked; see `training_checks`."""
    return foreseen_faults(config.student, config, config.objective, config.completion, readers)


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Trains the student; see `training.run.train_student`."""
    trained = train_student(
        inputs["rows"],
        out,
        student=config.student,
        options=config,
        objective=config.objective,
        context=context,
        recorded=resolved(config),
        validation=next((part for part in inputs.get("validation", ()) if part.rows), None),
        start=next(iter(inputs.get("student", ())), None),
        tokenizer=next(iter(inputs.get("tokenizer", ())), None),
    )
    return training_outcome(
        trained,
        f"{context.stage_id}: {trained.base}, {trained.parameters:,} parameters, "
        f"{amount(trained.preflight.kept, 'row')} as {config.completion}; {trained.shown_figures()}",
        student={"completion": config.completion},
    )


STAGE = Stage(
    config=Config,
    version=5,
    writes="model",
    seeded=True,
    needs=needs,
    run=run,
    teaches=lambda config, learned: config.objective,
    rehearsed=rehearsed,
    faults=faults,
    foresees=foresees,
    warnings=lambda config: training_warnings(config.student, config),
    graceful=True,
    see=(
        "Memory, disk and hours: [memory.md](memory.md). Several GPUs, torchrun, FSDP and DeepSpeed: "
        "[devices.md](devices.md)."
    ),
    sharding=Whole("a student is trained on all rows (several GPUs: `processes: N`)"),
    example=(
        "- sft: {student: {init: {hidden_size: 96, layers: 3, heads: 6}}, completion: rationale_then_answer, "
        "epochs: 2, learning_rate: 2.0e-3}"
    ),
)
