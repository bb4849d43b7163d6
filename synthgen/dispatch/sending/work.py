"""What passes between a scheduler and a sender: jobs one way, outcomes the other.

Also what the sender is handed back once the ledger has committed a write of its own.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from synthgen.core.errors import SynthgenError
from synthgen.dispatch.request_key import KeyedRequest
from synthgen.dispatch.sending.attempt import AttemptFailure
from synthgen.dispatch.sending.cost import Cost

R = TypeVar("R")

THROTTLED_TRIES = 4  # so many times as often as it may fail otherwise, a request may be refused with 429


@dataclass(slots=True)
class SendJob(Generic[R]):
    """The samples of one request that are wanted, and what is known of the attempts to get them.

    Args:
        keyed: the request.
        samples: the ledger's indexes of the samples that are still wanted.
        outcomes: where the outcomes go.
        requester: who wants them; the receiver's own value, which no sender looks at.
        attempts: attempts so far.
        throttled: how many of these were refused with 429.
        first_sent: the loop's time of the first attempt; -1.0 before it.
        number: which of the sender's jobs this is, by the first attempt; -1 before it, and of optional ones.
        worst: the worst case that is reserved for the attempt under way.
        reservation: the number of that reservation in the ledger.
        optional: whether its requester goes on without it if it is refused.
        taken: the ledger keys that other processes see as asked for, while an attempt is under way.
        waits_since: the loop's time from which it waits for another process's reply; -1.0 where it does not.
    """

    keyed: KeyedRequest
    samples: tuple[int, ...]
    outcomes: Outcomes[R]
    requester: R
    attempts: int = 0
    throttled: int = 0
    first_sent: float = -1.0
    number: int = -1
    worst: Cost | None = None
    reservation: int | None = None
    optional: bool = False
    taken: tuple[str, ...] = ()
    waits_since: float = -1.0

    def count_failure(self, reason: str, max_attempts: int) -> tuple[int, int]:
        """Counts an attempt that failed for a reason: how many of its kind there were, and may be at most."""
        throttled = reason == "http_429"
        self.throttled += throttled
        tries = self.throttled if throttled else self.attempts - self.throttled
        return tries, max_attempts * (THROTTLED_TRIES if throttled else 1)

    def rest(self, start: int) -> SendJob[R]:
        """The samples from the `start`-th on as one job that has been tried as often as this one."""
        return replace(self, samples=self.samples[start:], worst=None, reservation=None, taken=())

    def one_by_one(self, start: int = 0) -> list[SendJob[R]]:
        """The samples from the `start`-th on, each as a job of its own."""
        samples = self.samples[start:]
        return [
            SendJob(self.keyed, (sample,), self.outcomes, self.requester, optional=self.optional)
            for sample in samples
        ]


@dataclass(slots=True)
class JobOutcome(Generic[R]):
    """The result of a job or of a part of it: the parsed reply and its choice by sample, or a failure.

    `from_ledger`: nothing was sent, since another process had put the reply there meanwhile, or since the
    same form had been refused before.
    """

    job: SendJob[R]
    samples: dict[int, tuple[dict[str, Any], int]] = field(default_factory=dict)
    failure: AttemptFailure | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    from_ledger: bool = False

    @property
    def parsed(self) -> dict[str, Any]:
        """The reply's JSON; empty where there is none."""
        return next((parsed for parsed, _ in self.samples.values()), {})


@dataclass(slots=True)
class Halt:
    """No further request will be sent: why."""

    fault: SynthgenError


Outcomes = queue.SimpleQueue[JobOutcome[R] | Halt]


AnyJob = SendJob[Any]
"""A job, whoever wants its samples."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """The worst case of a job is in the ledger, so that it may be sent."""

    job: AnyJob


@dataclass(frozen=True, slots=True)
class Replied:
    """A reply is in the ledger: the outcome for the receiver, and what the reply is charged at."""

    outcome: JobOutcome[Any]
    charged: Cost


Committed = Reserved | Replied | None
"""What a sender is handed once a write is committed; None for a failure that was recorded."""
