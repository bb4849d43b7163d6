"""A histogram with lines at limits."""

from __future__ import annotations

from collections.abc import Sequence

from synthgen.reports.svg.axes import count_axis
from synthgen.reports.svg.canvas import Canvas, colour

WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 60, 24, 34, 44


def histogram(
    bins: Sequence[Sequence[int]], limits: Sequence[tuple[str, float]], x_label: str, y_label: str
) -> str:
    """The chart.

    Args:
        bins: first value, last value and count of each bin, from left to right.
        limits: name and value of each line, such as the most tokens that a student is trained on.
        x_label: what is counted, under the axis.
        y_label: what stands over the counts.

    Returns:
        An `<svg>` element; empty where there is no bin.
    """
    if not bins:
        return ""
    across = count_axis(max([bins[-1][1] + 1, *(value for _, value in limits)]))
    up = count_axis(max(count for _, _, count in bins))
    floor = HEIGHT - BOTTOM

    def right(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * across.at(value)

    def height(value: float) -> float:
        return floor - (floor - TOP) * up.at(value)

    canvas = Canvas(WIDTH, HEIGHT, f"{y_label} by {x_label}")
    for tick in up.ticks:
        canvas.line(f"M{LEFT} {height(tick):.1f}H{WIDTH - RIGHT}")
        canvas.text(LEFT - 6, height(tick) + 4, up.label(tick), "end")
    for tick in across.ticks:
        canvas.text(right(tick), floor + 16, across.label(tick), "middle")
    for low, high, count in bins:
        x, end = right(low), right(high + 1)
        tip = f"{low:,} to {high:,}: {count:,}" if high > low else f"{low:,}: {count:,}"
        canvas.bar(x, height(count), max(end - x - 1, 1), floor - height(count), colour(0), tip)
    for place, (name, value) in enumerate(limits):
        canvas.line(f"M{right(value):.1f} {TOP - 6}V{floor}", colour(place + 1), 2, "5 3")
        words, far = f"{name} {value:,.0f}", right(value) > WIDTH / 2
        canvas.text(right(value) + (-6 if far else 6), TOP - 8 + 14 * place, words, "end" if far else "start")
    canvas.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x_label, "middle")
    canvas.text(6, 12, y_label)
    return canvas.done()
