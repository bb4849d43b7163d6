"""Marks as the page sends them, checked against the row and appended; and what was said before."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from synthgen.core.errors import InputError
from synthgen.core.rows import Row, question_text
from synthgen.core.text import printable
from synthgen.reports.viewer.catalogue import RowFile
from synthgen.reports.viewer.line_index import parsed
from synthgen.store.reviews import MARKS, UNFIXED, Mark, Standings, append_mark, parse_mark, review_id

LONGEST_TEXT = 1_000_000
GRADES = (1, 2, 3, 4, 5)


class Marking:
    """The marks of one run or file.

    Args:
        path: the file of marks; it need not be there.
        who: who makes marks here.
        read_only: no mark can be made.
    """

    def __init__(self, path: Path, who: str, read_only: bool = False) -> None:
        self.path, self.who, self.read_only = path, who, read_only
        self.standings = Standings()
        self.count = 0
        self._read = 0
        self._lock = threading.Lock()

    def follow(self) -> None:
        """Reads what was added since, by this viewer or another."""
        with self._lock:
            try:
                source = open(self.path, "rb")
            except FileNotFoundError:
                return
            with source:
                if (
                    os.fstat(source.fileno()).st_size < self._read
                ):  # somebody cleared it, or put another there
                    self.standings, self.count, self._read = Standings(), 0, 0
                source.seek(self._read)
                for line in source:
                    if not line.endswith(b"\n"):
                        return
                    self._read += len(line)
                    mark = parse_mark(line)
                    if mark is not None:
                        self.standings.take(mark)
                        self.count += 1

    def badges(self, row: Row) -> list[str]:
        """What people said of a row, as short texts."""
        badges = []
        for who, standing in self.standings.rows.get(review_id(row), {}).items():
            said = [standing.verdict] if standing.verdict else []
            if standing.fixes and standing.verdict != "fix":
                said.append("fix")
            if standing.grade is not None:
                said.append(f"grade {standing.grade:g}")
            said += [f"note: {note}" for note in standing.notes]
            if said:
                badges.append(printable(f"{who}: {', '.join(said)}"))
        return badges

    def add(
        self, file: RowFile, number: int, asked: dict[str, Any], over: tuple[RowFile, int] | None = None
    ) -> Row:
        """Appends a mark on the row of a line, and returns the row.

        Args:
            file: where the row is.
            number: its line.
            asked: `mark` and what belongs to it, as the page sent it, with the digests of the lines that it
                shows (`seen`, `over_seen`): a stage that ran again may have put another row in the line.
            over: where the other row is, where one is preferred.

        Raises:
            InputError: the mark makes no sense for this row, or it is not the one that the page shows.
            OSError: it could not be written, and is not there.
        """
        if self.read_only:
            raise InputError("this viewer was started with --read-only")
        row = _row_as_seen(file, number, asked.get("seen"))
        other = _row_as_seen(*over, asked.get("over_seen")) if over else None
        mark: Mark = {"who": self.who, "row": review_id(row), "mark": asked.get("mark")}
        mark |= {"file": file.name, "line": number, **_details(row, asked, other)}
        append_mark(self.path, mark)
        return row


def _row_as_seen(file: RowFile, number: int, seen: Any) -> Row:
    """The row of a line, if it is still the one that the page shows."""
    line = file.line(number)
    row = parsed(line.raw) if line is not None else None
    if line is not None and row is None:
        raise InputError(f"line {number} holds no row", file.name)
    if line is None or row is None or line.digest != seen:
        raise InputError(
            "the file has changed, and the page shows another row than this line has now",
            f"{file.name}, line {number}",
            "load the page again",
        )
    return row


def _details(row: Row, asked: dict[str, Any], over: Row | None) -> dict[str, Any]:
    kind = asked.get("mark")
    if kind not in MARKS:
        raise InputError(f"no mark {kind!r}", next=f"known: {', '.join(MARKS)}")
    text = asked.get("text", "")
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        raise InputError(f"a text of at most {LONGEST_TEXT:,} signs is wanted")
    if kind == "note":
        return {"text": text}
    if kind == "fix":
        if not isinstance(asked.get("field"), str) or asked["field"] not in texts_of(row):
            raise InputError(f"the row has no text {asked.get('field')!r}")
        return {"field": asked["field"], "text": text}
    if kind == "grade":
        if type(asked.get("grade")) is not int or asked["grade"] not in GRADES:
            raise InputError(f"a grade is one of {', '.join(map(str, GRADES))}")
        return {"grade": asked["grade"]}
    if kind == "prefer":
        return _preference(row, over, bool(asked.get("tie")))
    return {}


def _preference(row: Row, over: Row | None, tie: bool) -> dict[str, Any]:
    if over is None or asked_text(row) != asked_text(over):
        raise InputError("two answers to one question are compared")
    if review_id(row) == review_id(over):
        raise InputError("a row cannot be compared with itself")
    sides = {"chosen": answer_text(row), "rejected": answer_text(over)}
    return {"over": review_id(over), "prompt": asked_text(row), **sides, **({"tie": True} if tie else {})}


def asked_text(row: Row) -> str:
    """What a row asks; empty where its fields are not what they are called."""
    try:
        return question_text(row) or (row["question"] if isinstance(row.get("question"), str) else "")
    except (AttributeError, TypeError):
        return ""


def answer_text(row: Row) -> str:
    """What a row answers: its output, or the last turn of its conversation."""
    turns = row.get("messages")
    if not row.get("output") and isinstance(turns, list) and turns and isinstance(turns[-1], dict):
        return str(turns[-1].get("content") or "")
    return str(row.get("output") or row.get("chosen") or "")


def texts_of(row: Row) -> dict[str, str]:
    """The texts of a row that can be fixed: its fields, and the turns of a conversation."""
    texts = {name: value for name, value in row.items() if isinstance(value, str) and name not in UNFIXED}
    turns = row.get("messages")
    for place, turn in enumerate(turns if isinstance(turns, list) else ()):
        if isinstance(turn, dict) and isinstance(turn.get("content"), str):
            texts[f"messages.{place}"] = turn["content"]
    return texts
