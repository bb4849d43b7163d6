"""Options of what a student learns from the inside of its teacher."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from synthgen.core.config import Component
from synthgen.core.defaults import changed
from synthgen.training.layer_map import COUNTED

LayerMap = dict[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]

OF_STATES = ("between", "points")
"""Options of distances and angles."""


class FeatureOptions(Component):
    """Which hidden states are compared, and how."""

    loss: Literal["mse", "cosine"] = Field(
        "mse",
        description=(
            "mse: the mean square of the difference; cosine: 1 minus the cosine of the angle. States are "
            "compared at unit scale, so that teachers of any size give losses of one size"
        ),
    )
    layers: Literal["even", "last"] | LayerMap = Field(
        "even",
        description=(
            "{student's layer: teacher's layer}, or even (each block of the student with the one at the same "
            f"share of the teacher's, and the embeddings), or last (the last block of both); {COUNTED}"
        ),
    )

    @model_validator(mode="after")
    def _some_layer(self) -> FeatureOptions:
        if not self.layers:
            raise ValueError("layers names no layer: {student's layer: teacher's layer}, even or last")
        return self


class RelationOptions(Component):
    """Which relations are compared, and of which layer."""

    of: Literal["attention", "distance", "angle", "both"] = Field(
        "attention",
        description=(
            "attention: how each learned position's query, key and value stand to those before it; distance "
            "and angle (both: the two): how hidden states lie to each other"
        ),
    )
    layer: Literal["last"] | LayerMap = Field(
        "last",
        description=f"last (block of both), or {{student's layer: teacher's layer}}; {COUNTED}",
    )
    heads: int | None = Field(
        None,
        ge=1,
        description=(
            "attention: parts that queries, keys and values are cut into, whatever heads each model has; the "
            "largest number up to the teacher's heads that divides all of them where left out"
        ),
    )
    between: Literal["tokens", "rows"] = Field(
        "tokens",
        description=(
            "distance, angle: the learned tokens of a row, or the rows of a batch (the mean of each); rows "
            "go with one batch a step in one process, on which this loss depends"
        ),
    )
    points: int = Field(
        64,
        ge=3,
        le=512,
        description=(
            "distance, angle: tokens (or rows) that are compared with each other; of more, these many at "
            "even steps. Memory of angles grows with the third power of it"
        ),
    )

    @model_validator(mode="after")
    def _fit(self) -> RelationOptions:
        if isinstance(self.layer, dict) and len(self.layer) != 1:
            raise ValueError("layer is one pair, {student's layer: teacher's layer}, or last")
        if self.of == "attention" and (given := changed(self, OF_STATES)):
            raise ValueError(f"{' and '.join(given)} belong to of: distance, angle or both, not to attention")
        if self.of != "attention" and self.heads is not None:
            raise ValueError(f"heads belongs to of: attention, not to {self.of}")
        return self
