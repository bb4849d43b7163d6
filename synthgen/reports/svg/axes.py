"""Axes of charts: where a value stands between 0 and 1, and which ticks are labelled."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

TICKS = 5
STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
DECADES = 30
"""Below the largest value by more powers of ten than this, a value stands at the edge."""


class Axis(NamedTuple):
    """An axis from `low` to `high`; `logarithmic` ones take values above 0."""

    low: float
    high: float
    ticks: tuple[float, ...]
    label: Callable[[float], str]
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Where a value stands, from 0 to 1; one beyond an end stands there."""
        if self.logarithmic:
            low, high, value = math.log10(self.low), math.log10(self.high), math.log10(max(value, self.low))
        else:
            low, high = self.low, self.high
        return min(1.0, max(0.0, (value - low) / (high - low)))


def share_axis(lowest: float, highest: float) -> Axis:
    """Shares as percentages, from the tenth below to the tenth above."""
    low, high = max(0.0, math.floor(lowest * 10) / 10), min(1.0, math.ceil(highest * 10) / 10)
    if high <= low:
        low, high = max(0.0, high - 0.1), max(0.1, high)
    return Axis(low, high, _even(low, high), lambda value: f"{100 * value:.0f}%")


def count_axis(highest: float) -> Axis:
    """Amounts, from 0 to the next round number."""
    high = round_up(highest)
    return Axis(0.0, high, _even(0.0, high), number)


def difference_axis(lowest: float, highest: float) -> Axis:
    """Differences of shares in points, with 0 on the axis."""
    reach = round_up(max(0.001, -100 * min(lowest, 0.0), 100 * max(highest, 0.0))) / 100
    low, high = (-reach if lowest < 0 else 0.0), (reach if highest > 0 or lowest >= 0 else 0.0)
    return Axis(low, high, _even(low, high, 4), lambda value: f"{100 * value:+.3g}" if value else "0")


def value_axis(values: Sequence[float]) -> Axis:
    """Positive figures such as losses: by powers of ten where they span more than thirty times."""
    above = [value for value in values if value > 0]
    if above and min(values) > 0 and max(above) / min(above) > 30:
        last = math.ceil(math.log10(max(above)))
        first = max(math.floor(math.log10(min(above))), last - DECADES)
        every = max(1, -(-(last - first) // 8))
        ticks = tuple(10.0**power for power in range(first, last + 1, every))
        return Axis(10.0**first, 10.0**last, ticks, lambda value: f"{value:g}", logarithmic=True)
    low, high = min([0.0, *values]), max([0.0, *values])
    low, high = (-round_up(-low) if low < 0 else 0.0), (round_up(high) if high > 0 or low == 0 else 0.0)
    return Axis(low, high, _even(low, high), number)


def round_up(value: float) -> float:
    """The next 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8 or 10 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((power * step for step in STEPS if power * step >= value * (1 - 1e-9)), power * 10)


def number(value: float) -> str:
    """An amount for an axis."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _even(low: float, high: float, steps: int = TICKS) -> tuple[float, ...]:
    return tuple(low + (high - low) * step / steps for step in range(steps + 1))
