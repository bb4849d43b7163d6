"""Options of a teacher whose weights are at hand, for a student that learns from more than its texts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from synthgen.core.config import ModelName, Unhashed
from synthgen.core.defaults import changed
from synthgen.training.student_options import Dtype, InitOptions, with_from

_Named: Any = with_from("the student of an earlier stage, <stage id>, or of another run, run:NAME:<stage id>")


OF_OTHERS = ("revision", "dtype", "quantization", "trust_remote_code")
"""Options of a teacher that is not the student."""

OF_FROZEN = ("self", "sees", "dtype", "quantization", "device")
"""Options of a teacher that is not trained."""


class LocalTeacherOptions(_Named):  # type: ignore[misc]  # pydantic makes it
    """Which model teaches: one that exists, an earlier stage's, one that was asked before, or the student."""

    logprobs: Annotated[str | None, Unhashed()] = Field(
        None,
        description=(
            "the stage that asked a remote teacher how likely it holds each token; none is loaded then"
        ),
    )
    self: Literal["start", "averaged"] | None = Field(
        None,
        description=(
            "the student itself: start is a copy of it before this stage trains it (`teacher: self` says the "
            "same), averaged a running mean of its weights; see decay"
        ),
    )
    decay: float = Field(
        0.999,
        gt=0,
        lt=1,
        description="self: averaged: what the mean keeps of itself at each step; the student has the rest",
    )
    sees: Literal["rationale"] | None = Field(
        None,
        description=(
            "what of a row its prompt holds beside the question, and the student's does not: the rationale, "
            "behind the question and a line that says so"
        ),
    )
    model: Annotated[str | None, ModelName()] = Field(
        None, description="hub id or folder of a causal language model with the student's tokenizer"
    )
    revision: str | None = Field(None, description="branch, tag or commit of a hub id")
    init: InitOptions | None = Field(
        None, description="sizes of a small Llama made from scratch, for online: true"
    )
    online: bool = Field(
        False,
        description=(
            "train it at the same time, on the same rows: each learns the other's distribution, too (deep "
            "mutual learning). It is published in the folder teacher, beside model"
        ),
    )
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

    @model_validator(mode="before")
    @classmethod
    def _said_shortly(cls, value: Any) -> Any:
        if isinstance(value, str) and value != "self":
            raise ValueError(
                "write {from: …} for an earlier stage's model, {model: …} for a hub id or a folder, "
                "{logprobs: …} for a stage that asked a remote one, or self"
            )
        return {"self": "start"} if value == "self" else value

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [handler(schema), {"const": "self"}]}

    @model_validator(mode="after")
    def _one_of_four(self) -> LocalTeacherOptions:
        named = (self.model, self.stage, self.logprobs, self.self, self.init)
        if sum(given is not None for given in named) != 1:
            raise ValueError(
                "give one of model (a hub id or folder), from (an earlier stage that trained it), logprobs "
                "(a stage that asked it), self (the student itself) and, with online: true, init (sizes of "
                "one from scratch)"
            )
        if self.self != "averaged" and changed(self, ("decay",)):
            raise ValueError("decay belongs to self: averaged")
        if self.init is not None and not self.online:
            raise ValueError(
                "a teacher from scratch (init) has nothing to teach yet: it goes with online: true"
            )
        if self.init is not None and changed(self.init, ("vocab_size",)):
            raise ValueError(
                "init: {vocab_size: …} belongs to the student: its teacher reads the same tokens"
            )
        if self.self == "averaged" and self.device is not None:
            raise ValueError("device does not go with self: averaged, which is where the student is")
        if self.online and (given := [name for name in OF_FROZEN if getattr(self, name)]):
            raise ValueError(
                f"{given[0]} does not go with online: true: that teacher is trained as its student"
            )
        if self.self is not None and (given := [name for name in OF_OTHERS if getattr(self, name)]):
            raise ValueError(f"{given[0]} belongs to a teacher that is loaded, not to the student's own copy")
        if self.stage is not None and self.revision is not None:
            raise ValueError("revision belongs to model, not to from")
        loaded = ("revision", "dtype", "quantization", "device", "trust_remote_code", "sees", "online")
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
