"""numeric: whether the final answer is a number as near to the reference as is asked for."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar

from pydantic import Field

from synthgen.answers.extract import gold_answer
from synthgen.answers.quantities import Quantity, read_quantity, same_quantity
from synthgen.answers.units import agree
from synthgen.answers.values import strip_marks
from synthgen.core.config import Component


class NumericConfig(Component):
    """Options of `numeric`."""

    tolerance: float = Field(
        0.0, ge=0, lt=1, description="by which share of the reference an answer may be off, as 0.01"
    )


class Numeric:
    """1 where the final answer is a number within the tolerance, else 0; units that differ are converted."""

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Component]] = NumericConfig
    SHARE: ClassVar[bool] = True
    ASKS: ClassVar[bool] = False
    COMPARES_ANSWERS: ClassVar[bool] = True

    def __init__(self, config: NumericConfig) -> None:
        self._tolerance = Fraction(str(config.tolerance))

    def score(self, text: str, parsed: str | None, reference: Any) -> float:
        """1.0 for a number near enough to the reference, or to one of several."""
        if isinstance(reference, list) and reference:
            return max(self.score(text, parsed, each) for each in reference)
        if parsed is None:
            return 0.0
        mine = read_quantity(strip_marks(parsed))
        expected = read_quantity(strip_marks(gold_answer(reference)))
        if mine is None or expected is None:
            return 0.0
        return float(same_quantity(mine, expected) or self._near(mine, expected))

    def _near(self, mine: Quantity, expected: Quantity) -> bool:
        if not agree(mine.unit, expected.unit):
            return False
        same_kind = mine.unit.dimensions == expected.unit.dimensions
        one, other = (
            quantity.value * (quantity.unit.size if same_kind else 1) for quantity in (mine, expected)
        )
        return abs(one - other) <= self._tolerance * abs(other)
