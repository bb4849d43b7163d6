"""What is written to a ledger: replies, refusals, failures and charges, and what each does to its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from synthgen.store.ledger.hash_index import request_id


@dataclass(slots=True)
class ReplyWrite:
    """A reply as it came; its k-th choice is the sample `samples[k]` of the request.

    Where `choices` is given, it is the choice `choices[k]`: others failed, and are no sample.
    Settles the reservation that was made for it.
    """

    hash: bytes
    canonical: bytes
    samples: tuple[int, ...]
    body: bytes
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None
    latency: float
    headers: str
    run: str
    charged_usd: float = 0.0
    charged_tokens: int = 0
    reservation: int | None = None
    choices: tuple[int, ...] | None = None


@dataclass(slots=True)
class RefusalWrite:
    """A permanent refusal of a request."""

    hash: bytes
    canonical: bytes
    reason: str
    detail: str


@dataclass(slots=True)
class FailureWrite:
    """Transient errors until the tries were spent, for these samples of a request, in one run."""

    hash: bytes
    canonical: bytes
    samples: tuple[int, ...]
    run: str
    reason: str
    detail: str


@dataclass(slots=True)
class ReserveWrite:
    """The worst case of a request that is about to be sent."""

    reservation: int
    run: str
    usd: float
    tokens: int


@dataclass(slots=True)
class ReleaseWrite:
    """A reservation that is known to have cost nothing."""

    reservation: int


@dataclass(slots=True)
class ChargeWrite:
    """What a run is charged beside its replies: a batch's worst case; negative where it is given back."""

    run: str
    usd: float
    tokens: int
    requests: int


@dataclass(slots=True)
class Barrier:
    """Writes nothing; its commit shows that all handed in before it is on disk."""


Write = ReplyWrite | RefusalWrite | FailureWrite | ReserveWrite | ReleaseWrite | ChargeWrite | Barrier


def apply(connection: sqlite3.Connection, writes: Sequence[Write], now: float) -> None:
    """Does writes in the tables of a ledger, within the caller's transaction.

    Args:
        connection: a file that is open for writing.
        writes: what to write, in order.
        now: when they are said to be made.
    """
    execute = connection.execute
    spend: dict[str, list[float]] = {}
    for write in writes:
        if isinstance(write, ReplyWrite):
            request = request_id(connection, write.hash, write.canonical)
            reply = execute(
                "INSERT INTO replies(model, prompt_tokens, completion_tokens, cost_usd, latency, "
                "run, created, headers, body) VALUES (?,?,?,?,?,?,?,?,?)",
                (
                    write.model,
                    write.prompt_tokens,
                    write.completion_tokens,
                    write.cost_usd,
                    write.latency,
                    write.run,
                    now,
                    write.headers,
                    write.body,
                ),
            ).lastrowid
            choices = range(len(write.samples)) if write.choices is None else write.choices
            for choice, sample in zip(choices, write.samples, strict=True):
                execute(
                    "INSERT OR IGNORE INTO samples(request, sample, reply, choice) VALUES (?,?,?,?)",
                    (request, sample, reply, choice),
                )
            # A server that refused it once has answered now, on purpose asked again.
            execute("DELETE FROM refusals WHERE request=?", (request,))
            total = spend.setdefault(write.run, [0.0, 0, 0])
            total[0] += write.charged_usd
            total[1] += write.charged_tokens
            total[2] += 1
            if write.reservation is not None:
                execute("DELETE FROM reservations WHERE id=?", (write.reservation,))
        elif isinstance(write, ReserveWrite):
            execute(
                "INSERT INTO reservations(id, run, usd, tokens, created) VALUES (?,?,?,?,?)",
                (write.reservation, write.run, write.usd, write.tokens, now),
            )
        elif isinstance(write, ReleaseWrite):
            execute("DELETE FROM reservations WHERE id=?", (write.reservation,))
        elif isinstance(write, ChargeWrite):
            total = spend.setdefault(write.run, [0.0, 0, 0])
            total[0] += write.usd
            total[1] += write.tokens
            total[2] += write.requests
        elif isinstance(write, RefusalWrite):
            request = request_id(connection, write.hash, write.canonical)
            execute(
                "INSERT OR REPLACE INTO refusals(request, reason, detail, created) VALUES (?,?,?,?)",
                (request, write.reason, write.detail, now),
            )
        elif isinstance(write, FailureWrite):
            request = request_id(connection, write.hash, write.canonical)
            for sample in write.samples:
                execute(
                    "INSERT OR REPLACE INTO failures(run, request, sample, reason, detail, created) "
                    "VALUES (?,?,?,?,?,?)",
                    (write.run, request, sample, write.reason, write.detail, now),
                )
    for name, (usd, tokens, requests) in spend.items():
        execute(
            "INSERT INTO spend(run, usd, tokens, requests) VALUES (?,?,?,?) ON CONFLICT(run) DO UPDATE SET"
            " usd = usd + excluded.usd, tokens = tokens + excluded.tokens, requests = requests + "
            "excluded.requests",
            (name, usd, tokens, requests),
        )
