"""Figures of a report: written for people, and each with the place that it comes from.

`<data value="0.984" data-of="evaluate/metrics.json#/models/student/exact_match/value">98.4%</data>` names a
file and a JSON pointer (RFC 6901) into it; `status` stands for what `synthgen status --json` prints, with
stages by their ids. Of a sum all parts are named, or the mapping that holds them. So a script, or a test, can
hold the page to its sources.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from synthgen.core.text import dollars, duration, percent, points
from synthgen.reports.run_folder import PublishedStage
from synthgen.reports.visible import visible

Source = Sequence[str | int]
"""A file (or `status`), then the way into it."""


def figure(value: float | None, form: Callable[[Any], str], *sources: Source) -> str:
    """A figure as it is written, with the places it comes from, if any; "" where there is no figure."""
    if value is None or not math.isfinite(value):
        return ""
    if not sources:
        return form(value)
    of = " ".join(pointer(source) for source in sources)
    return Markup('<data value="{}" data-of="{}">{}</data>').format(f"{value!r}", of, form(value))


def pointer(source: Source) -> str:
    """A place as text: the file, `#`, and a JSON pointer, percent-encoded as in a URL."""
    file, *way = source
    return f"{_part(file)}#" + "".join(
        f"/{_part(str(step).replace('~', '~0').replace('/', '~1'))}" for step in way
    )


def _part(text: object) -> str:
    return quote(str(text), safe="/~", errors="surrogatepass")


def count(value: float | None, *sources: Source) -> str:
    """A number of rows, tokens or requests."""
    return figure(value, lambda number: f"{number:,.0f}", *sources)


def share(value: float | None, *sources: Source) -> str:
    """A share from 0 to 1, as a percentage."""
    return figure(value, percent, *sources)


def apart(value: float | None, *sources: Source) -> str:
    """A difference of shares, in points."""
    return figure(value, points, *sources)


def money(value: float | None, *sources: Source) -> str:
    """Dollars."""
    return figure(value, dollars, *sources)


def time(value: float | None, *sources: Source) -> str:
    """Seconds."""
    return figure(value, duration, *sources)


def nats(value: float | None, *sources: Source) -> str:
    """A likelihood or a divergence."""
    return figure(value, lambda number: f"{number:.4f}", *sources)


def memory(stage: PublishedStage) -> str:
    """The most memory that a stage took."""
    taken = stage.manifest.peak_memory_bytes or None
    return figure(
        taken, lambda size: f"{size / 1e6:,.0f} MB", [f"{stage.id}/manifest.json", "peak_memory_bytes"]
    )


def interval(measured: Mapping[str, Any], form: Callable[..., str], *source: str | int) -> str:
    """Both ends of a figure's interval: `97.4% to 99.0%`; an end that is not known is `any`."""
    low, high = measured["interval"]
    ends = [form(end, [*source, "interval", place]) or Markup("any") for place, end in enumerate((low, high))]
    return Markup("{} to {}").format(*ends)


def joined(parts: Sequence[str], between: str = ", ") -> Markup:
    """Texts and figures as one text."""
    return Markup(escape(between)).join(part if isinstance(part, Markup) else visible(part) for part in parts)


def plain(value: float) -> str:
    """A number as a person writes it: `0.963`, `12,000`, `1e-05`."""
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:,.3f}".rstrip("0") if abs(value) >= 0.001 else f"{value:.3g}"
