"""Options of a teacher whose weights are at hand, for a student that learns from more than its texts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from synthgen.core.config import ModelName, Unhashed
from synthgen.core.defaults import changed
from synthgen.training.student_options import Dtype, with_from

_Named: Any = with_from("the student of an earlier stage, <stage id>, or of another run, run:NAME:<stage id>")


class LocalTeacherOptions(_Named):  # type: ignore[misc]  # pydantic makes it
    """Which model teaches: one that exists, an earlier stage's student, or one that was asked before."""

    logprobs: Annotated[str | None, Unhashed()] = Field(
        None,
        description=(
            "the stage that asked a remote teacher how likely it holds each token; none is loaded then"
        ),
    )
    model: Annotated[str | None, ModelName()] = Field(
        None, description="hub id or folder of a causal language model with the student's tokenizer"
    )
    revision: str | None = Field(None, description="branch, tag or commit of a hub id")
    dtype: Dtype | None = Field(
        None,
        description="number format of its weights; bfloat16 on a GPU and float32 on a CPU where left out",
    )
    quantization: Literal["4bit", "8bit"] | None = Field(
        None, description="hold its weights in 4 or 8 bits; needs bitsandbytes"
    )
    device: str | None = Field(
        None, description="where it computes, such as cuda:1 or cpu; where the student does if left out"
    )
    trust_remote_code: bool = Field(
        False, description="run Python code that comes with the model; only for authors whom you trust"
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> LocalTeacherOptions:
        if sum(one is not None for one in (self.model, self.stage, self.logprobs)) != 1:
            raise ValueError(
                "give one of model (a hub id or folder), from (an earlier stage that trained it) and "
                "logprobs (a stage that asked it)"
            )
        if self.stage is not None and self.revision is not None:
            raise ValueError("revision belongs to model, not to from")
        loaded = ("revision", "dtype", "quantization", "device", "trust_remote_code")
        if self.logprobs is not None and (given := changed(self, loaded)):
            raise ValueError(f"{' and '.join(given)}: for a teacher that is loaded, not for logprobs")
        if self.quantization is not None and self.dtype is not None:
            raise ValueError("quantization holds weights in its own format; leave dtype out")
        return self

    @property
    def stage(self) -> str | None:
        """The stage whose student teaches, as a reference; None for any other model."""
        value: str | None = getattr(self, "from")
        return value
