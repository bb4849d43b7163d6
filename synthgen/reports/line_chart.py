"""A line chart as static SVG: lines with intervals; the same values give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 56, 170, 16, 48
COLOURS = ("#1f5fa8", "#c4571b", "#2e7d4f", "#7a4fa3", "#8a6d1f", "#5a5a5a")
DASHES = ("", "6 3", "2 3", "8 3 2 3")
TICKS = 5
LONGEST_NAME = 24


class Point(NamedTuple):
    """A value and its interval."""

    x: float
    y: float
    low: float
    high: float


def line_chart(lines: Sequence[tuple[str, Sequence[Point]]], x_label: str, y_label: str) -> str:
    """The chart; values of y are shares and shown as percentages.

    Args:
        lines: name and points of each line, from left to right.
        x_label: what stands under the x axis.
        y_label: what stands over the y axis.

    Returns:
        An `<svg>` element; empty where there is no point.
    """
    points = [point for _, line in lines for point in line]
    if not points:
        return ""
    right = _round_up(max(point.x for point in points))
    lowest, highest = min(point.low for point in points), max(point.high for point in points)
    bottom, top = max(0.0, math.floor(lowest * 10) / 10), min(1.0, math.ceil(highest * 10) / 10)
    if top <= bottom:
        bottom, top = max(0.0, top - 0.1), max(0.1, top)

    def at(x: float, y: float) -> tuple[str, str]:
        across = LEFT + (WIDTH - LEFT - RIGHT) * x / right
        down = TOP + (HEIGHT - TOP - BOTTOM) * (1 - (y - bottom) / (top - bottom))
        return f"{across:.1f}", f"{down:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'style="max-width:{WIDTH}px;width:100%" font-family="sans-serif" font-size="12" fill="#333">',
        f"<title>{escape(y_label)} by {escape(x_label)}</title>",
    ]
    for step in range(TICKS + 1):
        y = bottom + (top - bottom) * step / TICKS
        x = right * step / TICKS
        (x0, y0), (x1, _), (across, floor) = at(0, y), at(right, y), at(x, bottom)
        parts += [
            f'<path d="M{x0} {y0}H{x1}" stroke="#ddd"/>',
            f'<text x="{LEFT - 6}" y="{float(y0) + 4:.1f}" text-anchor="end">{100 * y:.0f}%</text>',
            f'<text x="{across}" y="{float(floor) + 16:.1f}" text-anchor="middle">{_number(x)}</text>',
        ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts += [
        f'<text x="{middle:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>',
        f'<text x="6" y="{TOP - 4}">{escape(y_label)}</text>',
    ]
    for place, (name, line) in enumerate(lines):
        parts += _line(place, name, line, at)
    return "".join([*parts, "</svg>"])


def _line(
    place: int, name: str, line: Sequence[Point], at: Callable[[float, float], tuple[str, str]]
) -> list[str]:
    colour, dash = COLOURS[place % len(COLOURS)], DASHES[place // len(COLOURS) % len(DASHES)]
    style = f'stroke="{colour}" fill="none"' + (f' stroke-dasharray="{dash}"' if dash else "")
    spots = [at(point.x, point.y) for point in line]
    way = "L".join(f"{x} {y}" for x, y in spots)
    parts = [f'<path d="M{way}" stroke-width="2" {style}/>'] if spots else []
    for point, (x, y) in zip(line, spots, strict=True):
        (_, low), (_, high) = at(point.x, point.low), at(point.x, point.high)
        parts += [
            f'<path d="M{x} {low}V{high}" stroke="{colour}"/>',
            f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>',
        ]
    left, height = WIDTH - RIGHT + 12, TOP + 14 + 18 * place
    shown = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
    return [
        *parts,
        f'<path d="M{left} {height - 4}h16" stroke-width="2" {style}/>',
        f'<text x="{left + 22}" y="{height}">{escape(shown)}</text>',
    ]


def _round_up(value: float) -> float:
    """The next 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8 or 10 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    steps = (power * step for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10))
    return next((step for step in steps if step >= value * (1 - 1e-9)), power * 10)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
