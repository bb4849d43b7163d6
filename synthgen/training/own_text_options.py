"""Options of a student that learns on text of its own: whose text is learned, and how it is written."""

from __future__ import annotations

import sys
from dataclasses import dataclass
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
    engine: Literal["transformers", "vllm"] = Field(
        "transformers",
        description=(
            "what writes it: transformers, or vLLM in the process that trains, which is faster on a GPU and "
            "has to be installed there"
        ),
    )
    gpu_memory_utilization: float = Field(
        0.3, gt=0, lt=1, description="engine: vllm: the share of the GPU's memory that vLLM takes for itself"
    )
    share: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="policy: mixed: the share of steps on text of its own, spread evenly over the training",
    )


@dataclass(frozen=True)
class OwnText:
    """Whose text each step learns, and how the student writes its own."""

    options: OwnTextOptions
    share: float
    """Of the steps; 1 is all of them."""
    seed: int
    pad: int
    end_ids: frozenset[int]
    """Tokens at which the student stops."""
    room: int
    """Tokens that prompt and text may have together."""
    teacher_room: int = sys.maxsize
    """The same, with the prompt of a teacher that sees more."""

    def due(self, step: int) -> bool:
        """Whether a step, counted from 0, learns the student's own text.

        A whole step does or does not (as in GKD's first algorithm), so that neither accumulation nor the
        number of processes changes whose text is learned. The share is kept exactly, with no luck in it.
        """
        return int((step + 1) * self.share + 1e-9) > int(step * self.share + 1e-9)
