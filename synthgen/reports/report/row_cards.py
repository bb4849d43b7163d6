"""Rows as cards: their fields as texts for people, without what only programs need."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from synthgen.core.rows import Row
from synthgen.reports.report.blocks import Card
from synthgen.reports.report.figures import plain
from synthgen.reports.visible import clipped, visible

SHOWN = 2000
"""How much of one field of a row is shown."""
WORDS = 1500
"""Texts of more words are not compared word by word."""
_WORD = re.compile(r"\s+|\w+|[^\w\s]")


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
        mine[name], theirs[name] = marked(mine[name], theirs[name])
    return [Card(titles[0], list(mine.items())), Card(titles[1], list(theirs.items()))]


def marked(one: str, other: str) -> tuple[str, str]:
    """Two texts with the words marked that the other does not have in this place."""
    before, after = _WORD.findall(one), _WORD.findall(other)
    if one == other or max(len(before), len(after)) > WORDS:
        return one, other
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    mine: list[Markup] = []
    theirs: list[Markup] = []
    for what, start, end, from_, to in matcher.get_opcodes():
        mine.append(_part(before[start:end], what != "equal"))
        theirs.append(_part(after[from_:to], what != "equal"))
    return Markup("").join(mine), Markup("").join(theirs)


def _part(words: Sequence[str], differs: bool) -> Markup:
    text = escape(visible("".join(words)))
    return Markup("<mark>{}</mark>").format(text) if differs and text.strip() else text
