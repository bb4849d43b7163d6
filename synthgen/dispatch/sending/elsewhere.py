"""Jobs whose request another process is asking for at this moment: they wait for its reply."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from synthgen.dispatch.sending.recheck import recheck
from synthgen.dispatch.sending.work import AnyJob, Outcomes
from synthgen.store.ledger.key import key_of
from synthgen.store.ledger.ledger import Ledger

FIRST_LOOK = 0.02  # seconds until it is looked whether the other process is done; each time a half more
LAST_LOOK = 0.5
PATIENCE = 60.0  # seconds beyond an attempt's timeout after which a job is sent anyhow


class Elsewhere:
    """What waits for other processes; used on the event loop's thread.

    Args:
        loop: the event loop.
        ledger: where their replies are found, and what they are asking for.
        timeout: seconds that an attempt can take.
        requeue: takes back the jobs that need not wait any more.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ledger: Ledger,
        timeout: float,
        requeue: Callable[..., None],
    ) -> None:
        self._loop, self._ledger, self._attempts = loop, ledger, ledger.attempts()
        self._patience, self._requeue = timeout + PATIENCE, requeue
        self._jobs: list[AnyJob] = []
        self._timer: asyncio.TimerHandle | None = None
        self._pause = FIRST_LOOK

    def begin(self, job: AnyJob) -> bool:
        """Whether a job is to be sent now, and has to be ended; if not, it waits here or is answered.

        Raises:
            SynthgenError: the ledger cannot be read.
        """
        now = self._loop.time()
        keys = tuple(key_of(job.keyed.digest, sample) for sample in job.samples)
        if not self._attempts.take(keys, anyhow=0 <= job.waits_since < now - self._patience):
            if job.waits_since < 0:
                job.waits_since = now
            self._jobs.append(job)
            if self._timer is None:
                self._timer = self._loop.call_later(self._pause, self._look)
            return False
        job.taken = keys
        # Whoever has asked until now has committed the reply before it let go.
        outcome = recheck(job, self._ledger)
        if outcome is not None:
            job.outcomes.put(outcome)
        if not job.samples:
            self.end(job)
        return bool(job.samples)

    def end(self, job: AnyJob) -> None:
        """Says that an attempt has ended, after its reply was committed."""
        self._attempts.give_back(job.taken)
        job.taken = ()

    def drop(self, outcomes: Outcomes[Any] | None = None) -> None:
        """Forgets the jobs of one receiver, or all."""
        self._jobs = [job for job in self._jobs if outcomes is not None and job.outcomes is not outcomes]

    def _look(self) -> None:
        self._timer = None
        too_long = self._loop.time() - self._patience
        free, held = list[AnyJob](), list[AnyJob]()
        for job in self._jobs:
            keys = (key_of(job.keyed.digest, sample) for sample in job.samples)
            waits = job.waits_since >= too_long and self._attempts.are_asked_elsewhere(keys)
            (held if waits else free).append(job)
        self._jobs = held
        self._pause = FIRST_LOOK if free else min(1.5 * self._pause, LAST_LOOK)
        if held:
            self._timer = self._loop.call_later(self._pause, self._look)
        if free:
            self._requeue(*free)
