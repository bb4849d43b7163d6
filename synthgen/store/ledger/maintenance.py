"""Work over the whole ledger: counting, a run's newest samples, vacuuming."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from synthgen.store.ledger.file import ledger_files, trusts_locks
from synthgen.store.ledger.key import key_of
from synthgen.store.ledger.log import log_name, seal

ABANDONED_SECONDS = 86_400.0
UNNAMED = "(no name)"
"""Under which name replies are counted whose server names no model."""


class RecentSample(NamedTuple):
    """One sample: when it came, its ledger key, the reply's raw body, and which choice of it."""

    created: float
    key: str
    body: bytes
    choice: int


class FileSizes(NamedTuple):
    """The bytes of all ledger files before and after a vacuum."""

    before: int
    after: int


def stats(folder: Path, readers: Iterable[sqlite3.Connection]) -> dict[str, Any]:
    """Counts over all files of a ledger."""
    totals: dict[str, Any] = {
        "files": 0,
        "bytes": 0,
        "requests": 0,
        "replies": 0,
        "samples": 0,
        "refusals": 0,
        "failures": 0,
        "unsettled": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "cost_usd": 0.0,
    }
    models: dict[str, dict[str, Any]] = {}
    for reader in readers:
        for name in ("requests", "samples", "refusals", "failures"):
            totals[name] += reader.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        totals["unsettled"] += reader.execute("SELECT count(*) FROM reservations").fetchone()[0]
        for model, replies, prompt, completion, cost in reader.execute(
            "SELECT model, count(*), sum(prompt_tokens), sum(completion_tokens), sum(cost_usd) FROM "
            "replies GROUP BY model"
        ):
            share = models.setdefault(
                model or UNNAMED, {"replies": 0, "prompt_tokens": 0, "completion_tokens": 0, "cost_usd": 0.0}
            )
            for name, value in (
                ("replies", replies),
                ("prompt_tokens", prompt),
                ("completion_tokens", completion),
                ("cost_usd", cost),
            ):
                share[name] += value or 0
                totals[name] += value or 0
    for path in (*ledger_files(folder), *folder.glob("ledger-*.log")):
        totals["files"] += 1
        totals["bytes"] += sum(
            part.stat().st_size for part in (path, path.with_name(path.name + "-wal")) if part.exists()
        )
    return {**totals, "models": dict(sorted(models.items()))}


def recent(readers: Iterable[sqlite3.Connection], run: str, number: int) -> list[RecentSample]:
    """A run's newest samples, the newest first."""
    samples: list[RecentSample] = []
    for reader in readers:
        rows = reader.execute(
            "SELECT r.created, q.hash, s.sample, r.body, s.choice FROM (SELECT * FROM replies WHERE "
            "run=? ORDER BY id DESC LIMIT ?) r"
            " JOIN samples s ON s.reply=r.id JOIN requests q ON q.id=s.request ORDER BY r.id DESC, "
            "s.sample LIMIT ?",
            (run, number, number),
        )
        samples += [
            RecentSample(created, key_of(digest, sample), body, choice)
            for created, digest, sample, body, choice in rows
        ]
    return sorted(samples, key=lambda entry: (-entry.created, entry.key))[:number]


def vacuum(folder: Path) -> FileSizes:
    """Rewrites each file that no process holds; what was a log has no free pages.

    Without locks only logs are made into files, those whose owners have not been heard of for a day.
    """
    before = after = 0
    for path in folder.glob("ledger-*.log") if folder.is_dir() else ():
        if _is_abandoned(path):
            before += path.stat().st_size
            seal(path)
            made = path.with_suffix(".sqlite")
            after += made.stat().st_size if made.exists() else 0
    if not trusts_locks(folder):
        return FileSizes(before, after)
    for path in ledger_files(folder):
        if log_name(path) is not None:
            continue
        before += path.stat().st_size
        lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            connection = sqlite3.connect(path, isolation_level=None, timeout=30)
            try:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.close()
        except BlockingIOError:
            pass  # a live process writes it
        finally:
            os.close(lock)
        after += path.stat().st_size
    return FileSizes(before, after)


def _is_abandoned(log: Path) -> bool:
    """Whether the process that wrote a log is gone for certain."""
    name = log_name(log)
    if name is None or name.owner.is_here:
        return name is not None and not name.owner.runs_here
    heartbeat = log.parent / "owners" / name.owner.name
    times = [path.stat().st_mtime for path in (log, heartbeat) if path.exists()]
    return time.time() - max(times, default=0.0) > ABANDONED_SECONDS
