"""Texts side by side on a terminal, without anything that it obeys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from synthgen.core.text import printable, width

GAP = " | "
NARROWEST = 16
"""Columns that are narrower are written one under the other."""


def side_by_side(names: Sequence[str], texts: Sequence[str], columns: int = 80) -> str:
    """One column for each text, under its name.

    Args:
        names: the titles.
        texts: what stands under them.
        columns: of the terminal.

    Returns:
        Lines that take at most `columns`.
    """
    share = (columns - len(GAP) * (len(names) - 1)) // max(1, len(names))
    if share < NARROWEST:
        blocks = (
            "\n".join([name, *wrapped(text, columns - 2, "  ")])
            for name, text in zip(names, texts, strict=True)
        )
        return "\n".join(blocks)
    cells = [
        [*wrapped(name, share), "-" * share, *wrapped(text, share)]
        for name, text in zip(names, texts, strict=True)
    ]
    lines = (
        GAP.join(_padded(cell, share) for cell in row).rstrip() for row in zip_longest(*cells, fillvalue="")
    )
    return "\n".join(lines)


def wrapped(text: str, columns: int, indent: str = "") -> list[str]:
    """A text in lines of at most so many columns; words that are longer are cut."""
    lines: list[str] = []
    for paragraph in printable(text).expandtabs(4).split("\n"):
        line = ""
        for word in paragraph.split(" "):
            for piece in _pieces(word, columns):
                joined = f"{line} {piece}" if line else piece
                if line and width(joined) > columns:
                    lines.append(line)
                    joined = piece
                line = joined
        lines.append(line)
    return [indent + line for line in lines]


def _pieces(word: str, columns: int) -> Iterator[str]:
    piece = ""
    for sign in word:
        if piece and width(piece + sign) > columns:
            yield piece
            piece = ""
        piece += sign
    yield piece


def _padded(cell: str, columns: int) -> str:
    return cell + " " * (columns - width(cell))
