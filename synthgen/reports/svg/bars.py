"""Bars from left to right, a name a row: values with whiskers, differences around 0, and stacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from synthgen.reports.svg.axes import Axis, count_axis, difference_axis, share_axis
from synthgen.reports.svg.canvas import LETTER, Canvas, colour
from synthgen.reports.visible import named

WIDTH = 640
RIGHT, TOP = 96, 10
ROW, THICK = 30, 16
LABELS = 36
"""How long the labels beside bars may be."""


class Bar(NamedTuple):
    """A value with its interval, how it is written, and the place of its colour."""

    name: str
    value: float
    low: float
    high: float
    label: str
    colour: int = 0


class Stack(NamedTuple):
    """A row of parts, each with the number of its kind."""

    name: str
    parts: tuple[tuple[int, float], ...]
    label: str


def score_bars(bars: Sequence[Bar], title: str) -> str:
    """Shares from 0 to 1 as bars, their intervals as whiskers; empty where there is none."""
    return _interval_bars(bars, title, share_axis(0.0, 1.0), 0.0)


def difference_bars(bars: Sequence[Bar], title: str) -> str:
    """Differences of shares as dots with whiskers around a line at 0; empty where there is none."""
    if not bars:
        return ""
    axis = difference_axis(min(bar.low for bar in bars), max(bar.high for bar in bars))
    return _interval_bars(bars, title, axis, None)


def amount_bars(bars: Sequence[Bar], title: str, label: Callable[[float], str] | None = None) -> str:
    """Amounts from 0 on; empty where there is none above 0."""
    if not bars or max(bar.value for bar in bars) <= 0:
        return ""
    axis = count_axis(max(bar.high for bar in bars))
    return _interval_bars(bars, title, axis if label is None else axis._replace(label=label), 0.0)


def stacked_bars(stacks: Sequence[Stack], kinds: Sequence[str], title: str) -> str:
    """Parts of each row side by side, with a legend; empty where all are empty."""
    most = max((sum(size for _, size in stack.parts) for stack in stacks), default=0.0)
    if most <= 0:
        return ""
    axis = count_axis(most)
    canvas, at, left, top = _frame([stack.name for stack in stacks], title, axis, legend=True)
    for row, stack in enumerate(stacks):
        middle = top + ROW * row + ROW / 2
        canvas.text(left - 8, middle + 4, named(stack.name, LABELS), "end")
        start = 0.0
        for kind, size in stack.parts:
            x, end = at(start), at(start + size)
            canvas.bar(x, middle - THICK / 2, end - x, THICK, colour(kind), f"{kinds[kind]}: {size:,.0f}")
            start += size
        canvas.text(at(start) + 6, middle + 4, stack.label)
    place = left
    for kind, words in enumerate(kinds):
        if any(part == kind and size for stack in stacks for part, size in stack.parts):
            canvas.bar(place, 2, 12, 12, colour(kind))
            canvas.text(place + 17, 12, words)
            place += 32 + LETTER * len(words)
    return canvas.done()


def _interval_bars(bars: Sequence[Bar], title: str, axis: Axis, start: float | None) -> str:
    if not bars:
        return ""
    canvas, at, left, top = _frame([bar.name for bar in bars], title, axis)
    if start is None:
        canvas.line(f"M{at(0):.1f} {top}V{top + ROW * len(bars)}", "currentColor")
    for row, bar in enumerate(bars):
        middle = top + ROW * row + ROW / 2
        canvas.text(left - 8, middle + 4, named(bar.name, LABELS), "end")
        if start is not None:
            canvas.bar(at(start), middle - THICK / 2, at(bar.value) - at(start), THICK, colour(bar.colour))
        if bar.high > bar.low:
            x0, x1 = at(bar.low), at(bar.high)
            stroke = "currentColor" if start is not None else colour(bar.colour)
            canvas.line(
                f"M{x0:.1f} {middle:.1f}H{x1:.1f}M{x0:.1f} {middle - 5:.1f}v10M{x1:.1f} {middle - 5:.1f}v10",
                stroke,
                1.5 if start is not None else 2,
            )
        if start is None:
            canvas.dot(at(bar.value), middle, colour(bar.colour), 4)
        canvas.text(max(at(bar.value), at(bar.high)) + 6, middle + 4, bar.label)
    return canvas.done()


def _frame(
    names: Sequence[str], title: str, axis: Axis, legend: bool = False
) -> tuple[Canvas, Callable[[float], float], float, float]:
    """A drawing with its axis, where a value stands on it, and the upper left corner of its bars."""
    top = TOP + (20.0 if legend else 0.0)
    height = top + ROW * len(names) + 24
    left = 16 + LETTER * max(len(named(name, LABELS)) for name in names)
    canvas = Canvas(WIDTH, height, title)

    def at(value: float) -> float:
        return left + (WIDTH - left - RIGHT) * axis.at(value)

    for tick in axis.ticks:
        canvas.line(f"M{at(tick):.1f} {top}V{height - 22}")
        canvas.text(at(tick), height - 6, axis.label(tick), "middle", soft=True)
    return canvas, at, left, top
