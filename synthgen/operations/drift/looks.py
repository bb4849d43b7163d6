"""The looks that were taken at a run: a log beside it, to which each is added once, when it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthgen.core.hashing import value_hash
from synthgen.core.rows import Row, question_text
from synthgen.store.jsonl import AppendLog, read_log

FOLDER = "drift"
"""In a run's folder: the log, and a folder for each look."""
LOG = "looks.jsonl"


class Looks:
    """The looks at one state of a run; `key` is its baseline's.

    Looks at an earlier student stay in the log. They are not counted, but their numbers are not used again.
    """

    def __init__(self, run_dir: Path, key: str) -> None:
        self.folder, self.key = run_dir / FOLDER, key
        entries = list(read_log(self.folder / LOG))
        self.taken = sum("look" in entry for entry in entries)
        self.earlier = sum("look" in entry and entry["key"] != key for entry in entries)
        self.counted = [entry for entry in entries if "look" in entry and entry["key"] == key]
        self.regenerated = [entry for entry in entries if "regenerate" in entry]

    def by_measure(self, measure: str) -> list[dict[str, Any]]:
        """Those that are one test: they measure the same."""
        return [entry for entry in self.counted if entry["measure"] == measure]

    def measures(self) -> list[str]:
        """What was measured, in the order of the first look of each."""
        return list(dict.fromkeys(entry["measure"] for entry in self.counted))

    def seen(self) -> set[str]:
        """The digests of all questions that were counted, or left out since they were trained on."""
        counted = {row["question"] for entry in self.counted for row in entry["rows"]}
        return counted | {name for entry in self.counted for name in entry["left_out"]}

    def add(self, entry: dict[str, Any]) -> None:
        """Puts a look, or what was regenerated, on disk."""
        log = AppendLog(self.folder / LOG)
        try:
            log.append({**entry, "key": self.key}, durable=True)
        finally:
            log.close()
        if "look" in entry:
            self.taken += 1
            self.counted.append(entry)
        else:
            self.regenerated.append({**entry, "key": self.key})


def digest(row: Row) -> str:
    """What a question is known by: the same words are counted once."""
    return str(value_hash(question_text(row)))[:16]


def unseen(rows: Iterator[Row], seen: set[str]) -> Iterator[tuple[Row, bool]]:
    """Rows, and whether their question is a new one."""
    known = set(seen)
    for row in rows:
        name = digest(row)
        yield row, name not in known
        known.add(name)
