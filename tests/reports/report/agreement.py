"""Holds every figure of a report to the place that it names: `status --json`, or a JSON file of the run.

The text is read back as a number, and compared within what its rounding hides.
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

UNITS = {"s": 1, "min": 60, "h": 3600}
DERIVED = {"of its rows", "kept of all", "estimated"}
DERIVED |= {"loss at the end", "first", "last", "lowest", "highest"}
"""Columns of numbers that are made of others in the page, of an estimate, or of a training's log."""


class Figures(HTMLParser):
    """Every `<data>` of a page, and the cells of numbers that have none, by section and column."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, float, list[str]]] = []
        self.bare: list[tuple[str, str, str]] = []
        self._section, self._text, self._inside = "", "", ""
        self._data: dict[str, Any] = {}
        self._header: list[str] = []
        self._column, self._cell, self._sourced = -1, False, False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "section":
            self._section = given["id"] or ""
        elif tag == "data":
            self._data, self._text = dict(given), ""
        elif tag == "thead":
            self._header = []
        elif tag == "th":
            self._header.append("")
        elif tag == "tr":
            self._column = -1
        elif tag == "td":
            self._column += 1
            self._cell, self._sourced, self._inside = given.get("class") == "n", False, ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "data":
            self.found.append((self._text, float(self._data["value"]), self._data["data-of"].split()))
            self._sourced = True
        elif tag == "td":
            if self._cell and not self._sourced and re.search(r"\d", self._inside):
                self.bare.append((self._section, self._header[self._column], self._inside))
            self._cell = False

    def handle_data(self, data: str) -> None:
        self._text += data
        if self._cell:
            self._inside += data
        elif self._header and self._column < 0:
            self._header[-1] += data.strip()


def check_figures(page: str, run: Path, status: dict[str, Any]) -> int:
    """Compares all of a page's figures with their sources; returns how many there were."""
    status = {**status, "stages": {stage["stage"]: stage for stage in status["stages"]}}
    figures = Figures(page)
    for text, value, sources in figures.found:
        true = sum(_looked_up(source, run, status) for source in sources)
        assert value == pytest.approx(true, rel=1e-9, abs=1e-12), (text, sources)
        low, high = _read(text)
        assert low <= true <= high, f"{text} is not {true} of {sources}"
    bare = [
        cell
        for cell in figures.bare
        if cell[0] in ("scores", "funnel", "cost", "training") and cell[1] not in DERIVED
    ]
    assert not bare, f"figures that name no source: {bare}"
    return len(figures.found)


def _looked_up(source: str, run: Path, status: dict[str, Any]) -> float:
    file, _, way = source.partition("#")
    found: Any = status if file == "status" else json.loads((run / unquote(file)).read_bytes())
    for step in way.split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        found = found[int(name)] if isinstance(found, list) else found[name]
    return float(sum(found.values()) if isinstance(found, dict) else found)


def _read(text: str) -> tuple[float, float]:
    """The least and the largest number that may be written so."""
    plain = text.replace(",", "")
    if hours := re.fullmatch(r"(\d+) h (\d\d) min", plain):
        seconds = 3600 * int(hours[1]) + 60 * int(hours[2])
        return seconds, seconds + 60
    match = re.fullmatch(r"(\$?)([+-]?[\d.]+(?:e[+-]?\d+)?)\s*(%|s|min|MB|[kMG]B)?", plain)
    assert match, f"no figure: {text!r}"
    dollar, digits, unit = match.groups()
    value = float(digits)
    places = len(digits.partition(".")[2])
    half = 0.5000001 * 10.0**-places
    if unit == "%":
        return (value - half) / 100, (value + half) / 100
    if unit in UNITS:
        return (value - half) * UNITS[unit], (value + half) * UNITS[unit]
    if unit == "MB":
        return (value - half) * 1e6, (value + half) * 1e6
    if not dollar and digits[0] in "+-" and places == 1:  # points
        return (value - half) / 100, (value + half) / 100
    return value - half, value + half
