"""What one ledger file holds of a request, a sample or a run: the queries, and their rows as values."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from synthgen.store.ledger.body import parse_body
from synthgen.store.ledger.key import key_of

SAMPLES = (
    "SELECT k.request, s.sample, s.choice, r.created, r.body FROM (SELECT request FROM keys WHERE "
    "hash=?1 LIMIT 1) k"
    " LEFT JOIN samples s ON s.request=k.request AND s.sample>=?2 AND s.sample<?3 LEFT JOIN replies "
    "r ON r.id=s.reply"
)
"""A request's samples; of a request that is known and has none, one row without a sample."""

ENTRY = (
    "SELECT q.hash, s.sample, q.canonical, r.body, s.choice, r.cost_usd, r.latency, r.created, "
    "r.model, r.headers, r.run,"
    " r.prompt_tokens, r.completion_tokens FROM requests q JOIN samples s ON s.request=q.id JOIN "
    "replies r ON r.id=s.reply"
    " WHERE q.id=(SELECT request FROM keys WHERE hash=?) AND s.sample=?"
)
"""All that is stored of one sample."""

_REPLY_COST = (
    "SELECT r.created, r.id, r.prompt_tokens, r.completion_tokens, r.cost_usd "
    "FROM samples s JOIN replies r ON r.id=s.reply"
    " WHERE s.request=(SELECT request FROM keys WHERE hash=?) AND s.sample=?"
)
_SPEND = "SELECT usd, tokens, requests FROM spend WHERE run=?"
_RESERVED = "SELECT sum(usd), sum(tokens), count(*) FROM reservations WHERE run=?"


@dataclass(frozen=True)
class LedgerEntry:
    """All that is stored of one sample."""

    key: str
    request: dict[str, Any]
    reply: dict[str, Any]
    choice: int
    usage: dict[str, Any]
    cost_usd: float | None
    latency: float
    model: str
    created: float
    headers: dict[str, str] = field(default_factory=dict)
    run: str = ""


class SampleRow(NamedTuple):
    """One sample of a request; without a sample index where the request is known and has none."""

    request: int
    sample: int | None
    choice: int
    created: float
    body: bytes


class ReplyCost(NamedTuple):
    """What the reply behind a sample cost; `reply` is its number in the file."""

    created: float
    reply: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None


class NoReply(NamedTuple):
    """Why a request has no reply: it was refused for good, or it failed in one run; empty if neither."""

    reason: str = ""
    detail: str = ""
    permanent: bool = False


class Spend(NamedTuple):
    """What a run is charged."""

    usd: float
    tokens: int
    requests: int


def read_samples(reader: sqlite3.Connection, digest: bytes, start: int, n: int) -> list[SampleRow]:
    """The samples of a request in one file.

    Args:
        reader: the file.
        digest: the request's hash.
        start: the first sample.
        n: how many samples.

    Returns:
        A row for each; one without a sample where there are none, and no row where the request is not known.
    """
    return [SampleRow(*row) for row in reader.execute(SAMPLES, (digest, start, start + n))]


def read_no_reply(
    reader: sqlite3.Connection, request: int, start: int, n: int, run: str, since: float, refused_since: float
) -> NoReply:
    """Why the samples [start, start + n) of a request have no reply.

    Args:
        reader: the file.
        request: the request's number in it.
        start: the first sample.
        n: how many samples.
        run: the run whose failures count; with "", none count.
        since: the time from which they count.
        refused_since: the time from which refusals count.

    Returns:
        The request's refusal, else its first failure.
    """
    row = reader.execute(
        "SELECT reason, detail, 1 FROM refusals WHERE request=? AND created>=?", (request, refused_since)
    ).fetchone()
    if row is None and run:
        row = reader.execute(
            "SELECT reason, detail, 0 FROM failures WHERE run=? AND request=? AND sample>=? AND "
            "sample<? AND created>=? ORDER BY sample LIMIT 1",
            (run, request, start, start + n, since),
        ).fetchone()
    return NoReply(row[0], row[1], bool(row[2])) if row is not None else NoReply()


def read_entry(reader: sqlite3.Connection, digest: bytes, sample: int) -> LedgerEntry | None:
    """All that is stored of one sample, or None."""
    row = reader.execute(ENTRY, (digest, sample)).fetchone()
    if row is None:
        return None
    return LedgerEntry(
        key=key_of(row[0], row[1]),
        request=orjson.loads(row[2]),
        reply=parse_body(row[3]) or {},
        choice=row[4],
        cost_usd=row[5],
        latency=row[6],
        created=row[7],
        model=row[8],
        headers=orjson.loads(row[9] or "{}"),
        run=row[10],
        usage={"prompt_tokens": row[11], "completion_tokens": row[12]},
    )


def read_reply_cost(reader: sqlite3.Connection, digest: bytes, sample: int) -> ReplyCost | None:
    """What the reply behind one sample cost, or None where there is no such sample."""
    row = reader.execute(_REPLY_COST, (digest, sample)).fetchone()
    return None if row is None else ReplyCost(*row)


def read_spend(reader: sqlite3.Connection, run: str) -> list[Spend]:
    """What a run is charged in this file: what is settled, and in full what is only reserved."""
    return [_read_sums(reader, _SPEND, run), read_reserved(reader, run)]


def read_paid(reader: sqlite3.Connection) -> dict[str, float]:
    """The dollars that each run has paid in this file; what is only reserved is left out."""
    return {run: usd or 0.0 for run, usd in reader.execute("SELECT run, sum(usd) FROM spend GROUP BY run")}


def read_reserved(reader: sqlite3.Connection, run: str) -> Spend:
    """What is only reserved for a run in this file."""
    return _read_sums(reader, _RESERVED, run)


def _read_sums(reader: sqlite3.Connection, query: str, run: str) -> Spend:
    usd, tokens, requests = reader.execute(query, (run,)).fetchone() or (None, None, None)
    return Spend(usd or 0.0, tokens or 0, requests or 0)
