"""Rows as cards: their fields as texts for people, without what only programs need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthgen.core.rows import Row
from synthgen.reports.differing import marked
from synthgen.reports.report.blocks import Card
from synthgen.reports.report.figures import plain
from synthgen.reports.visible import clipped, visible

SHOWN = 2000
"""How much of one field of a row is shown."""


def row_card(row: Row, title: str = "") -> Card:
    """A row as a card."""
    return Card(title, row_fields(row))


def row_fields(row: Row) -> list[tuple[str, str]]:
    """A row's fields, without those that are empty, and without why it was dropped."""
    return [
        (clipped(str(name), 100), clipped(told(value), SHOWN))
        for name, value in row.items()
        if name != "rejection" and value not in (None, "", [], {})
    ]


def told(value: Any, depth: int = 0) -> str:
    """A value as a person reads it: numbers short, lists and mappings as lines."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int | float):
        return plain(value)
    if isinstance(value, Mapping):
        parts = [(str(name), told(part, depth + 1)) for name, part in value.items()]
        if set(value) >= {"role", "content"}:
            more = [f"{name}: {part}" for name, part in parts if name not in ("role", "content")]
            return "\n".join([f"{value['role']}: {told(value['content'], depth + 1)}", *more])
        return ("\n" if depth == 0 else ", ").join(f"{name}: {part}" for name, part in parts)
    if isinstance(value, list | tuple):
        short = all(isinstance(part, str | int | float) and len(str(part)) < 40 for part in value)
        return (", " if short else "\n").join(told(part, depth + 1) for part in value)
    return str(value)


def compared(one: Row, other: Row, titles: tuple[str, str]) -> list[Card]:
    """Two rows as cards in which the words that differ are marked."""
    mine, theirs = dict(row_fields(one)), dict(row_fields(other))
    for name in mine.keys() & theirs.keys() - {"id", "meta"}:
        mine[name], theirs[name] = marked(visible(mine[name]), visible(theirs[name]))
    return [Card(titles[0], list(mine.items())), Card(titles[1], list(theirs.items()))]
