"""Text for people: tables, lines that fit, and one formatter for each kind of figure."""

from __future__ import annotations

import math
import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

_OBEYED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ODD = re.compile(r"[^\n\x20-\x7e]")
_ASCII_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


COLUMNS = 80
"""Of text whose reader's terminal is not known: what is piped, or kept in a file."""
UNLIMITED = 10**6
"""Columns of a page that is no terminal."""
_NARROWEST = 40
_SHORT = 16  # a text up to here is not wrapped as long as a table can be divided
_GAP = "  "
_GAPS = re.compile(r"(?<=\S) {2,}(?=\S)")
_WORD = re.compile(r"\s*(?:`[^`]{1,60}`\S*|\S+)")


def terminal_columns(stream: int = 1) -> int:
    """As many columns as COLUMNS says, or the terminal on that stream has; 80 where there is neither."""
    said = os.environ.get("COLUMNS", "")
    try:
        columns = int(said) if said.isdecimal() and int(said) else os.get_terminal_size(stream).columns
    except OSError:
        columns = 0
    return max(_NARROWEST, columns or COLUMNS)


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: int = 1,
    *,
    columns: int = COLUMNS,
    breaks: Collection[int] = (),
    prose: bool = False,
) -> str:
    """Rows under a header, columns two spaces apart.

    A table that is too wide wraps its header, then its texts; if that is not enough, it becomes several
    tables under one another, and figures with a space wrap where even one is too wide. Only a word that is
    too long by itself makes a line longer than `columns`. Control characters in cells become spaces; wide
    characters count as two.

    Args:
        header: the titles.
        rows: the cells.
        left: so many first columns are flush left and stand in every part of a divided table; the others
            are flush right.
        columns: how wide it may be.
        breaks: before which columns it may be divided; before any where left out.
        prose: the last column is text, flush left.
    """
    cells = [[_clean(cell) for cell in row] for row in (header, *rows)]
    texts = {*range(left), *([len(header) - 1] if prose else [])}
    return "\n\n".join(
        "\n".join(_drawn([[row[column] for column in part] for row in cells], part, texts, columns))
        for part in _parts(cells, left, texts, columns, breaks)
    )


def wrapped(text: str, columns: int) -> str:
    """A text whose lines are at most so wide, as far as its words allow.

    What does not fit on a line stands two columns further in; where the line itself has columns, under its
    last one. A command between backticks stays in one piece.
    """
    return "\n".join(part for line in text.split("\n") for part in _wrapped_line(line, columns))


def amount(number: int, noun: str, many: str = "") -> str:
    """A number with its noun: `1 row`, `1,204 rows`; `many` where an s at the end is not enough."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def dollars(value: float) -> str:
    """An amount: dollars and cents, under a cent two significant digits."""
    if value >= 1e9:
        return f"${value:.3g}"
    return f"${value:.{1 - math.floor(math.log10(value))}f}" if 0 < value < 0.01 else f"${value:,.2f}"


def duration(seconds: float) -> str:
    """Seconds as people say them: `40 s`, `14 min`, `2 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours} h {rest // 60:02d} min"


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage; `n/a` where there is none."""
    return "n/a" if value is None else f"{100 * value:.{digits}f}%"


def points(value: float | None) -> str:
    """A difference of two shares in percentage points, with its sign."""
    return "n/a" if value is None else f"{100 * value:+.1f}"


def shortened(text: str, limit: int = 80) -> str:
    """A text on one line, at most `limit` characters long."""
    line = " ".join(_clean(text[: 4 * limit]).split())
    return line if len(line) <= limit and len(text) <= 4 * limit else line[: limit - 1] + "…"


def path_word(path: str | Path) -> str:
    """A path as a word of a command line, which is no option though it begins with a dash."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def printable(text: str) -> str:
    """A text with its lines and tabs, but nothing else that a terminal obeys.

    Control characters, marks of direction and halves of surrogate pairs become spaces.
    """
    if text.isascii() and not _ASCII_CONTROL.search(text):
        return text
    return "\n".join("\t".join(map(_clean, line.split("\t"))) for line in text.split("\n"))


def printable_json(text: str) -> str:
    """A JSON text whose strings hold such characters as escapes only, so that it means the same."""
    return _ODD.sub(
        lambda sign: sign[0] if _shown(sign[0]) else "".join(f"\\u{unit:04x}" for unit in _units(sign[0])),
        text,
    )


def width(text: str) -> int:
    """The columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )


def _parts(
    cells: Sequence[Sequence[str]], left: int, texts: Collection[int], columns: int, breaks: Collection[int]
) -> Iterator[list[int]]:
    """Which columns stand in which part of a table: all in one, where they can be made to fit."""
    count = len(cells[0])
    part: list[int] = []
    ends = [left, *sorted(breaks or range(left + 1, count)), count]
    if _narrow(cells, range(count), texts) <= columns or left >= count:
        ends, part = [count], list(range(left, count))
    for start, end in pairwise(ends):
        group = range(start, end)
        if part and _narrow(cells, [*range(left), *part, *group], texts) > columns:
            yield [*range(left), *part]
            part = []
        part += group
    yield [*range(left), *part]


def _narrow(cells: Sequence[Sequence[str]], part: Iterable[int], texts: Collection[int]) -> int:
    """How narrow these columns can become without parting a word or a figure."""
    columns = [([row[column] for row in cells], column in texts) for column in part]
    return sum(_least(column, text) for column, text in columns) + len(_GAP) * (len(columns) - 1)


def _least(column: Sequence[str], text: bool) -> int:
    """The least width of a column: titles and texts wrap, but for short texts; figures stay on their line."""
    title = _longest(column[:1])
    natural = max(map(width, column[1:]), default=0)
    return max(title, _longest(column[1:]), min(natural, _SHORT)) if text else max(title, natural)


def _longest(cells: Iterable[str]) -> int:
    return max((width(word) for cell in cells for word in cell.split()), default=0)


def _drawn(
    cells: Sequence[Sequence[str]], part: Sequence[int], texts: Collection[int], columns: int
) -> Iterator[str]:
    flush_left = [column in texts for column in part]
    widths = _widths(cells, flush_left, columns)
    for number, row in enumerate(cells):
        wrapped_cells = [_wrapped_cell(cell, room) for cell, room in zip(row, widths, strict=True)]
        height = max(len(lines) for lines in wrapped_cells)
        for lines in wrapped_cells:
            empty = [""] * (height - len(lines))
            lines[:] = [*empty, *lines] if number == 0 else [*lines, *empty]
        for line in zip(*wrapped_cells, strict=True):
            yield _GAP.join(map(_padded, line, widths, flush_left)).rstrip()


def _widths(cells: Sequence[Sequence[str]], flush_left: Sequence[bool], columns: int) -> list[int]:
    """The width of each column: as wide as its cells, and narrower where the table would not fit."""
    room = columns - len(_GAP) * (len(flush_left) - 1)
    by_column = list(zip(*cells, strict=True))
    natural = [max(map(width, column)) for column in by_column]
    words = [_longest(column) for column in by_column]
    titles_wrapped = [_least(column, text=False) for column in by_column]
    texts_wrapped = [_least(column, left) for column, left in zip(by_column, flush_left, strict=True)]
    for least in (natural, titles_wrapped, texts_wrapped, words):
        if sum(least) <= room:
            break
    widths = list(least)
    while (spare := room - sum(widths)) > 0 and widths != natural:
        # What is least short of room gets it first, so that as few columns as possible are wrapped.
        lacking = [
            (full - now, at) for at, (now, full) in enumerate(zip(widths, natural, strict=True)) if full > now
        ]
        missing, at = min(lacking)
        widths[at] += min(missing, spare)
    return widths


def _wrapped_cell(cell: str, room: int) -> list[str]:
    if width(cell) <= room:
        return [cell]
    lines = [""]
    for word in cell.split():
        if lines[-1] and width(lines[-1]) + 1 + width(word) > room:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines


def _wrapped_line(line: str, columns: int) -> Iterator[str]:
    if width(line) <= columns:
        yield line
        return
    start = len(line) - len(line.lstrip(" "))
    hang = " " * (start + 2)
    for gap in _GAPS.finditer(line):
        if width(line[: gap.end()]) <= columns // 2:
            start, hang = gap.end(), " " * width(line[: gap.end()])
    now, empty = line[:start], True
    for word in _WORD.findall(line[start:]):
        if not empty and width(now + word) > columns:
            yield now
            now, empty = hang, True
        now += word.lstrip() if empty else word
        empty = False
    yield now


def _padded(cell: str, columns: int, left: bool) -> str:
    gap = " " * (columns - width(cell))
    return cell + gap if left else gap + cell


def _clean(text: str) -> str:
    return text if text.isprintable() else "".join(sign if _shown(sign) else " " for sign in text)


def _shown(sign: str) -> bool:
    """Whether a terminal only shows it: no control or format mark, line separator, half of a pair."""
    return sign in "\u200c\u200d" or unicodedata.category(sign) not in _OBEYED


def _units(sign: str) -> list[int]:
    code = ord(sign)
    return [code] if code < 0x10000 else [0xD7C0 + (code >> 10), 0xDC00 + (code & 0x3FF)]
