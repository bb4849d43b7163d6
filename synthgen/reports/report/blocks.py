"""What a section is made of; `page.html.jinja` has a way to draw each.

Texts may be anything, rows of a model too: the page escapes them, and names characters that cannot be seen.
Only what is `Markup` already is taken as it is: charts, and figures from `figures.figure`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup

Level = Literal["note", "warn", "soft"]


@dataclass(frozen=True)
class Lines:
    """Sentences, one a line."""

    lines: Sequence[str]
    level: Level = "note"
    kind: str = field(default="lines", init=False)


@dataclass(frozen=True)
class Table:
    """Rows under a header; the first `text` columns are flush left, columns without any value left out."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: int = 1
    prose: Sequence[str] = ()
    """Further columns that are flush left, by their headers."""
    kind: str = field(default="table", init=False)

    @property
    def shown(self) -> list[int]:
        """The columns in which any row has a value."""
        return [
            column
            for column in range(len(self.header))
            if column == 0 or any(row[column] for row in self.rows)
        ]

    def left(self, column: int) -> bool:
        """Whether a column is flush left."""
        return column < self.text or self.header[column] in self.prose


@dataclass(frozen=True)
class Chart:
    """A picture with what it shows in words; the same figures stand in a table beside or under it."""

    svg: str
    caption: str
    table: Table | None = None
    wide: bool = False
    """Whether it has the page's width, with its table shown; else two stand side by side, tables folded."""
    kind: str = field(default="chart", init=False)

    @property
    def drawing(self) -> Markup:
        """The picture: `svg.canvas` has escaped every text in it."""
        return Markup(self.svg)


@dataclass(frozen=True)
class Tile:
    """A headline figure: what it is, the figure, a word on it, and a line under it."""

    title: str
    figure: str
    under: Sequence[str] = ()
    badge: str = ""


@dataclass(frozen=True)
class Tiles:
    """Headline figures side by side."""

    tiles: Sequence[Tile]
    kind: str = field(default="tiles", init=False)


@dataclass(frozen=True)
class Card:
    """A row, or a text: its title, and its fields by name."""

    title: str
    fields: Sequence[tuple[str, str]]
    mark: Literal["", "right", "wrong"] = ""


@dataclass(frozen=True)
class Cards:
    """Cards side by side, under a line about them."""

    cards: Sequence[Card]
    about: str = ""
    kind: str = field(default="cards", init=False)


@dataclass(frozen=True)
class Facts:
    """Names and values."""

    entries: Sequence[tuple[str, str]]
    kind: str = field(default="facts", init=False)


CONSOLE = 110
"""Columns of what a console prints, on a page that is wide enough for them."""


@dataclass(frozen=True)
class Code:
    """A text in a font of one width: a pipeline file, a prompt, what a console prints."""

    text: str
    kind: str = field(default="code", init=False)


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str
    kind: str = field(default="heading", init=False)


@dataclass(frozen=True)
class Fold:
    """Blocks that are shown when they are unfolded."""

    title: str
    blocks: Sequence[Block]
    kind: str = field(default="fold", init=False)


Block = Lines | Table | Chart | Tiles | Cards | Facts | Code | Heading | Fold
