"""Rows that belong to a row, found by literal search: by id, and by the same question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from synthgen.core.rows import Row
from synthgen.reports.viewer.catalogue import RowFile
from synthgen.reports.viewer.line_index import parsed
from synthgen.reports.viewer.marking import asked_text
from synthgen.reports.viewer.search import find_lines

SIBLINGS = 8
_PATIENCE = 0.02
"""Seconds for each file: a row is shown at once, and in a large file not all that ask the same are found."""
_LOOKED_AT = 200
"""Lines with the same text that are looked at."""


@dataclass(frozen=True)
class Place:
    """A row and where it is."""

    file: str
    line: int
    row: Row


def find_row(files: Sequence[RowFile], row_id: str) -> Place | None:
    """The first row with this id."""
    for file in files:
        for line in find_lines(file.index, 1, _LOOKED_AT, row_id).lines:
            row = parsed(line.raw)
            if row is not None and row.get("id") == row_id:
                return Place(file.name, line.number, row)
    return None


def other_answers(files: Sequence[RowFile], file: RowFile, number: int, row: Row) -> list[Place]:
    """Rows of the same stage that answer the same question."""
    return list(_other_answers(files, file, number, row))[:SIBLINGS]


def _other_answers(files: Sequence[RowFile], file: RowFile, number: int, row: Row) -> Iterator[Place]:
    question = asked_text(row)
    # What is searched for must stand in one piece in the file.
    needle = question if not row.get("messages") else question.partition("\n\n")[0]
    needle = str(row["instruction"]) if isinstance(row.get("instruction"), str) else needle
    if not question.strip() or not needle.strip():
        return
    for other in (one for one in files if one.name.partition("/")[0] == file.name.partition("/")[0]):
        for line in find_lines(other.index, 1, _LOOKED_AT, needle, patience=_PATIENCE).lines:
            found = parsed(line.raw)
            itself = other.name == file.name and line.number == number
            if found is not None and not itself and asked_text(found) == question:
                yield Place(other.name, line.number, found)
