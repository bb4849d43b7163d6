"""prefer: train a student to prefer good answers to bad ones.

By DPO, ORPO or KTO. Reads pairs (`prompt`, `chosen`, `rejected`), as generate's task `preferences` makes them
and load reads them. `loss: kto` also takes single answers: rows with an output and a `label`, good and bad
ones. load keeps the bad answers of a source with `format: unpaired`, and sets them aside of any other. The
student starts from an earlier stage, `student: {from: …}`, or from a model that answers already. That start
is what the loss compares with: for full training a copy of it is kept in memory, for lora it is the model
without adapters. `loss: orpo` needs no start to compare with: chosen answers are learned as by sft, and made
likelier than rejected ones by the ratio of their odds.

Writes what sft writes. The same checks run before training: a row that lacks an answer, or that the chat
template refuses, and a pair whose two answers are the same tokens (`same_answers`) are faults; `unfit`
applies. The prompt is the one that the student is asked with later.

Some rows are measured and not trained on: those of a split's validation part if they are such rows, and
otherwise the share `held_out`; rows that ask the same stay together. For these the manifest and the table
have, at the start and at the end: the mean log probability of chosen and rejected answers, the share of
pairs whose chosen answer is likelier (`prefers_chosen`), the share whose chosen answer gained more than the
rejected one (`reward_accuracy`, the win rate against the start), and by how much (`reward_margin`; times
`beta`, for orpo in nats). All losses have these figures: the start is measured before the first step.
`pipelines/prefer.yaml`, on the pairs of two builtin teachers:

    268 rows held out   start     end  95% interval
    chosen logprob     -6.348  -5.201             –
    rejected logprob   -7.724  -9.522             –
    prefers chosen      74.3%   76.1%     70.7–80.8
    reward accuracy     50.0%   71.6%     66.0–76.7
    reward margin       0.000   0.295             –

Its evaluate then finds 20.0% of 300 test answers right, 12.7% before: 7.3 points more (2.4 to 12.4). With
`loss: orpo` in place of `sigmoid` and `sft_weight: 1`, the reward accuracy is 85.8% (81.1 to 89.5), and 35.7%
are right, 23.0 points more (16.8 to 29.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from synthgen.core import registry
from synthgen.core.artefacts import Artefact, Inputs
from synthgen.core.config import resolved
from synthgen.core.defaults import changed
from synthgen.core.errors import ConfigError, Fault
from synthgen.core.text import amount, percent, table
from synthgen.evaluation.intervals import wilson
from synthgen.stages.contract import Context, Need, Outcome, Stage, StageConfig, Whole
from synthgen.stages.training_checks import foreseen_faults, training_faults, training_warnings
from synthgen.stages.training_inputs import refuse_weights, rehearsed, training_needs, training_outcome
from synthgen.store.jsonl import read_rows
from synthgen.training.completions import Completion
from synthgen.training.objectives.contract import Objective, refusal
from synthgen.training.objectives.odds_ratio import OddsLoss, OddsRatioConfig
from synthgen.training.objectives.preference import PairLoss, PreferenceConfig
from synthgen.training.objectives.unpaired import UnpairedConfig, UnpairedLoss
from synthgen.training.options import TrainingOptions
from synthgen.training.run import TrainedStudent, train_student
from synthgen.training.start import completion_of
from synthgen.training.student_options import StudentOptions, needs_lora

Loss = Literal[PairLoss, OddsLoss, UnpairedLoss]
SHARES = ("prefers_chosen", "reward_accuracy")


class Config(StageConfig, TrainingOptions):
    """Options of prefer."""

    student: StudentOptions = Field(
        description="the model that is trained: from (the student of an earlier stage) or model"
    )
    loss: Loss = Field(
        "sigmoid",
        description=(
            "sigmoid is DPO's own, orpo needs no start to compare with, kto learns from single answers; the "
            "rest as TRL has them"
        ),
    )
    beta: float = Field(
        0.1,
        gt=0,
        description=(
            "how dear it is to move away from the start; for ipo its tau, for orpo what the odds weigh "
            "beside the cross entropy of chosen answers"
        ),
    )
    label_smoothing: float = Field(
        0.0,
        ge=0,
        lt=0.5,
        description="share of pairs taken to be the wrong way; for robust, exo_pair, aot and aot_unpaired",
    )
    sft_weight: float = Field(
        0.0,
        ge=0,
        description=(
            "weight of the chosen answer's own cross entropy, added so that it does not become less likely; "
            "for pairs"
        ),
    )
    label: str = Field(
        "label", description="kto: the field that says whether a row's output is good (true, 1, good)"
    )
    good_weight: float = Field(1.0, ge=0, description="kto: what the loss of a good answer weighs")
    bad_weight: float = Field(1.0, ge=0, description="kto: what the loss of a bad answer weighs")
    held_out: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="share of the rows that are measured and not trained on, without validation rows for it",
    )
    epochs: float = Field(
        1.0, gt=0, description="times that every row is seen; may be a part of one, such as 0.5"
    )
    learning_rate: float | None = Field(
        None, gt=0, description="peak; where left out 1e-6 for full and 1e-5 for lora"
    )

    @model_validator(mode="after")
    def _options_fit_the_loss(self) -> Config:
        if self.student.init is not None:
            raise ValueError(
                "a student from scratch has no answers to choose among; train it with sft first, and say "
                "student: {from: <that stage>}"
            )
        single = ("label", "good_weight", "bad_weight")
        foreign = () if self.unpaired else single
        if self.unpaired or self.loss in get_args(OddsLoss):
            foreign = (*foreign, "label_smoothing", "sft_weight")
        if given := changed(self, foreign):
            raise ValueError(f"{', '.join(given)} cannot be used with loss: {self.loss}")
        least = 2 * (self.processes or 1)
        if self.unpaired and self.batch_size < least:
            raise ValueError(
                f"loss: {self.loss} takes the mean of a batch for how far the student has moved; batch_size "
                f"must be {least} or more, 2 for each process"
            )
        if self.method != "lora" and (reason := needs_lora(self.student)):
            raise ValueError(reason)
        if reason := refusal(self.objective_for("output"), self, f"loss: {self.loss}"):
            raise ValueError(reason)
        refuse_weights(self.input, self.weights)
        return self

    @property
    def unpaired(self) -> bool:
        """Whether single answers are learned from."""
        return self.loss in get_args(UnpairedLoss)

    @property
    def peak_rate(self) -> float:
        """The learning rate at the end of warm-up, a twentieth of sft's where left out."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 1e-5 if self.method == "lora" else 1e-6

    def objective_for(self, completion: Completion) -> Objective:
        """What is learned of a row, by which loss; the student is asked as its completions want it."""
        common: dict[str, Any] = {"loss": self.loss, "beta": self.beta, "completion": completion}
        objective: Objective
        if self.unpaired:
            weights = {"good_weight": self.good_weight, "bad_weight": self.bad_weight}
            unpaired = UnpairedConfig(**common, **weights, label=self.label)
            objective = registry.find("objective", "unpaired")(unpaired)
        elif self.loss in get_args(OddsLoss):
            objective = registry.find("objective", "odds_ratio")(OddsRatioConfig(**common))
        else:
            pairs = PreferenceConfig(
                **common, label_smoothing=self.label_smoothing, sft_weight=self.sft_weight
            )
            objective = registry.find("objective", "preference")(pairs)
        return objective


def needs(config: Config) -> dict[str, Need]:
    """Preference rows, a split's validation part where there is one, and the student it starts from."""
    return training_needs(config.student, config)


def faults(config: Config) -> list[Fault]:
    """What is known to be wrong without looking at the student; see `training_checks`."""
    return training_faults(config.student, config, config.objective_for("output"))


def foresees(config: Config, readers: Sequence[StageConfig]) -> list[Fault]:
    """What would keep the student from being trained and asked; see `training_checks`."""
    return foreseen_faults(config.student, config, config.objective_for("output"), "output", readers)


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Trains the student; see `training.run.train_student`."""
    start = next(iter(inputs.get("student", ())), None)
    completion: Any = completion_of(start) if start is not None else "output"
    objective = config.objective_for(completion)
    validation = next((part for part in inputs.get("validation", ()) if _carries(part, objective)), None)
    if config.unpaired:
        _require_both(inputs["rows"], objective, config)
    trained = train_student(
        inputs["rows"],
        out,
        student=config.student,
        options=config,
        objective=objective,
        context=context,
        recorded=resolved(config),
        validation=validation,
        start=start,
        held_out=0.0 if validation is not None else config.held_out,
    )
    measured = _with_intervals(trained, validation)
    return training_outcome(
        trained,
        _table(context.stage_id, config, trained, measured),
        student={"completion": completion, "loss": config.loss},
        extra={"held_out": measured} if measured else None,
    )


def _require_both(inputs: Sequence[Artefact], objective: Objective, config: Config) -> None:
    """Refuses single answers of which all are good, or all bad: nothing would be compared with them."""
    rows, given = 0, dict.fromkeys(objective.TASKS, 0)
    for row in (row for one in inputs for row in read_rows(one.file)):
        if objective.missing_fields(row):
            continue
        rows += 1
        for name, example in zip(objective.TASKS, objective.examples(row), strict=True):
            given[name] += example is not None
        if all(given.values()):
            return
    lacking = [name for name, examples in given.items() if not examples]
    if rows:
        raise ConfigError(
            f"loss: {config.loss} learns from good and bad answers, and none of {rows:,} rows has a "
            f"{lacking[0]} one",
            ", ".join(str(one.file) for one in inputs),
            f"give rows whose `{config.label}` is {'false' if 'bad' in lacking else 'true'}"
            + (
                "; load sets them aside as not_to_learn unless its source says format: unpaired"
                if "bad" in lacking
                else ""
            ),
        )


def _carries(part: Artefact, objective: Objective) -> bool:
    """Whether a validation part holds rows that can be learned from, all of them."""
    return part.rows > 0 and not any(objective.missing_fields(row) for row in read_rows(part.file))


def _with_intervals(trained: TrainedStudent, validation: Artefact | None) -> dict[str, Any]:
    """The figures of the rows that were measured, shares of pairs with Wilson's interval."""
    if not trained.held_out:
        return {}
    rows = trained.mixture.held_out if validation is None else validation.rows
    measured: dict[str, Any] = {"rows": rows, **trained.held_out}
    paired = "prefers_chosen" in trained.held_out["end"]
    for name in SHARES if paired else ():
        share = wilson(round(trained.held_out["end"][name] * rows), rows)
        measured[f"{name}_interval"] = share.plain()
    return measured


def _table(stage: str, config: Config, trained: TrainedStudent, measured: dict[str, Any]) -> str:
    head = (
        f"{stage}: {trained.base}, {trained.parameters:,} parameters, {amount(trained.mixture.shown, 'row')} "
        f"an epoch by loss {config.loss}; steps {trained.figures['steps']:,}"
    )
    if not measured:
        return (
            f"{head}\nno rows were held out, so nothing is measured (held_out, or a validation part of pairs)"
        )
    lines = []
    for name, end in measured["end"].items():
        shown = percent if name in SHARES else "{:.3f}".format
        before = measured["start"].get(name)
        ends = measured.get(f"{name}_interval")
        interval = f"{100 * ends[0]:.1f}–{100 * ends[1]:.1f}" if ends else "–"
        lines.append([name.replace("_", " "), "–" if before is None else shown(before), shown(end), interval])
    header = [f"{amount(measured['rows'], 'row')} held out", "start", "end", "95% interval"]
    return "\n".join([head, "", table(header, lines)])


STAGE = Stage(
    config=Config,
    version=2,
    writes="model",
    seeded=True,
    needs=needs,
    run=run,
    teaches=Config.objective_for,
    rehearsed=rehearsed,
    faults=faults,
    foresees=foresees,
    warnings=lambda config: training_warnings(config.student, config),
    graceful=True,
    sharding=Whole("a student is trained on all rows (several GPUs: `processes: N`)"),
    example="- prefer: {input: pairs, student: {from: sft}, method: lora, beta: 0.1}",
    see=(
        "Reviewed pairs and labels are read by load: [data.md](data.md). Several GPUs, torchrun, FSDP and "
        "DeepSpeed: [devices.md](devices.md)."
    ),
)
