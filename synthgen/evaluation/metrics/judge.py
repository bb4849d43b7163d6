"""judge: a language model grades every model's replies by a rubric (Zheng et al. 2023, arXiv 2306.05685).

Replies are graded as the `score` stage grades rows; scores are scaled to 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import Field

from synthgen.core.config import Component, Unhashed
from synthgen.core.rows import Row
from synthgen.dispatch.contract import Conversation
from synthgen.tasks.contract import Item
from synthgen.tasks.judge import Judge, JudgeConfig
from synthgen.training.prompting import student_prompt


class JudgeMetricConfig(JudgeConfig):
    """The rubric and its form, and who judges."""

    teacher: Annotated[str, Unhashed()] = Field(
        "", description="the judge: a name under `teachers`; the pipeline's teacher where left out"
    )


class JudgeMetric:
    """A judge's grade of each reply, by a rubric.

    A grade is scaled from `low`–`high` to 0–1. A checklist gives the share of yes, a comparison the share of
    the two orders that were won. A blank reply scores 0 and is not shown to the judge. A reply whose grade
    cannot be read is left out and counted.
    """

    VERSION: ClassVar[int] = 5
    Config: ClassVar[type[Component]] = JudgeMetricConfig
    SHARE: ClassVar[bool] = False
    ASKS: ClassVar[bool] = True

    def __init__(self, config: JudgeMetricConfig) -> None:
        self.config = config
        self._judge = Judge(config, 0)

    def conversations(self, rows: Sequence[Row], texts: Sequence[str]) -> Iterator[Conversation[list[Item]]]:
        """One conversation with the judge for each reply."""
        return (
            partial(self._judge.ask, with_answer(row, text)) for row, text in zip(rows, texts, strict=True)
        )

    def grade(self, text: str, items: list[Item] | None) -> float | None:
        """The judge's grade as a number from 0 to 1; None where there is none."""
        if not text.strip():
            return 0.0
        graded = items[0] if items else None
        if not isinstance(graded, dict):
            return None
        grade = graded["meta"]["scores"].get(self.config.name)
        if grade is None:
            return None
        if self.config.kind != "score":
            return float(grade)
        return (float(grade) - self.config.low) / (self.config.high - self.config.low)


def with_answer(row: Row, text: str) -> Row:
    """A test row with a model's reply in the place of the answer."""
    if row.get("messages") and not row.get("instruction"):
        return {**row, "messages": [*student_prompt(row), {"role": "assistant", "content": text}]}
    kept: dict[str, Any] = {
        name: value
        for name, value in row.items()
        if name not in ("output", "rationale", "final_answer", "reasoning", "meta")
    }
    return {**kept, "output": text}
