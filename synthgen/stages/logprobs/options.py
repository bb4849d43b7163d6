"""The options of `logprobs`, and what is wrong with them before anybody is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from synthgen.core.config import Unhashed
from synthgen.core.errors import Fault
from synthgen.stages.contract import StageConfig, read_share
from synthgen.stages.distill.options import Config as DistillConfig
from synthgen.teachers.config import TeacherConfig
from synthgen.teachers.make import make_provider
from synthgen.training.completions import Completion
from synthgen.training.objectives.stored_response import option_faults
from synthgen.training.student import student_faults
from synthgen.training.template_check import template_faults
from synthgen.training.tokenizer_options import TokenizerOptions, as_student
from synthgen.training.turns import TURNS_AS_THEY_ARE, Learn

ALL = -1
"""`top_logprobs` for the whole vocabulary."""
MOST_OF_A_REPLY = 20
"""Likeliest tokens that chat APIs tell of a generated one."""


class Config(StageConfig):
    """Who is asked, about which tokens, and how much of each distribution is kept."""

    teacher: Annotated[str, Unhashed()] = Field(
        "", description="a name under `teachers`; the pipeline's teacher where left out"
    )
    tokenizer: TokenizerOptions = Field(
        description="the student's tokenizer and chat template: model (hub id or folder) or from (a stage)"
    )
    top_logprobs: int = Field(
        20,
        ge=-1,
        description=(
            "how many of the likeliest tokens are told at each place; -1 is the whole vocabulary. vLLM gives "
            "more than 20 only if it is started with --max-logprobs"
        ),
    )
    from_reply: bool = Field(
        False,
        description=(
            "ask nobody: take what the replies carry that the rows were made of, where generate asked for "
            "it (teacher: {sampling: {logprobs: true, top_logprobs: 20}}) and the text is the whole reply"
        ),
    )
    completion: Completion = Field(
        "output", description="what the student learns to say, as in the stage that trains it; no multi_task"
    )
    learn: Learn = Field("last", description="the turns of a conversation that are learned, as in sft")
    max_length: int = Field(
        1024, ge=8, description="tokens of prompt and completion together, as in the stage that trains"
    )
    unfit: Literal["drop", "keep"] = Field(
        "drop",
        description=(
            "rows that are cut at max_length, lack the end token or that the chat template changes: drop "
            "them into rejected.jsonl, or keep those that can be, as in the stage that trains"
        ),
    )
    max_failed: Annotated[
        float, BeforeValidator(read_share, json_schema_input_type=float | str), Unhashed()
    ] = Field(
        0.0, ge=0, le=1, description="share of rows that may fail, as 0.01 or 1%; above it the exit code is 4"
    )

    @model_validator(mode="after")
    def _options_fit(self) -> Config:
        if self.top_logprobs == 0:
            raise ValueError("top_logprobs: 0 tells nothing but the text itself; -1 is the whole vocabulary")
        if self.from_reply and not 1 <= self.top_logprobs <= MOST_OF_A_REPLY:
            raise ValueError(
                f"from_reply: replies carry at most {MOST_OF_A_REPLY} of the likeliest tokens; top_logprobs "
                f"is {self.top_logprobs}"
            )
        if self.completion == "multi_task":
            raise ValueError("completion: multi_task belongs to sft; distill learns one completion a row")
        if self.learn != "last" and self.completion not in TURNS_AS_THEY_ARE:
            raise ValueError(
                f"learn: {self.learn} takes turns as they are: it goes with completion: "
                f"{' or '.join(TURNS_AS_THEY_ARE)}"
            )
        return self


def asked_in_vain(config: Config, teachers: Mapping[str, TeacherConfig]) -> list[Fault]:
    """A teacher that cannot say how likely the tokens of a text are, or not as many of them."""
    teacher = None if config.from_reply else teachers.get(config.teacher)
    why = make_provider(teacher).scoring_fault(config.top_logprobs) if teacher is not None else ""
    if not why:
        return []
    advice = (
        "a vLLM server that holds the teacher: provider: vllm; or sft on the texts that this teacher writes"
    )
    return [Fault(why, f"teachers: {config.teacher}" if config.teacher else "teacher", advice)]


def foresees(config: Config, readers: Sequence[StageConfig]) -> list[Fault]:
    """A tokenizer that cannot cut rows, and students that learn other texts or want more than is told."""
    faults: list[Fault] = []
    if config.tokenizer.model is not None:
        student = as_student(config.tokenizer, config.tokenizer.model)
        faults += student_faults(student, "tokenizer") or template_faults(student, config.completion, ())
    for reader in readers:
        if isinstance(reader, DistillConfig) and reader.teacher.logprobs == (config.id or "logprobs"):
            faults += _unlike(config, reader)
    return faults


def _unlike(config: Config, reader: DistillConfig) -> list[Fault]:
    """What a student wants that this stage does not tell."""
    top = None if config.top_logprobs == ALL else config.top_logprobs
    faults = [Fault(fault.what, "distill", fault.next) for fault in option_faults(reader, top)]
    for name in ("completion", "learn"):
        ours, theirs = getattr(config, name), getattr(reader, name)
        if ours != theirs:
            what = f"the teacher is asked about {name}: {ours}, but a student learns {name}: {theirs}"
            faults.append(Fault(what, "distill", f"give both stages the same {name}"))
    return faults
