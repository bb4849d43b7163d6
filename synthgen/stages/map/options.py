"""Options of `map`."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from synthgen.stages.contract import StageConfig
from synthgen.stages.map.templates import compiled

FIXED = ("id", "meta", "rejection")
"""Fields that stay what they are."""


class Config(StageConfig):
    """From which fields which others are made."""

    solution: str | None = Field(
        None,
        description=(
            "a field with a worked solution (`#### 42`, \\boxed{42}, The answer is 42.): gives `rationale`, "
            "its steps without `<<48/2=24>>`, and `final_answer`"
        ),
    )
    function: str | None = Field(
        None,
        pattern=r"^[\w.]+:[\w.]+$",
        description=(
            "package.module:function, importable from where the command runs; it takes a row and returns "
            "the fields to set, a None to remove one, or None to reject the row"
        ),
    )
    options: dict[str, Any] = Field(default_factory=dict, description="keyword arguments for the function")
    version: int = Field(
        1, description="raise it when the function changes: a change of its code alone reruns nothing"
    )
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="field: its template, in order; each sees the fields made before it",
    )
    drop: tuple[str, ...] = Field((), description="fields to remove, after all others were made")

    @field_validator("fields", mode="after")
    @classmethod
    def _right_templates(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if name in FIXED:
                raise ValueError(f"{name} cannot be made: it says where a row comes from")
            try:
                compiled(text)
            except ValueError as fault:
                raise ValueError(f"{name}: {fault}") from None
        return value

    @model_validator(mode="after")
    def _does_something(self) -> Config:
        if not (self.solution or self.function or self.fields or self.drop):
            raise ValueError("it makes nothing: give fields, solution or function")
        if self.options and not self.function:
            raise ValueError("options are for a function")
        if set(self.drop) & {*FIXED, *self.fields}:
            raise ValueError("drop names a field that is made, or one that every row has")
        return self
