"""The row files that a viewer shows, by name: a page can ask for these names and for no path."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from synthgen.core.errors import InputError
from synthgen.core.rows import Row
from synthgen.reports.run_folder import failed_stages, stages_of, under_way
from synthgen.reports.viewer.line_index import FileLine, LineIndex, parsed
from synthgen.reports.viewer.words import WordIndex
from synthgen.store.jsonl import open_whole
from synthgen.store.manifest import NAME as MANIFEST
from synthgen.store.publish import NEW

PACKED = (".gz", ".zst")
PLAIN = (".jsonl", ".ndjson")
_WORDS = threading.Lock()
_FRESH = 1.0
"""Seconds for which a run's list of files is taken as it is."""
_AT_ONCE = 1 << 24
"""Bytes that are indexed before the first page."""


@dataclass
class RowFile:
    """A row file with its index."""

    name: str
    path: Path
    inode: int
    index: LineIndex
    changed: int = 0
    """When the file was changed last, in ns, as far as is known here."""
    _background: threading.Thread | None = None
    _words: WordIndex | None = None

    def catch_up(self) -> None:
        """Indexes what is there, the first megabytes at once and the rest in the background."""
        if self._background is not None and self._background.is_alive():
            return
        if self.index.bytes < self.index.path.stat().st_size and not self.index.extend(_AT_ONCE):
            self._background = threading.Thread(target=self._index_rest, name="line-index", daemon=True)
            self._background.start()

    def _index_rest(self) -> None:
        # In steps, so that nobody waits for the lock.
        while not self.index.extend(_AT_ONCE):
            pass

    def is_another(self, status: os.stat_result) -> bool:
        """Whether a stage that ran again has put another file here, or somebody wrote this one anew."""
        if self.inode != status.st_ino or status.st_size < self.index.bytes:
            return True
        if status.st_mtime_ns == self.changed:
            return False
        self.changed = status.st_mtime_ns
        return not self.index.begins_so_still()

    def word_index(self) -> WordIndex:
        """The file's words, the index of which is begun at the first call."""
        with _WORDS:
            if self._words is None:
                self._words = WordIndex(self.index)
            return self._words

    def close(self) -> None:
        """Deletes the index of words."""
        if self._words is not None:
            self._words.close()

    @property
    def complete(self) -> bool:
        """Whether the number of lines is known."""
        return self._background is None or not self._background.is_alive()

    def line(self, number: int) -> FileLine | None:
        """One line, or None behind the end."""
        return next(self.index.from_line(number), None)

    def row(self, number: int) -> Row | None:
        """The row of a line; None where there is none."""
        line = self.line(number)
        return None if line is None else parsed(line.raw)


class Catalogue:
    """The row files of a run or of one file, looked up by name; those of a live run are found as they come.

    Args:
        target: a run's or a stage's folder, or a row file.

    Raises:
        InputError: it is no row file that can be shown.
    """

    def __init__(self, target: Path) -> None:
        self.run: Path | None = target if target.is_dir() else None
        self.of_stage = (target / MANIFEST).is_file()
        self._files: dict[str, RowFile] = {}
        self._lock = threading.Lock()
        self._listed: list[RowFile] = []
        self._looked_at = -_FRESH
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._single = None if target.is_dir() else (target.name, self._plain(target))

    def close(self) -> None:
        """Deletes what was unpacked and indexed."""
        for file in self._files.values():
            file.close()
        if self._folder is not None:
            self._folder.cleanup()

    def files(self) -> list[RowFile]:
        """All row files, in the order of the pipeline."""
        if time.monotonic() > self._looked_at + _FRESH:
            named = [self._single] if self._single or self.run is None else _files_of(self.run)
            self._listed = [self._file(*one) for one in named if one is not None]
            self._looked_at = time.monotonic()
        return self._listed

    def get(self, name: str) -> RowFile | None:
        """The file of a name; it is being indexed."""
        found = next((file for file in self.files() if file.name == name), None)
        if found is not None:
            found.catch_up()
        return found

    def _file(self, name: str, path: Path) -> RowFile:
        with self._lock:
            known, status = self._files.get(name), path.stat()
            if known is None or known.is_another(status):
                if known is not None:
                    known.close()
                index = LineIndex(path)
                known = self._files[name] = RowFile(name, path, status.st_ino, index, status.st_mtime_ns)
            return known

    def _plain(self, path: Path) -> Path:
        """The file, or an unpacked copy of it that is deleted at the end."""
        suffix = Path(path.stem).suffix if path.suffix in PACKED else path.suffix
        if suffix not in PLAIN:
            raise InputError(
                f"a viewer shows {', '.join(PLAIN)} files, also packed ({', '.join(PACKED)})",
                str(path),
                "`synthgen inspect` reads the other kinds; `load` and `export` make a .jsonl of them",
            )
        if path.suffix not in PACKED:
            return path
        self._folder = tempfile.TemporaryDirectory(prefix="synthgen-view-")
        copy = Path(self._folder.name) / path.stem
        with open_whole(path) as source, open(copy, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        return copy


def row_files(target: Path) -> list[Path]:
    """The row files of a run, a stage's folder or a file, packed or not."""
    return [path for _, path in _files_of(target)] if target.is_dir() else [target]


def _files_of(run: Path) -> Iterator[tuple[str, Path]]:
    if (run / MANIFEST).is_file():  # the folder of one stage
        own = run.absolute().name
        for path in sorted(run.glob("*.jsonl")):
            if path.name not in _NO_ROWS:
                yield f"{own}/{path.stem}", path
        return
    for stage in [*stages_of(run), *failed_stages(run)]:
        for part, path in stage.row_files():
            yield f"{stage.id}/{part}", path
        if (stage.folder / "answers.jsonl").is_file():
            yield f"{stage.id}/answers", stage.folder / "answers.jsonl"
    writing = under_way(run)
    if writing is not None:
        for path in sorted(writing.glob("*.jsonl")):
            if path.name not in _NO_ROWS:
                yield f"{writing.name.removeprefix(NEW)} (under way)/{path.stem}", path


_NO_ROWS = ("metrics.jsonl", "values.jsonl", "reviews.jsonl", "run.log.jsonl")
