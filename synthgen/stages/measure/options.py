"""The options of `measure`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthgen.stages.contract import StageConfig

Measured = Literal["base", "students", "exported", "teacher"]


class Config(StageConfig):
    """Which models are measured, and how long."""

    models: tuple[Measured, ...] = Field(
        ("base", "students", "exported", "teacher"),
        min_length=1,
        description="exported: variants of export_model; teacher: its price, and its speed if it is a folder",
    )
    questions: int = Field(32, ge=1, description="different test questions that models are asked")
    most: int = Field(64, ge=1, description="the largest batch that is tried; sizes double up to it")
    seconds: float = Field(60.0, gt=0, description="after so many for one model, no larger batch is tried")
    usd_per_hour: float | None = Field(
        None,
        ge=0,
        description="US dollars that this machine costs an hour, for the price of a million answers",
    )
