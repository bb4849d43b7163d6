"""Answers that differ from the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from synthgen.core.config import Component
from synthgen.core.rows import Row
from synthgen.filters.contract import Decision
from synthgen.filters.fields import read_field
from synthgen.filters.math_check import MathCheck

NO_REFERENCE = Decision(False, note="no reference")


class AnswerMatchConfig(Component):
    """How answers are compared, and what becomes of rows that have no reference."""

    method: Literal["auto", "math_verify"] = Field(
        "auto",
        description=(
            "auto compares numbers, choices and words; math_verify also compares formulas (x/2 and "
            "\\frac{1}{2}x), which auto cannot, with the package math-verify, and needs the extra curate"
        ),
    )
    seconds: float = Field(
        10.0, gt=0, description="for one comparison by math-verify; after that, the row is rejected"
    )
    no_reference: Literal["keep", "reject"] = Field(
        "keep", description="what becomes of rows without a reference: keep (and count) or reject"
    )


class AnswerMatch:
    """Drops rows whose final answer differs from their reference.

    The value is the answer, and the threshold is the reference; wrong answers and replies without one are
    counted apart. The answer is `final_answer`, or what the
    reply marks as its answer. Numbers compare by value (1,200 = $1200.00, 1/2 = 50%), choices by letter,
    and all else by its words.
    """

    VERSION: ClassVar[int] = 7
    Config: ClassVar[type[Component]] = AnswerMatchConfig
    COMPARES_ANSWERS: ClassVar[bool] = True
    """`validate` says whether answers can be read in the references."""

    def __init__(self, config: AnswerMatchConfig) -> None:
        from synthgen.answers.equality import same_answer
        from synthgen.answers.extract import extract_answer, gold_answer

        self.config = config
        self._same, self._extract, self._reference_answer = same_answer, extract_answer, gold_answer
        self._math = MathCheck(config.seconds) if config.method == "math_verify" else None

    def check(self, rows: Sequence[Row]) -> list[Decision]:
        """A decision for each row."""
        return [self._decide(row) for row in rows]

    def _decide(self, row: Row) -> Decision:
        reference = row.get("reference")
        if reference is None or (isinstance(reference, str) and not reference.strip()):
            return (
                NO_REFERENCE
                if self.config.no_reference == "keep"
                else Decision(True, "no reference", note="no reference")
            )
        if isinstance(reference, list) and reference:
            return self._decide_any(row, reference)
        expected = self._reference_answer(reference)
        answer = row.get("final_answer")
        if answer is None or (isinstance(answer, str) and not answer.strip()):
            answer = self._extract(read_field(row, "output"))
        if answer is None:
            return Decision(True, "no answer", expected, note="no answer")
        same = self._same(str(answer), expected)
        if same is None:
            # Only a computer algebra system can tell whether two formulas are equal.
            same = self._math.same(expected, str(answer)) if self._math is not None else False
        value = answer if same is not None else f"{answer} (math-verify gave up)"
        return Decision(not same, value, expected, note="" if same else "wrong")

    def _decide_any(self, row: Row, references: Sequence[object]) -> Decision:
        """The decision by the first of several accepted references that the answer equals."""
        decisions = [self._decide({**row, "reference": reference}) for reference in references]
        accepted = next((decision for decision in decisions if not decision.reject), None)
        return accepted or decisions[0]._replace(
            threshold=" | ".join(str(each.threshold) for each in decisions)
        )
