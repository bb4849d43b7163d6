"""The options of `export_model`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from synthgen.stages.contract import StageConfig, read_share
from synthgen.training.gguf import CONVERTER, Stored
from synthgen.training.variants import Variant

Share = Annotated[float, BeforeValidator(read_share, json_schema_input_type=float | str)]


class Config(StageConfig):
    """The variants that are written, and what they are held to."""

    variants: tuple[Variant, ...] = Field(
        ("merged", "int8", "int4"),
        min_length=1,
        description=(
            "merged: the student's files as they are; bfloat16: two bytes a weight; int8, int4: quantised "
            "by torchao; gguf: a file for llama.cpp"
        ),
    )
    group_size: int = Field(
        32, ge=2, description="for int4: how many weights share a scale; fewer lose less and take more bytes"
    )
    gguf: Stored = Field("q8_0", description="for gguf: how weights are stored")
    converter: str = Field(
        CONVERTER, min_length=1, description="for gguf: the command of llama.cpp's convert_hf_to_gguf"
    )
    margin: Share | None = Field(
        None,
        ge=0,
        lt=1,
        description="by how much a variant may be below the student, as 1%; evaluate's where left out",
    )
    confidence: Share | None = Field(
        None, ge=0.5, lt=1, description="how sure a verdict has to be; evaluate's where left out"
    )

    @field_validator("variants")
    @classmethod
    def _once(cls, value: tuple[Variant, ...]) -> tuple[Variant, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a variant is named twice")
        return value
