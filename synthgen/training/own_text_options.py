"""Options of a student that learns on text of its own: whose text is learned, and how it is written."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthgen.core.config import Component

Policy = Literal["offline", "on_policy", "mixed"]


class OwnTextOptions(Component):
    """How a student writes the text that it learns on."""

    max_new_tokens: int = Field(
        256,
        ge=1,
        description=(
            "longest text of its own, in tokens; with its prompt it is cut at max_length. A text that was "
            "cut teaches no end"
        ),
    )
    temperature: float = Field(
        1.0, ge=0, le=100, description="of its sampling; 0 takes the likeliest token each time"
    )
    top_p: float = Field(
        1.0,
        gt=0,
        le=1,
        description="sample from the likeliest tokens alone that have this share together; 1 is all",
    )
    share: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="policy: mixed: the share of steps on text of its own, spread evenly over the training",
    )
