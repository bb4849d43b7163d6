"""What is measured on held-out texts: how likely models find them, and how far from a teacher they are."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from synthgen.core.config import Component, ModelName, Unhashed
from synthgen.core.refusals import first_reason
from synthgen.training.completions import TWO_TEXTS, Completion
from synthgen.training.student_options import Dtype, with_from
from synthgen.training.teacher_options import LocalTeacherOptions

_Named: Any = with_from("an earlier stage's model, <stage id>, or another run's, run:NAME:<stage id>")


class ComparedTeacher(_Named):  # type: ignore[misc]  # pydantic makes it
    """Whose distributions models are compared with."""

    logprobs: Annotated[str | None, Unhashed()] = Field(
        None, description="the stage that asked a remote teacher how likely it holds each token"
    )
    model: Annotated[str | None, ModelName()] = Field(
        None, description="hub id or folder of a causal language model with the students' tokenizer"
    )
    revision: str | None = Field(None, description="branch, tag or commit of a hub id")
    dtype: Dtype | None = Field(
        None,
        description="number format of its weights; bfloat16 on a GPU and float32 on a CPU where left out",
    )
    device: str | None = Field(
        None, description="where it computes, such as cuda:1 or cpu; where the model does if left out"
    )
    trust_remote_code: bool = Field(
        False, description="run Python code that comes with the model; only for authors whom you trust"
    )

    @model_validator(mode="after")
    def _one_of_three(self) -> ComparedTeacher:
        if sum(given is not None for given in (self.logprobs, self.model, self.stage)) != 1:
            raise ValueError(
                "give one of model (a hub id or folder), from (an earlier stage that trained it) and "
                "logprobs (a stage that asked it)"
            )
        try:
            self.loaded()
        except ValidationError as fault:
            raise ValueError(first_reason(fault)) from None
        return self

    def loaded(self) -> LocalTeacherOptions:
        """As a training has it, which refuses what does not go together."""
        loaded: LocalTeacherOptions = LocalTeacherOptions.model_validate(self.model_dump())
        return loaded

    @property
    def stage(self) -> str | None:
        """The stage whose model it is, as a reference; None for any other."""
        value: str | None = getattr(self, "from")
        return value


class LikelihoodOptions(Component):
    """Which texts, and the teacher whose distributions are compared."""

    rows: Annotated[str | None, Unhashed()] = Field(
        None,
        description="the stage (or part) whose rows hold the texts, none of them trained on; the test rows "
        "where left out",
    )
    completion: Completion | None = Field(
        None, description="what a model says of a row, as in sft; where left out, what all students learned"
    )
    max_length: int = Field(
        1024, ge=8, description="tokens of prompt and completion together; longer rows are left out"
    )
    teacher: ComparedTeacher | None = Field(
        None,
        description=(
            "from whom the Kullback-Leibler divergence is measured, token by token: model, from (a stage) or "
            "logprobs (a stage that asked a remote teacher about these texts)"
        ),
    )

    @model_validator(mode="after")
    def _options_fit(self) -> LikelihoodOptions:
        if self.completion in TWO_TEXTS:
            raise ValueError(
                f"completion: {self.completion} holds two texts a row; name the one, as answer_only"
            )
        return self
