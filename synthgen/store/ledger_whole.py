"""Work over the whole ledger: counting, exporting, vacuuming."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from synthgen.store.ledger_file import ledger_files
from synthgen.store.ledger_json import parse_body


def stats(folder: Path, readers: Iterable[sqlite3.Connection]) -> dict[str, Any]:
    """Counts over all files of a ledger."""
    totals: dict[str, Any] = {
        "files": 0, "bytes": 0, "requests": 0, "replies": 0, "samples": 0, "refusals": 0, "failures": 0, "unsettled": 0,
        "prompt_tokens": 0, "completion_tokens": 0, "cost_usd": 0.0,
    }  # fmt: skip
    models: dict[str, dict[str, Any]] = {}
    for reader in readers:
        for name in ("requests", "samples", "refusals", "failures"):
            totals[name] += reader.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        totals["unsettled"] += reader.execute("SELECT count(*) FROM reservations").fetchone()[0]
        for model, replies, prompt, completion, cost in reader.execute(
            "SELECT model, count(*), sum(prompt_tokens), sum(completion_tokens), sum(cost_usd) FROM replies GROUP BY model"
        ):
            share = models.setdefault(model or "", {"replies": 0, "prompt_tokens": 0, "completion_tokens": 0, "cost_usd": 0.0})
            for name, value in (("replies", replies), ("prompt_tokens", prompt), ("completion_tokens", completion), ("cost_usd", cost)):
                share[name] += value or 0
                totals[name] += value or 0
    for path in ledger_files(folder):
        totals["files"] += 1
        totals["bytes"] += sum(part.stat().st_size for part in (path, path.with_name(path.name + "-wal")) if part.exists())
    return {**totals, "models": dict(sorted(models.items()))}


def recent(readers: Iterable[sqlite3.Connection], run: str, number: int) -> list[tuple[float, str, bytes, int]]:
    """A run's newest samples, the newest first: (when, ledger key, the reply's raw body, which choice of it)."""
    found: list[tuple[float, str, bytes, int]] = []
    for reader in readers:
        rows = reader.execute(
            "SELECT r.created, q.hash, s.sample, r.body, s.choice FROM (SELECT * FROM replies WHERE run=? ORDER BY id DESC LIMIT ?) r"
            " JOIN samples s ON s.reply=r.id JOIN requests q ON q.id=s.request ORDER BY r.id DESC, s.sample LIMIT ?",
            (run, number, number),
        )
        found += [(created, f"{digest.hex()}-{sample}", body, choice) for created, digest, sample, body, choice in rows]
    return sorted(found, key=lambda entry: (-entry[0], entry[1]))[:number]


def export(readers: Iterable[sqlite3.Connection], path: Path) -> int:
    """Writes every sample to a new JSONL file: {"key", "request", "reply", "choice", usage, cost, latency, model, run, created}."""
    written = 0
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(aside, "xb") as out:
        for reader in readers:
            for row in reader.execute(
                "SELECT q.hash, s.sample, q.canonical, r.body, s.choice, r.prompt_tokens, r.completion_tokens, r.cost_usd, r.latency, r.model, r.run, r.created"
                " FROM samples s JOIN replies r ON s.reply=r.id JOIN requests q ON q.id=s.request ORDER BY s.request, s.sample"
            ):
                entry = {
                    "key": f"{row[0].hex()}-{row[1]}", "request": orjson.loads(row[2]), "reply": parse_body(row[3]), "choice": row[4], "prompt_tokens": row[5],
                    "completion_tokens": row[6], "cost_usd": row[7], "latency": row[8], "model": row[9], "run": row[10], "created": row[11],
                }  # fmt: skip
                out.write(orjson.dumps(entry) + b"\n")
                written += 1
    os.replace(aside, path)
    return written


def vacuum(folder: Path) -> tuple[int, int]:
    """Rewrites each file that no process holds; returns bytes before and after."""
    before = after = 0
    for path in ledger_files(folder):
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
    return before, after
