"""A line chart: lines, with intervals where there are any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from synthgen.reports.svg.axes import Axis, count_axis, share_axis
from synthgen.reports.svg.canvas import LETTER, Canvas, colour, dash
from synthgen.reports.visible import named

WIDTH, HEIGHT = 640, 340
"""Of the drawing without its legend, which stands above: a phone shows the left of a drawing first."""
LEFT, RIGHT, TOP, BOTTOM = 60, 24, 26, 48
LEGEND = 18
"""How high a row of the legend is."""
DOTTED = 40
"""Above so many points of a line none is marked."""


class Point(NamedTuple):
    """A value and its interval."""

    x: float
    y: float
    low: float
    high: float


def exact(x: float, y: float) -> Point:
    """A point without an interval."""
    return Point(x, y, y, y)


def line_chart(
    lines: Sequence[tuple[str, Sequence[Point]]],
    x_label: str,
    y_label: str,
    y_axis: Callable[[Sequence[float]], Axis] | None = None,
) -> str:
    """The chart.

    Args:
        lines: name and points of each line, from left to right.
        x_label: what stands under the x axis.
        y_label: what stands over the y axis.
        y_axis: makes the y axis of all ends of intervals; where left out, values are shares.

    Returns:
        An `<svg>` element; empty where there is no point.
    """
    points = [point for _, line in lines for point in line]
    if not points:
        return ""
    ends = [end for point in points for end in (point.y, point.low, point.high)]
    names = list(_legend([name for name, _ in lines]))
    top, whole = TOP + LEGEND * (names[-1][1] + 1), HEIGHT + LEGEND * (names[-1][1] + 1)
    across = count_axis(max(point.x for point in points))
    up = y_axis(ends) if y_axis is not None else share_axis(min(ends), max(ends))

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (WIDTH - LEFT - RIGHT) * across.at(x),
            top + (HEIGHT - TOP - BOTTOM) * (1 - up.at(y)),
        )

    canvas = Canvas(WIDTH, whole, f"{y_label} by {x_label}")
    for tick in up.ticks:
        x0, y0 = at(across.low, tick)
        canvas.line(f"M{x0:.1f} {y0:.1f}H{WIDTH - RIGHT}")
        canvas.text(LEFT - 6, y0 + 4, up.label(tick), "end")
    for tick in across.ticks:
        canvas.text(at(tick, up.low)[0], whole - BOTTOM + 16, across.label(tick), "middle")
    canvas.text((LEFT + WIDTH - RIGHT) / 2, whole - 8, x_label, "middle")
    canvas.text(6, top - 10, y_label)
    for place, ((name, line), (x, row)) in enumerate(zip(lines, names, strict=True)):
        _draw(canvas, place, line, at)
        y = 12 + LEGEND * row
        canvas.line(f"M{x:.1f} {y - 4}h16", colour(place), 2, dash(place))
        canvas.text(x + 22, y, named(name))
    return canvas.done()


def _legend(names: Sequence[str]) -> Iterator[tuple[float, int]]:
    """Where each name of the legend stands: from the left, and in which row."""
    x, row = 6.0, 0
    for name in names:
        room = 22 + LETTER * len(named(name))
        if x > 6 and x + room > WIDTH:
            x, row = 6.0, row + 1
        yield x, row
        x += room + 14


def _draw(
    canvas: Canvas, place: int, line: Sequence[Point], at: Callable[[float, float], tuple[float, float]]
) -> None:
    spots = [at(point.x, point.y) for point in line]
    if spots:
        canvas.line("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in spots), colour(place), 2, dash(place))
    if len(line) > DOTTED:
        return
    for point, (x, y) in zip(line, spots, strict=True):
        if point.high > point.low:
            canvas.line(
                f"M{x:.1f} {at(point.x, point.low)[1]:.1f}V{at(point.x, point.high)[1]:.1f}", colour(place)
            )
        canvas.dot(x, y, colour(place))
