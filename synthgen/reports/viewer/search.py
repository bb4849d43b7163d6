"""Finds lines: by a literal text at the speed of reading, and by what a field holds, by parsing on demand.

Both stop after as many hits as a page shows, or after a time, and say from which line to go on.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import orjson

from synthgen.reports.viewer.condition import Condition
from synthgen.reports.viewer.line_index import FileLine, LineIndex

PATIENCE = 1.0
"""Seconds that a search may take before a page shows what there is so far."""
_READ = 1 << 18
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ -]*")
_LOOKS = 256
"""Rows that are parsed between two looks at the clock."""


@dataclass
class Found:
    """Lines that fit, and from which line to go on: None at the end of the file."""

    lines: list[FileLine] = field(default_factory=list)
    go_on: int | None = None


def find_lines(
    index: LineIndex,
    start: int,
    wanted: int,
    text: str = "",
    conditions: Sequence[Condition] = (),
    patience: float = PATIENCE,
) -> Found:
    """Up to `wanted` lines from line `start` on that hold the text and whose rows fit all conditions."""
    until = time.monotonic() + patience
    text = text or next((one.value for one in conditions if _stands_as_it_is(one)), "")
    lines = _holding(index, text, start, until) if text else index.from_line(start)
    found = Found()
    for number, line in enumerate(lines):
        full = len(found.lines) == wanted
        if full or line.late or (number % _LOOKS == _LOOKS - 1 and time.monotonic() > until):
            found.go_on = line.number
            break
        if not conditions or _fits(line.raw, conditions):
            found.lines.append(line)
    return found


def _stands_as_it_is(condition: Condition) -> bool:
    """Whether a line can fit only if it holds the value letter by letter, so that others need no parsing."""
    return condition.operator == "is" and _PLAIN.fullmatch(condition.value) is not None


def _fits(raw: bytes, conditions: Sequence[Condition]) -> bool:
    try:
        row = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return isinstance(row, dict) and all(condition.fits(row) for condition in conditions)


def _holding(index: LineIndex, text: str, start: int, until: float) -> Iterator[FileLine]:
    """The lines that hold a text, and at last the one before which time ran out, marked as late."""
    first = next(index.from_line(start), None)
    if first is None:
        return
    for offset, late in offsets_of(index.path, spellings(text), first.offset, until):
        for line in islice(index.from_offset(offset), 1):
            yield line._replace(late=late)


def spellings(text: str) -> tuple[bytes, ...]:
    """The ways in which JSON files hold a text: as UTF-8, and with all but ASCII escaped."""
    plain = orjson.dumps(text)[1:-1]
    units = plain.decode().encode("utf-16-be")
    codes = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    escaped = b"".join(bytes([code]) if code < 128 else b"\\u%04x" % code for code in codes)
    return (plain,) if plain == escaped else (plain, escaped)


def offsets_of(path: Path, needles: Sequence[bytes], start: int, until: float) -> Iterator[tuple[int, bool]]:
    """Where in a file one of the texts begins, once a line; `start` is the begin of a line.

    Gives (offset, False), and where time runs out (the offset from which to go on, True).
    """
    with open(path, "rb") as source:
        source.seek(start)
        base = start
        while data := source.read(_READ):
            data += source.readline()  # whole lines, so that no text is cut
            hits = [data.find(needle) for needle in needles]
            while any(hit >= 0 for hit in hits):
                nearest = min(hit for hit in hits if hit >= 0)
                yield base + nearest, False
                at = data.find(b"\n", nearest) + 1 or len(data)
                hits = [
                    data.find(needle, at) if 0 <= hit < at else hit
                    for needle, hit in zip(needles, hits, strict=True)
                ]
            base += len(data)
            if time.monotonic() > until:
                yield base, True
                return
