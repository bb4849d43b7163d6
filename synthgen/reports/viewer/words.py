"""Search for words, by an index (SQLite's FTS5) that is built in the background once somebody asks for words.

It holds no text, only which line has which word, and is deleted when the viewer ends. Words are runs of
letters and digits, without regard to case and accents; a text without spaces, such as Chinese, is one word.
"""

from __future__ import annotations

import re
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from synthgen.core.errors import InputError
from synthgen.reports.viewer.condition import plain
from synthgen.reports.viewer.line_index import LineIndex, parsed
from synthgen.reports.viewer.search import Found

_BATCH = 500
_WORD = re.compile(r"\w+")


class WordIndex:
    """The words of one file; `done` says how much of it is indexed, as a share."""

    def __init__(self, index: LineIndex) -> None:
        self._index = index
        self._folder = tempfile.TemporaryDirectory(prefix="synthgen-words-")
        self._path = Path(self._folder.name) / "words.db"
        self._closing = threading.Event()
        self._bytes, self.done = 0, 0.0
        with self._open() as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE VIRTUAL TABLE words USING fts5(text, content='', detail=none)")
        database.close()
        self._thread = threading.Thread(target=self._build, name="word-index", daemon=True)
        self._thread.start()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30)

    def _build(self) -> None:
        size = max(1, self._index.path.stat().st_size)
        database = self._open()
        database.execute("PRAGMA synchronous=OFF")
        lines = self._index.from_line(1)
        while not self._closing.is_set():
            batch = list(islice(lines, _BATCH))
            if not batch:
                break
            texts = ((line.number, " ".join(_texts(line.raw))) for line in batch)
            with database:
                database.executemany("INSERT INTO words(rowid, text) VALUES (?, ?)", texts)
            self.done = min(1.0, (batch[-1].offset + len(batch[-1].raw)) / size)
        else:
            database.close()
            return
        self.done = 1.0
        database.close()

    def find(self, text: str, start: int, wanted: int) -> Found:
        """Up to `wanted` lines from line `start` on that hold all words of a text, as far as is indexed.

        Raises:
            InputError: the text holds no word.
        """
        words = _WORD.findall(text.replace("_", " "))
        if not words:
            raise InputError(f"{text!r} holds no word", next="search for it letter by letter")
        database = self._open()
        try:
            hits = database.execute(
                "SELECT rowid FROM words WHERE words MATCH ? AND rowid >= ? ORDER BY rowid LIMIT ?",
                (" AND ".join(f'"{word}"' for word in words), start, wanted + 1),
            ).fetchall()
        finally:
            database.close()
        numbers = [number for (number,) in hits]
        lines = [line for number in numbers[:wanted] for line in islice(self._index.from_line(number), 1)]
        return Found(lines, numbers[wanted] if len(numbers) > wanted else None)

    def close(self) -> None:
        """Stops and deletes the index."""
        self._closing.set()
        self._thread.join(timeout=30)
        self._folder.cleanup()


def _texts(raw: bytes) -> Iterator[str]:
    for name, value in (parsed(raw) or {}).items():
        if name not in ("id", "meta") and isinstance(value, str | list | dict):
            yield plain(value)
