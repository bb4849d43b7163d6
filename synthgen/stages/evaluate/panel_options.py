"""The options of the regression panel."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from synthgen.core.config import Component, InputFile, Unhashed
from synthgen.evaluation.panel.items import PARTS, PartName
from synthgen.stages.contract import read_share

Share = Annotated[float, BeforeValidator(read_share, json_schema_input_type=float | str)]


class HarnessOptions(Component):
    """Tasks of lm-evaluation-harness that base and students are asked, too."""

    tasks: tuple[str, ...] = Field(min_length=1, description="names of its tasks")
    include_path: Annotated[str | None, InputFile()] = Field(
        None, description="a folder with tasks of one's own, as YAML files; their data may lie there, too"
    )
    limit: int | None = Field(None, ge=1, description="documents of each task; all where left out")
    command: Annotated[str, Unhashed()] = Field(
        "lm_eval", description="how the program is started, which may live in another environment"
    )
    batch_size: int = Field(16, ge=1, description="documents that it asks at a time")


class PanelOptions(Component):
    """Which parts of the panel are asked, and what counts as forgotten."""

    parts: tuple[PartName, ...] = Field(
        PARTS, description="which of its own parts are asked; none with [], beside lm_eval"
    )
    margin: Share = Field(
        0.03,
        ge=0,
        lt=1,
        description="by how much a student may fall below its base in a part, as 0.03 or 3%",
    )
    confidence: Share = Field(
        0.95,
        ge=0.5,
        lt=1,
        description="how often the intervals of all parts hold the true differences, as 0.95 or 95%",
    )
    lm_eval: HarnessOptions | None = Field(
        None, description="tasks of lm-evaluation-harness beside the panel's own questions"
    )
    max_new_tokens: int = Field(200, ge=1, description="tokens that a reply to the panel may have")

    @model_validator(mode="after")
    def _something_is_asked(self) -> PanelOptions:
        if not self.parts and self.lm_eval is None:
            raise ValueError("panel: with no parts and no lm_eval nothing is asked; leave panel out")
        return self


def read_panel(value: Any) -> Any:
    """`panel: true` for all its defaults, `false` for none."""
    return ({} if value else None) if isinstance(value, bool) else value


Panel = Annotated[
    PanelOptions | None, BeforeValidator(read_panel, json_schema_input_type=bool | PanelOptions | None)
]
