"""Marks that people made on rows: one JSON object a line, appended and flushed to disk one by one.

    {"at", "who", "row", "mark", "file", "line", …}

`mark` is keep, reject, fix (with `field` and `text`), note (`text`), grade (`grade`), prefer (`over`,
`prompt`, `chosen`, `rejected`; `tie` where neither is better), or undo, which takes back what that person
said of the row. Nothing is ever overwritten: what a person said last counts. Several processes may append at
once.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from synthgen.core.errors import InputError
from synthgen.core.rows import Row, RowIds
from synthgen.store.manifest import NAME as MANIFEST

NAME = "reviews.jsonl"
VERDICTS = ("keep", "reject", "fix")
MARKS = (*VERDICTS, "note", "grade", "prefer", "undo")
UNFIXED = ("id", "meta", "rejection")
"""Fields that no fix may change."""
_TEXTS = {"fix": ("field", "text"), "prefer": ("over", "prompt", "chosen", "rejected")}
Mark = dict[str, Any]


def reviews_file(target: Path) -> Path:
    """Where the marks on a run, a stage's folder or a row file are.

    Never inside a stage's folder: what is there goes when the stage runs again.
    """
    target = target.absolute()
    if (target.parent / MANIFEST).is_file() and target.is_file():
        target = target.parent
    if not (target / MANIFEST).is_file() and target.is_dir():
        return target / NAME
    if (target.parent / "pipeline.resolved.yaml").is_file():
        return target.parent / NAME
    return target.with_name(f"{target.name}.{NAME}")


def review_id(row: Row) -> str:
    """What marks call a row: its id, or for a row that has none the id that load would give its content."""
    known = row.get("id")
    return str(known) if known not in (None, "") else RowIds().assign(row)


def append_mark(path: Path, mark: Mark) -> Mark:
    """Adds a mark with the time; when this returns, it is on disk.

    A line that a kill tore is ended first, so that it spoils nothing but itself.

    Raises:
        OSError: it cannot be written; then it is not there.
    """
    dated = {"at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"), **mark}
    line = orjson.dumps(dated) + b"\n"
    fresh = not path.exists()
    number = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        size = os.fstat(number).st_size
        if size and os.pread(number, 1, size - 1) != b"\n":
            line = b"\n" + line
        written = os.write(number, line)
        if written != len(line):  # a full disk: what is torn is no mark
            os.ftruncate(number, size)
            raise OSError(28, "the mark could not be written whole", str(path))
        os.fsync(number)
    finally:
        os.close(number)
    if fresh:
        _sync_folder(path.parent)
    return dated


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def read_marks(path: Path) -> Iterator[Mark]:
    """The marks of a file, in the order in which they were made; torn lines are skipped.

    Raises:
        InputError: there is no such file, or it holds something else than marks.
    """
    try:
        source = open(path, "rb")
    except OSError as fault:
        raise InputError(
            f"the reviews cannot be read: {fault.strerror}",
            str(path),
            "`synthgen view RUN` writes them with the first mark",
        ) from fault
    with source:
        for number, line in enumerate(source, 1):
            mark = parse_mark(line)
            if mark is not None:
                yield mark
            elif line.strip() and _is_json(line):
                raise InputError(
                    "this line is no mark of a review", f"{path}:{number}", "give a file that `view` wrote"
                )


def parse_mark(line: bytes) -> Mark | None:
    """A line's mark, or None where it holds none."""
    try:
        mark = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(mark, dict) or mark.get("mark") not in MARKS:
        return None
    texts = ("row", "who", *_TEXTS.get(mark["mark"], ()))
    if not all(isinstance(mark.get(name), str) for name in texts) or mark.get("field") in UNFIXED:
        return None
    graded = mark["mark"] != "grade" or type(mark.get("grade")) in (int, float)
    return mark if graded else None


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


class Fix(NamedTuple):
    """A text that a person wrote: when, and its place among all marks."""

    text: str
    at: str
    place: int


@dataclass
class Standing:
    """What one person says of one row by now."""

    verdict: str = ""
    grade: float | None = None
    fixes: dict[str, Fix] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    file: str = ""

    def take(self, mark: Mark, place: int) -> None:
        """Follows one more mark, which is the one at `place` among all."""
        kind = mark["mark"]
        if kind == "undo":
            self.verdict, self.grade, self.fixes, self.notes = "", None, {}, []
        elif kind == "note":
            self.notes.append(str(mark.get("text", "")))
        elif kind == "grade":
            self.grade = float(mark["grade"])
        elif kind in VERDICTS:
            self.verdict, self.file = kind, str(mark.get("file", ""))
            if kind == "fix":
                self.fixes[str(mark["field"])] = Fix(str(mark["text"]), str(mark.get("at", "")), place)

    def plain(self) -> dict[str, Any]:
        """What was said; `fixed` has the names of the fields whose texts were replaced."""
        said = {"verdict": self.verdict, "grade": self.grade, "note": "\n".join(self.notes)}
        return {**said, "fixed": [*self.fixes]}

    @property
    def silent(self) -> bool:
        """Whether nothing is left of what was said."""
        return not (self.verdict or self.notes or self.fixes) and self.grade is None


class Standings:
    """What everybody says of every row by now."""

    def __init__(self, marks: Iterable[Mark] = ()) -> None:
        self.rows: dict[str, dict[str, Standing]] = {}
        self._taken = 0
        for mark in marks:
            self.take(mark)

    def take(self, mark: Mark) -> None:
        """Follows one more mark."""
        self._taken += 1
        if mark["mark"] != "prefer":
            people = self.rows.setdefault(mark["row"], {})
            people.setdefault(mark["who"], Standing()).take(mark, self._taken)


@dataclass(frozen=True)
class Decision:
    """What people together decided of a row: whether it is kept, with which texts, and who says so.

    `fixed` has who wrote each of the texts, and when.
    """

    keep: bool
    edits: dict[str, str]
    who: tuple[str, ...]
    fixed: dict[str, dict[str, str]] = field(default_factory=dict)


def decisions(path: Path) -> dict[str, Decision]:
    """The decision on each row that anybody gave a verdict on.

    One vote a person, by the last verdict; more votes win, and a tie rejects. A fix is a vote to keep. Of two
    fixes of one field, the later one counts.

    Raises:
        InputError: see `read_marks`.
    """
    decided = {}
    for row, people in Standings(read_marks(path)).rows.items():
        votes = {who: standing for who, standing in people.items() if standing.verdict}
        if not votes:
            continue
        keeping = {who: standing for who, standing in votes.items() if standing.verdict != "reject"}
        keep = 2 * len(keeping) > len(votes)
        agreeing = tuple(sorted(keeping if keep else votes.keys() - keeping.keys()))
        fixes = sorted(
            (fix.place, name, fix, who)
            for who, one in (keeping.items() if keep else ())
            for name, fix in one.fixes.items()
        )
        edits = {name: fix.text for _, name, fix, _ in fixes}
        fixed = {name: {"by": who, "at": fix.at} for _, name, fix, who in fixes}
        decided[row] = Decision(keep, edits, agreeing, fixed)
    return decided


def said_by_row(path: Path) -> dict[str, list[dict[str, Any]]]:
    """What each person says of each row by now: row -> [{"who", "verdict", "grade", "note", "fixed"}].

    Raises:
        InputError: see `read_marks`.
    """
    said = {
        row: [{"who": who, **one.plain()} for who, one in people.items() if not one.silent]
        for row, people in Standings(read_marks(path)).rows.items()
    }
    return {row: people for row, people in said.items() if people}


def fixed_row(row: Row, decision: Decision) -> Row:
    """The row as people fixed it; `meta.fixed` says of each changed text who wrote it, and when."""
    done = row
    fixed: dict[str, dict[str, str]] = {}
    for name, text in decision.edits.items():
        changed = edited(done, {name: text})
        if changed != done:
            done, fixed[name] = changed, decision.fixed.get(name, {})
    if not fixed:
        return row
    meta = row.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    earlier = meta.get("fixed")
    return {**done, "meta": {**meta, "fixed": {**(earlier if isinstance(earlier, dict) else {}), **fixed}}}


def edited(row: Row, edits: dict[str, str]) -> Row:
    """The row with texts replaced: a field of its own, or `messages.<n>` for the content of a turn."""
    changed = dict(row)
    for name, text in edits.items():
        head, _, place = name.partition(".")
        if head == "messages" and place.isdecimal() and isinstance(row.get("messages"), list):
            turns = [dict(turn) for turn in changed["messages"]]
            if int(place) < len(turns):
                turns[int(place)]["content"] = text
                changed["messages"] = turns
        else:
            changed[name] = text
    return changed
