"""Answers that are not the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from synthgen.config import Component
from synthgen.filters.contract import Verdict
from synthgen.filters.fields import joined
from synthgen.records import Row

NO_REFERENCE = Verdict(False, note="no reference")


class AnswerMatchConfig(Component):
    """What to do with rows that have no reference."""

    no_reference: Literal["keep", "reject"] = Field("keep", description="rows without a reference: keep (and count) or reject them")


class AnswerMatch:
    """Drops rows whose final answer is not their reference; the value is the answer, the threshold the reference.

    The answer is `final_answer`, or what the reply marks as its answer. Numbers compare by value (1,200 = $1200.00,
    1/2 = 50%), choices by letter, all else by its words.
    """

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Component]] = AnswerMatchConfig

    def __init__(self, config: AnswerMatchConfig) -> None:
        from synthgen.evaluation.answers import answers_equal, extract_answer, gold_answer

        self.config = config
        self._equal, self._extract, self._gold = answers_equal, extract_answer, gold_answer

    def judge(self, rows: Sequence[Row]) -> list[Verdict]:
        """A verdict for each row."""
        return [self._verdict(row) for row in rows]

    def _verdict(self, row: Row) -> Verdict:
        reference = row.get("reference")
        if reference is None or (isinstance(reference, str) and not reference.strip()):
            return NO_REFERENCE if self.config.no_reference == "keep" else Verdict(True, "no reference")
        gold = self._gold(reference)
        answer = row.get("final_answer")
        if answer is None or (isinstance(answer, str) and not answer.strip()):
            answer = self._extract(joined(row, "output"))
        if answer is None:
            return Verdict(True, "no answer", gold)
        return Verdict(not self._equal(str(answer), gold), answer, gold)
