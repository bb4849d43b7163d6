"""Replies as a JSONL file: exported from a ledger, and imported into one.

{"key", "request", "reply", "choice", "prompt_tokens", "completion_tokens", "cost_usd", "latency",
 "model", "run", "created"}
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import xxhash

from synthgen.core.errors import Fault
from synthgen.core.hashing import canonical_json
from synthgen.store.jsonl import scan
from synthgen.store.ledger.body import parse_body
from synthgen.store.ledger.file import claim_file, trusts_locks, unwritable
from synthgen.store.ledger.hash_index import Settling, request_id
from synthgen.store.ledger.key import key_of
from synthgen.store.ledger.log import new_segment

LINES_PER_COMMIT = 1000


def export(readers: Iterable[sqlite3.Connection], path: Path) -> int:
    """Writes every sample to a new JSONL file and returns how many there are."""
    written = 0
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(aside, "xb") as out:
        for reader in readers:
            for row in reader.execute(
                "SELECT q.hash, s.sample, q.canonical, r.body, s.choice, r.prompt_tokens, "
                "r.completion_tokens, r.cost_usd, r.latency, r.model, r.run, r.created"
                " FROM samples s JOIN replies r ON s.reply=r.id JOIN requests q ON q.id=s.request "
                "ORDER BY s.request, s.sample"
            ):
                entry = {
                    "key": key_of(row[0], row[1]),
                    "request": orjson.loads(row[2]),
                    "reply": parse_body(row[3]),
                    "choice": row[4],
                    "prompt_tokens": row[5],
                    "completion_tokens": row[6],
                    "cost_usd": row[7],
                    "latency": row[8],
                    "model": row[9],
                    "run": row[10],
                    "created": row[11],
                }
                out.write(orjson.dumps(entry) + b"\n")
                written += 1
    os.replace(aside, path)
    return written


@dataclass
class Imported:
    """The account of an import: samples added, samples that were there already, and lines refused."""

    added: int = 0
    known: int = 0
    refused: list[Fault] = field(default_factory=list)


def import_replies(readers: Sequence[sqlite3.Connection], folder: Path, path: Path) -> Imported:
    """Imports an exported file into a ledger file of this process's own; samples that are there already stay.

    A line is refused where its key does not fit its request, or where its reply has no such choice. What is
    imported is charged to no run.

    Raises:
        SynthgenError: the ledger cannot be written.
    """
    claim = claim_file(folder) if trusts_locks(folder) else new_segment(folder)
    imported = Imported()
    try:
        samples, settling = _SampleWriter(claim.connection), Settling(claim.connection)
        claim.connection.execute("BEGIN IMMEDIATE")
        for line in scan(path):
            fault = line.fault if line.row is None else _unfit(line.row)
            if line.row is None or fault:
                imported.refused.append(Fault(fault, f"{path}:{line.number}"))
                continue
            digest, sample = bytes.fromhex(line.row["key"][:32]), int(line.row["key"][33:])
            if any(
                reader.execute(_KNOWN, (digest, sample)).fetchone() for reader in (*readers, claim.connection)
            ):
                imported.known += 1
                continue
            samples.add(digest, sample, line.row)
            imported.added += 1
            if imported.added % LINES_PER_COMMIT == 0:
                settling.settle(lambda move: move())
                claim.connection.execute("COMMIT")
                claim.connection.execute("BEGIN IMMEDIATE")
        claim.connection.execute("COMMIT")
    except sqlite3.Error as fault:
        raise unwritable(claim.path, fault) from fault
    finally:
        claim.release()
    return imported


_KNOWN = "SELECT 1 FROM samples WHERE request=(SELECT request FROM keys WHERE hash=?) AND sample=?"


class _SampleWriter:
    """Writes samples; those of one reply, which follow one another in an export, share one row again."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._digest, self._request = b"", 0
        self._replies: dict[tuple[int, object], int] = {}

    def add(self, digest: bytes, sample: int, entry: dict[str, Any]) -> None:
        """Writes one sample."""
        execute = self._connection.execute
        if digest != self._digest:
            self._digest = digest
            self._request = request_id(self._connection, digest, canonical_json(entry["request"]))
            self._replies = {}
        body = orjson.dumps(entry["reply"])
        created = entry.get("created")
        reply = (xxhash.xxh3_64_intdigest(body), created)
        if reply not in self._replies:
            values = [
                entry.get(name)
                for name in ("model", "prompt_tokens", "completion_tokens", "cost_usd", "latency", "run")
            ]
            when = created if created is not None else time.time()
            made = execute(
                "INSERT INTO replies(model, prompt_tokens, completion_tokens, cost_usd, latency, "
                "run, created, headers, body) VALUES (?,?,?,?,?,?,?,?,?)",
                (*values[:4], values[4] or 0.0, values[5] or "", when, "", body),
            ).lastrowid
            assert made is not None
            self._replies[reply] = made
        execute(
            "INSERT INTO samples(request, sample, reply, choice) VALUES (?,?,?,?)",
            (self._request, sample, self._replies[reply], entry["choice"]),
        )


_VALUES: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "prompt_tokens": (int,),
    "completion_tokens": (int,),
    "cost_usd": (int, float),
    "latency": (int, float),
    "run": (str,),
    "created": (int, float),
}


def _unfit(entry: dict[str, Any]) -> str:
    """Why a line is no sample that the ledger could hold; empty where it is one."""
    key, request, reply, choice = (entry.get(name) for name in ("key", "request", "reply", "choice"))
    if not (
        isinstance(key, str) and isinstance(request, dict) and isinstance(reply, dict) and type(choice) is int
    ):
        return "no sample: `synthgen ledger export` writes key, request, reply and choice"
    digest, dash, sample = key.partition("-")
    if not (dash and len(digest) == 32 and sample.isascii() and sample.isdecimal() and len(sample) < 10):
        return f"{key[:60]!r} is no ledger key"
    if digest != xxhash.xxh3_128_hexdigest(canonical_json(request)):
        return f"the key {key} does not fit its request: one of the two was changed"
    choices = reply.get("choices")
    if (
        not isinstance(choices, list)
        or not 0 <= choice < len(choices)
        or not isinstance(choices[choice], dict)
    ):
        return f"the reply holds no choice {choice}"
    for name, kinds in _VALUES.items():
        value = entry.get(name)
        if value is not None and (
            not isinstance(value, kinds)
            or isinstance(value, bool)
            or (isinstance(value, int) and abs(value) >> 62)
        ):
            return f"{name} is no {'text' if str in kinds else 'number'}"
    return ""
