"""One file of the ledger: its tables, how a process claims it for writing, and how it is opened for reading.

A ledger is a folder of SQLite files `ledger-0001.sqlite`, …; each is written by one process at a time,
which holds an flock on the `.lock` file beside it until it ends (however it ends). Whoever needs to write
takes the first file that nobody holds, so there are never more files than there were writers at once.
Everybody reads all of them, where they lie. Files use write-ahead logging with synchronous FULL.

Files of version 1 are read and no longer written: whoever needs to write takes or makes one of version 2.

All this needs locks. In a folder without them (`trusts_locks`), `log` takes its place.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import os
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar
from urllib.parse import quote

from synthgen.core.errors import SynthgenError
from synthgen.store.ledger.hash_index import TABLES, VIEW_OF_VERSION_1

P = ParamSpec("P")
R = TypeVar("R")

SCHEMA_VERSION = 2
CHECKPOINT_PAGES = 4000  # 16 MB of log: a page that changes often is carried over into the file less often

SCHEMA = f"""
CREATE TABLE requests(
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,               -- 16 bytes, xxh3-128 of `canonical`; found through `keys`
    canonical BLOB NOT NULL           -- the text that the key is made of, so that keys can migrate
);
CREATE TABLE replies(
    id INTEGER PRIMARY KEY,
    model TEXT, prompt_tokens INTEGER, completion_tokens INTEGER, cost_usd REAL,
    latency REAL, run TEXT, created REAL NOT NULL, headers TEXT,
    body BLOB NOT NULL                -- as it came
);
CREATE TABLE samples(                 -- one reply with n choices makes n of these
    request INTEGER NOT NULL, sample INTEGER NOT NULL, reply INTEGER NOT NULL, choice INTEGER NOT NULL,
    PRIMARY KEY (request, sample)
) WITHOUT ROWID;
CREATE TABLE refusals(request INTEGER PRIMARY KEY, reason TEXT NOT NULL, detail TEXT NOT NULL, \
created REAL NOT NULL);
CREATE TABLE failures(                -- transient errors until the tries were spent; of one run only
    run TEXT NOT NULL, request INTEGER NOT NULL, sample INTEGER NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, created REAL NOT NULL,
    PRIMARY KEY (run, request, sample)
) WITHOUT ROWID;
CREATE TABLE reservations(            -- the worst case of what was sent and not settled
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, usd REAL NOT NULL, tokens INTEGER NOT NULL, \
created REAL NOT NULL
);
CREATE TABLE spend(run TEXT PRIMARY KEY, usd REAL NOT NULL, tokens INTEGER NOT NULL, \
requests INTEGER NOT NULL);
{TABLES}
"""

NETWORK_FILE_SYSTEMS = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "lustre",
        "gpfs",
        "beegfs",
        "ceph",
        "afs",
        "9p",
        "pvfs2",
        "orangefs",
        "glusterfs",
    }
)


@dataclass
class Claim:
    """A ledger file that this process alone writes, until `release`, which closes it."""

    path: Path
    connection: sqlite3.Connection
    release: Callable[[], None]


def ledger_files(folder: Path) -> list[Path]:
    """The ledger's files, by name."""
    return sorted(folder.glob("ledger-*.sqlite"))


def claim_file(folder: Path) -> Claim:
    """Takes the first ledger file that no process holds for writing; makes a new one where all are held.

    Raises:
        SynthgenError: the folder cannot be written, or the file is of a newer synthgen.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = 0
        while True:
            number += 1
            lock = os.open(folder / f"ledger-{number:04d}.lock", os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            path = folder / f"ledger-{number:04d}.sqlite"
            try:
                connection = _open_for_writing(path)
            except BaseException:
                os.close(lock)
                raise
            if connection is not None:
                return Claim(path, connection, functools.partial(_release, connection, lock))
            os.close(lock)
    except (OSError, sqlite3.Error) as fault:
        raise unwritable(folder, fault) from fault


def _release(connection: sqlite3.Connection, lock: int) -> None:
    connection.close()
    os.close(lock)


def unwritable(where: Path, fault: Exception) -> SynthgenError:
    """The error for people when the ledger cannot be written."""
    full = "full" in str(fault).lower() or (isinstance(fault, OSError) and fault.errno == errno.ENOSPC)
    what = "no space left for the ledger" if full else f"the ledger cannot be written: {fault}"
    free = (
        "free some space"
        if full
        else "check the folder's permissions and disk, or name another with --ledger"
    )
    return SynthgenError(
        what, str(where), f"{free}; the same command continues, and every reply that was committed is kept"
    )


def _open_for_writing(path: Path) -> sqlite3.Connection | None:
    """A connection that writes; None where the file is of an older version."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-8192")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        connection.execute("PRAGMA journal_size_limit=67108864")
        version = _known_version(connection, path)
        if version and version < SCHEMA_VERSION:
            connection.close()
            return None
        if not version:
            connection.executescript(
                f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path, uri: str = "") -> sqlite3.Connection | None:
    """A connection that only reads; None while another process is still laying the file out.

    Args:
        path: the file.
        uri: how SQLite is to open it; else with locks.

    Raises:
        SynthgenError: the file is of a newer synthgen, or is no ledger.
    """
    try:
        connection = sqlite3.connect(
            uri or f"file:{quote(str(path))}?mode=rw",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=30,
        )
        connection.execute("PRAGMA cache_size=-2048")
        version = _known_version(connection, path)
        if version == 1:
            connection.execute(VIEW_OF_VERSION_1)
        connection.execute("PRAGMA query_only=1")
        if version:
            return connection
    except sqlite3.DatabaseError as fault:
        raise SynthgenError(
            f"a ledger file cannot be read: {fault}", str(path), "move it aside, or restore it from a copy"
        ) from fault
    connection.close()
    return None


class HasFolder(Protocol):
    """What has a ledger's folder."""

    folder: Path


H = TypeVar("H", bound=HasFolder)


def reports_damage(method: Callable[Concatenate[H, P], R]) -> Callable[Concatenate[H, P], R]:
    """A method that raises a SynthgenError with the folder's name where it comes upon a damaged file."""

    @functools.wraps(method)
    def reporting(self: H, /, *args: P.args, **options: P.kwargs) -> R:
        try:
            return method(self, *args, **options)
        except sqlite3.DatabaseError as fault:
            next_step = (
                "`sqlite3 FILE 'pragma integrity_check'` finds the damaged one; restore it from a "
                "copy, save what can be read with `sqlite3 FILE .recover`, or move it aside"
            )
            raise SynthgenError(
                f"a ledger file cannot be read: {fault}", str(self.folder), next_step
            ) from fault

    return reporting


def _known_version(connection: sqlite3.Connection, path: Path) -> int:
    """The file's version; 0 where it is not laid out yet."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise SynthgenError(
            f"this ledger file has version {version}; this synthgen reads up to {SCHEMA_VERSION}",
            str(path),
            "upgrade synthgen, or name another folder with --ledger",
        )
    return int(version)


def trusts_locks(folder: Path) -> bool:
    """Whether file locks and shared memory can be relied on in a folder: not over a network.

    Elsewhere, `SYNTHGEN_LEDGER_LOCKS=no` says that they cannot, as for a local folder that others mount.
    """
    if os.environ.get("SYNTHGEN_LEDGER_LOCKS", "").lower() in ("no", "0", "false"):
        return False
    kind = file_system(folder)
    return kind not in NETWORK_FILE_SYSTEMS and not kind.startswith("fuse.")


def file_system(folder: Path) -> str:
    """The type of the file system that a folder is on ("ext4", "nfs4", …); "" where it is not known."""
    if sys.platform != "linux":
        return ""
    try:
        kind_here, longest = "", -1
        place = os.path.realpath(folder)
        with open("/proc/self/mounts", encoding="utf-8", errors="replace") as mounts:
            for line in mounts:
                _, point, kind, *_ = line.split()
                point = point.encode().decode("unicode_escape")
                inside = place == point or place.startswith(point.rstrip("/") + "/")
                if inside and len(point) >= longest:
                    kind_here, longest = kind, len(point)
        return kind_here
    except (OSError, ValueError):
        return ""
