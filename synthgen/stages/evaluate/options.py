"""The options of `evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field, model_validator

from synthgen.core.config import Component, ManyOf, Unhashed
from synthgen.core.defaults import changed
from synthgen.core.errors import ConfigError, Fault
from synthgen.core.registry import Choice
from synthgen.evaluation.likelihood_options import LikelihoodOptions
from synthgen.evaluation.metrics.contract import NamesJudge
from synthgen.evaluation.metrics.exact_match import ExactMatch, ExactMatchConfig
from synthgen.evaluation.panel.harness import require_program
from synthgen.evaluation.teacher import Drawn
from synthgen.evaluation.through import Through, read_through
from synthgen.stages.contract import StageConfig, read_share
from synthgen.stages.evaluate.pairwise import PairwiseOptions
from synthgen.stages.evaluate.panel_options import Panel

Share = Annotated[float, BeforeValidator(read_share, json_schema_input_type=float | str)]


class VerdictOptions(Component):
    """When a student may replace its teacher."""

    metric: str | None = Field(
        None, description="one of `metrics` that students are held to; the first where left out"
    )
    margin: Share = Field(
        0.03,
        ge=0,
        lt=1,
        description="by how much a student's score may be below its teacher's, as 0.03 or 3%",
    )
    confidence: Share = Field(
        0.95, ge=0.5, lt=1, description="how often the interval holds the true difference, as 0.95 or 95%"
    )
    teacher_least: Share | None = Field(
        None,
        ge=0,
        le=1,
        description=(
            "the score below which a teacher is too weak to be learned from; 0.5 where left out, for "
            "metrics of right and wrong only"
        ),
    )


OF_LOCAL = ("through", "noise_floor", "likelihood")
"""Options that are about models other than the teacher."""
ROLES = ("base", "student", "students", "teacher")


class Config(StageConfig):
    """Who is asked, how answers are decoded and scored, and what a leak means."""

    models: tuple[str, ...] = Field(
        ("base", "students", "teacher"),
        min_length=1,
        description=(
            "base, students (all that were trained before), teacher, the ids of stages that train, or "
            "ID.teacher: the teacher that distill trained beside its student (online: true)"
        ),
    )
    metrics: Annotated[tuple[Choice, ...], ManyOf("metric")] = Field(
        (Choice("metric", "exact_match", ExactMatchConfig(), ExactMatch.VERSION),),
        min_length=1,
        description="what answers are held to",
    )
    reference: str = Field("reference", description="the field with the right answer")
    system: str | None = Field(
        None,
        description=(
            "a system turn for all models alike, such as how to mark the answer; rows that have one of "
            "their own keep it"
        ),
    )
    decoding: Literal["greedy", "sampled"] = Field(
        "greedy",
        description=(
            "greedy: the likeliest token each time; sampled: several answers to each question, a score is "
            "their mean, with pass@k and majority@k beside it"
        ),
    )
    samples: int = Field(8, ge=2, le=256, description="answers to each question; for decoding: sampled")
    temperature: float = Field(
        0.8, gt=0, le=2, description="of the sampling, for all models; for decoding: sampled"
    )
    top_p: float = Field(
        1.0, gt=0, le=1, description="the share of likely tokens that is drawn from; for decoding: sampled"
    )
    max_new_tokens: int = Field(
        512,
        ge=1,
        description=(
            "tokens that an answer may have; the teacher may have as many as its own max_tokens if that "
            "is more"
        ),
    )
    through: Annotated[
        Through | None,
        BeforeValidator(
            read_through, json_schema_input_type=Literal["transformers", "vllm"] | Through | None
        ),
    ] = Field(
        None,
        description=(
            "what students and bases answer through: transformers, in this process; vllm, a server that is "
            "started for one after the other; or {base_url: …}, a server that holds them already"
        ),
    )
    batch_size: int = Field(64, ge=1, description="questions a local model answers at a time")
    noise_floor: int = Field(
        0,
        ge=0,
        description=(
            "rows that students and bases are asked again, one by one or with other seeds: by how much the "
            "same model's score moves. 50 show much; 0 asks none"
        ),
    )
    threads: int | None = Field(
        None,
        ge=1,
        description=(
            "CPU threads of a local model; where left out one for a small model, the machine's cores for "
            "a large one"
        ),
    )
    teacher: Annotated[str, Unhashed()] = Field(
        "", description="a name under `teachers`; the pipeline's teacher where left out"
    )
    max_failed: Annotated[
        float, BeforeValidator(read_share, json_schema_input_type=float | str), Unhashed()
    ] = Field(
        0.0,
        ge=0,
        le=1,
        description=(
            "share of questions to which the teacher may give no answer, as 0.01 or 1%; above it the "
            "exit code is 4"
        ),
    )
    near_duplicate_threshold: float | None = Field(
        None,
        ge=0,
        lt=1,
        description=(
            "ROUGE-L above which a training question counts as near a test question; where left out that "
            "of the pipeline's own dedup"
        ),
    )
    by: tuple[str, ...] = Field(
        (),
        description=(
            "fields whose values cut the test rows into slices with scores of their own, such as meta.topic; "
            "length: the question's, in three parts"
        ),
    )
    pairwise: PairwiseOptions | None = Field(
        None, description="has a judge compare each student's answers with those of base and teacher"
    )
    likelihood: LikelihoodOptions | None = Field(
        None,
        description=(
            "measure how likely students and bases find held-out texts, and how far from a teacher they "
            "are: {} for the test rows' own outputs, or {rows: …, teacher: …}"
        ),
    )
    verdict: VerdictOptions = Field(VerdictOptions(), description="when a student may replace its teacher")
    panel: Panel = Field(
        None,
        description=(
            "true, or options: students and bases are asked a panel of general questions, and a student that "
            "forgot what its base could do is not to be deployed"
        ),
    )
    on_leak: Literal["fail", "exclude", "warn"] = Field(
        "fail",
        description=(
            "test questions that were trained on: fail (a score over them is worth nothing), exclude "
            "them, or warn in the table"
        ),
    )

    @model_validator(mode="after")
    def _options_fit(self) -> Config:
        given = changed(self, ("samples", "temperature", "top_p"))
        if self.decoding == "greedy" and given:
            raise ValueError(f"{given[0]} belongs to decoding: sampled")
        if set(self.models) == {"teacher"} and (given := changed(self, OF_LOCAL)):
            raise ValueError(f"{given[0]} is about students and bases, and models names neither")
        named = self.verdict.metric
        if self.through is not None and (given := changed(self, ("batch_size", "threads"))):
            raise ValueError(f"{given[0]} belongs to through: transformers; a server batches by itself")
        if named is not None and named not in (known := [choice.name for choice in self.metrics]):
            raise ValueError(f"verdict: metric {named!r} is none of metrics: {', '.join(known)}")
        if self.pairwise is not None:
            self._pairs_exist(self.pairwise)
        return self

    def _pairs_exist(self, pairwise: PairwiseOptions) -> None:
        """What `against` names has to be asked; with `students`, the pipeline knows the stages."""
        every = any(name in ("student", "students") for name in self.models)
        if not every and all(name in ("base", "teacher") for name in self.models):
            raise ValueError("pairwise compares students, and models has none")
        if "against" not in pairwise.model_fields_set:
            if not set(self.models) & set(pairwise.against):
                raise ValueError(
                    "pairwise has nobody to compare students with: put base or teacher into `models`, or "
                    "name another student: against: [STAGE_ID]"
                )
            return
        for name in pairwise.against:
            if name in self.models or (every and name not in ROLES):
                continue
            raise ValueError(f"pairwise: against {name!r} is none of models: {', '.join(self.models)}")


def drawn_by(config: Config) -> Drawn:
    """How every model's answers are drawn."""
    if config.decoding == "greedy":
        return Drawn()
    return Drawn(config.samples, config.temperature, config.top_p)


def unasking(config: Config) -> Config | None:
    """The options without the teacher and judges; None where local models are not asked.

    Questions that were trained on are told and not refused.
    """
    models = tuple(name for name in config.models if name != "teacher")
    metrics = tuple(choice for choice in config.metrics if not choice.load().ASKS)
    if not models:
        return None
    # Without metrics only the replies count.
    return config.model_copy(
        update={
            **{"models": models, "metrics": metrics, "on_leak": "warn", "pairwise": None, "panel": None},
            **{"through": None, "noise_floor": 0, "likelihood": None},
        }
    )


def judging_choices(config: Config) -> tuple[Choice, ...]:
    """The metrics that ask a judge, as the pipeline file chose them."""
    return tuple(choice for choice in config.metrics if choice.load().ASKS)


def judge_of(choice: Choice) -> str:
    """Whom a metric asks: a name under `teachers`, or "" for the pipeline's teacher."""
    return str(cast(NamesJudge, choice.options).teacher)


def asked_by(config: Config) -> tuple[str, ...]:
    """The teacher and the judges that are asked, each once."""
    teacher = (config.teacher,) if "teacher" in config.models else ()
    judges = [judge_of(choice) for choice in judging_choices(config)]
    judges += [config.pairwise.judge] if config.pairwise is not None else []
    return tuple(dict.fromkeys([*teacher, *judges]))


def foresees(config: Config, readers: Sequence[StageConfig]) -> list[Fault]:
    """An lm_eval or a model to compare with that is not fit, before hours are spent on a student."""
    found: list[Fault] = []
    if config.panel is not None and config.panel.lm_eval is not None:
        try:
            require_program(config.panel.lm_eval.command)
        except ConfigError as fault:
            found += fault.faults
    if config.likelihood is not None and config.likelihood.teacher is not None:
        from synthgen.training.teacher_check import foreseen_kind_faults

        found += foreseen_kind_faults(config.likelihood.teacher.loaded())
    return found
