"""An SVG that is drawn piece by piece; every text in it is escaped, and its colours follow the page.

Colours are CSS variables with a value of their own behind them, and texts have the page's colour, so a chart
is read on a dark page, too. Coordinates have one decimal: the same values give the same bytes.
"""

from __future__ import annotations

from html import escape
from typing import Literal

from synthgen.reports.visible import visible

COLOURS = ("#1f5fa8", "#c4571b", "#2e7d4f", "#7a4fa3", "#8a6d1f", "#5a5a5a")
"""Of the light page; `page.css` sets --s0 to --s5 for both."""
DASHES = ("", "6 3", "2 3", "8 3 2 3")
GRID = "var(--grid,#8885)"
LETTER = 7.2
"""About how wide a letter is."""
Anchor = Literal["start", "middle", "end"]


def colour(place: int) -> str:
    """The colour of the n-th series."""
    place %= len(COLOURS)
    return f"var(--s{place},{COLOURS[place]})"


def dash(place: int) -> str:
    """The dashes of the n-th series, which tell those apart that share a colour."""
    return DASHES[place // len(COLOURS) % len(DASHES)]


class Canvas:
    """A drawing of a fixed size in units of its own; the page scales it."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
            f'style="max-width:{width:.0f}px;width:100%" font-family="inherit" font-size="12" '
            'fill="currentColor">',
            f"<title>{escape(visible(title))}</title>",
        ]

    def text(self, x: float, y: float, words: str, anchor: Anchor = "start", soft: bool = False) -> None:
        """Writes a text; `anchor` says which of its ends stands at x."""
        place = "" if anchor == "start" else f' text-anchor="{anchor}"'
        faint = ' opacity="0.7"' if soft else ""
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}"{place}{faint}>{escape(visible(words))}</text>')

    def line(self, path: str, stroke: str = GRID, width: float = 1, dashes: str = "") -> None:
        """Draws a path without filling it."""
        how = (f' stroke-width="{width:g}"' if width != 1 else "") + (
            f' stroke-dasharray="{dashes}"' if dashes else ""
        )
        self._parts.append(f'<path d="{path}" fill="none" stroke="{stroke}"{how}/>')

    def bar(self, x: float, y: float, width: float, height: float, fill: str, tip: str = "") -> None:
        """Draws a filled rectangle; `tip` shows where a pointer rests on it."""
        told = f"<title>{escape(visible(tip))}</title></rect>" if tip else ""
        end = f">{told}" if told else "/>"
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" '
            f'fill="{fill}"{end}'
        )

    def dot(self, x: float, y: float, fill: str, radius: float = 3) -> None:
        """Draws a circle."""
        self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{fill}"/>')

    def done(self) -> str:
        """The whole element."""
        return "".join([*self._parts, "</svg>"])
