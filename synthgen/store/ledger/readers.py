"""All of a ledger's files, open for reading: those that others write are followed as they grow."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from urllib.parse import quote

from synthgen.store.ledger.file import ledger_files, open_for_reading, trusts_locks
from synthgen.store.ledger.log import following, lay_out, log_name, records
from synthgen.store.ledger.writes import apply


class LogReader:
    """A log's writes so far, in tables of its own, of which SQLite keeps on disk what is too much."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode=OFF")
        self.connection.execute("PRAGMA synchronous=OFF")
        lay_out(self.connection)
        self.read = 0
        """Bytes of whole records that were taken in."""
        self.is_gone = False
        self._seen = 0

    def refresh(self) -> bool:
        """Takes in what was appended since; False where the log is gone, since a file holds it by now."""
        if self.is_gone:
            return True
        try:
            size = os.stat(self.path).st_size
            if size == self._seen:
                return True
            self.connection.execute("BEGIN")
            try:
                for record in records(self.path, self.read):
                    apply(self.connection, record.writes, record.now)
                    self.read = record.end
            finally:
                self.connection.execute("COMMIT")
            self._seen = size
            return True
        except OSError as fault:
            if fault.errno not in (errno.ENOENT, errno.ESTALE):
                raise
            return False


class Readers:
    """The connections through which a ledger is read; used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[Path, sqlite3.Connection] = {}
        self._logs: dict[Path, LogReader] = {}
        self._folder_time = -1
        self._copies: tempfile.TemporaryDirectory[str] | None = None

    def all(self) -> list[sqlite3.Connection]:
        """A connection for each file, new files included."""
        while True:
            try:
                changed = self._folder.stat().st_mtime_ns
            except OSError:
                return []  # there is nothing; whoever has to write gets the error
            if changed != self._folder_time:
                complete = self._list() and not any(log.is_gone for log in self._logs.values())
                self._folder_time = changed if complete else -1
            if not self._logs:
                return list(self._files.values())
            gone = [path for path, log in self._logs.items() if not log.refresh()]
            if not gone:
                break
            # Made into files since the folder was listed. Until they are seen, what was read of them holds.
            for path in gone:
                self._logs[path].is_gone = True
                if not self._logs[path].read:
                    self._logs.pop(path).connection.close()
            self._folder_time = -1
        for path, log in self._logs.items():
            next_log = self._logs.get(following(path))
            if following(path, ".sqlite") in self._files or (next_log is not None and next_log.read):
                log.connection.execute("DELETE FROM reservations")  # they stand in the next one, too
        return [*self._files.values(), *(log.connection for log in self._logs.values())]

    def others(self, own: str) -> bool:
        """Whether there are files whose names begin otherwise than this process's own."""
        self.all()
        return any(not path.name.startswith(own) for path in (*self._files, *self._logs))

    def close(self) -> None:
        """Closes all."""
        for reader in (*self._files.values(), *(log.connection for log in self._logs.values())):
            reader.close()
        self._files.clear()
        self._logs.clear()
        self._folder_time = -1
        if self._copies is not None:
            self._copies.cleanup()
            self._copies = None

    def _list(self) -> bool:
        """Opens what is new; False where a file is not laid out yet."""
        complete = True
        for path in ledger_files(self._folder):
            if path not in self._files:
                reader = self._open(path)
                if reader is None:
                    complete = False
                    continue
                self._files[path] = reader
                if (log := self._logs.pop(path.with_suffix(".log"), None)) is not None:
                    log.connection.close()
        for path in sorted(self._folder.glob("ledger-*.log")):
            if log_name(path) is None or path.with_suffix(".sqlite") in self._files:
                continue
            if path not in self._logs:
                self._logs[path] = LogReader(path)
        return complete

    def _open(self, path: Path) -> sqlite3.Connection | None:
        if log_name(path) is not None:
            return _open_unchanging(path)
        if trusts_locks(self._folder):
            return open_for_reading(path)
        beside = [path.with_name(path.name + end) for end in ("-wal", "-journal")]
        unfinished = [part for part in beside if part.exists() and part.stat().st_size]
        if not unfinished:
            return _open_unchanging(path)
        # Left by a process that was killed. To finish it in place is not safe without locks.
        self._copies = self._copies or tempfile.TemporaryDirectory(prefix="synthgen-ledger-")
        for part in (path, *unfinished):
            shutil.copyfile(part, Path(self._copies.name) / part.name)
        return open_for_reading(Path(self._copies.name) / path.name)


def _open_unchanging(path: Path) -> sqlite3.Connection | None:
    """A file that nobody writes any more, read without a lock."""
    return open_for_reading(path, uri=f"file:{quote(str(path))}?mode=ro&immutable=1")
