"""What of a reply or of a failure goes into the ledger, and what a reply is charged at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import orjson

from synthgen.core.redact import Redact
from synthgen.dispatch.sending.attempt import AttemptFailure, AttemptResult
from synthgen.dispatch.sending.cost import Cost, real_cost
from synthgen.dispatch.sending.work import AnyJob, JobOutcome, Replied
from synthgen.store.ledger.writes import FailureWrite, RefusalWrite, ReplyWrite
from synthgen.teachers.config import Price
from synthgen.teachers.replies import good_choices

KEPT_HEADERS = (
    "x-request-id",
    "request-id",
    "openai-processing-ms",
    "openai-version",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
)
HEADER_CHARACTERS = 200


class ReplyCommit(NamedTuple):
    """A reply as the ledger takes it, and what the sender is handed once it is committed."""

    write: ReplyWrite
    replied: Replied


def reply_write(
    job: AnyJob, result: AttemptResult, latency: float, price: Price | None, run: str, redact: Redact
) -> ReplyCommit:
    """A reply as the ledger takes it.

    Args:
        job: whose reply it is.
        result: the attempt's result; it has a reply.
        latency: seconds that the attempt took.
        price: the teacher's price, or None.
        run: the run that is charged.
        redact: takes known keys out of headers.

    Returns:
        The write, and what to hand on after its commit. Where the reply does not say what it cost, it stays
        charged at the worst case.
    """
    parsed = result.parsed
    assert parsed is not None
    cost = real_cost(parsed, price)
    charged = Cost(cost.usd or 0.0, (cost.prompt_tokens or 0) + (cost.completion_tokens or 0))
    if job.worst is not None:
        unknown = cost.prompt_tokens is None or cost.completion_tokens is None
        charged = Cost(
            job.worst.usd if cost.usd is None else charged.usd,
            job.worst.tokens if unknown else charged.tokens,
        )
    choices = good_choices(parsed)[: len(job.samples)]
    samples = job.samples[: len(choices)]
    outcome = JobOutcome(
        job,
        {sample: (parsed, choice) for choice, sample in zip(choices, samples, strict=True)},
        None,
        cost.prompt_tokens or 0,
        cost.completion_tokens or 0,
        cost.usd or 0.0,
    )
    write = ReplyWrite(
        hash=job.keyed.digest,
        canonical=job.keyed.canonical,
        samples=samples,
        body=result.body,
        model=str(parsed.get("model") or ""),
        prompt_tokens=cost.prompt_tokens,
        completion_tokens=cost.completion_tokens,
        cost_usd=cost.usd,
        latency=round(latency, 4),
        headers=kept_headers(result.headers, redact),
        run=run,
        charged_usd=charged.usd,
        charged_tokens=charged.tokens,
        reservation=job.reservation,
        choices=choices,
    )
    return ReplyCommit(write, Replied(outcome, charged))


def kept_headers(headers: Mapping[str, str], redact: Redact) -> str:
    """The headers that are worth keeping, as JSON, without keys; "" where there are none."""
    # Bytes of a header that are no UTF-8 arrive as surrogates, which JSON cannot hold.
    kept = {
        name: redact(headers[name].encode("utf-8", "replace").decode())[:HEADER_CHARACTERS]
        for name in KEPT_HEADERS
        if name in headers
    }
    return orjson.dumps(kept).decode() if kept else ""


def failure_write(job: AnyJob, failure: AttemptFailure, run: str) -> RefusalWrite | FailureWrite:
    """A failure as the ledger takes it: a permanent refusal, or tries that were spent in this run."""
    keyed = job.keyed
    if failure.kind == "row":
        return RefusalWrite(keyed.digest, keyed.canonical, failure.reason, failure.detail)
    return FailureWrite(keyed.digest, keyed.canonical, job.samples, run, failure.reason, failure.detail)
