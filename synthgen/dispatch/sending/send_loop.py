"""One teacher's jobs on the event loop: started as limits and budget allow, retried, and answered for.

A job's slot is free again once its reply is committed, so what is in flight at a kill never exceeds the
concurrency. There is no barrier: a job that waits for its next attempt holds up no other.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from typing import Any

from synthgen.core.errors import SynthgenError, TeacherFailed
from synthgen.core.redact import Redact
from synthgen.dispatch.sending import attempt as attempts
from synthgen.dispatch.sending import retry
from synthgen.dispatch.sending.attempt import AttemptFailure, AttemptResult, teacher_failed
from synthgen.dispatch.sending.budget import BudgetAccount
from synthgen.dispatch.sending.circuit_breaker import CircuitBreaker
from synthgen.dispatch.sending.concurrency import ConcurrencyLimit
from synthgen.dispatch.sending.connection import Connection
from synthgen.dispatch.sending.cost import Cost, worst_case
from synthgen.dispatch.sending.elsewhere import Elsewhere
from synthgen.dispatch.sending.endpoints import Endpoint, Endpoints
from synthgen.dispatch.sending.ledger_write import failure_write, reply_write
from synthgen.dispatch.sending.prescribed_form import PrescribedForms
from synthgen.dispatch.sending.rate_limit import RateLimit
from synthgen.dispatch.sending.restart import RestartServer, ServerRestart
from synthgen.dispatch.sending.work import AnyJob, Committed, Halt, JobOutcome, Outcomes, Replied, Reserved
from synthgen.store.ledger.ledger import Ledger
from synthgen.store.ledger.writer import OnCommit
from synthgen.teachers.config import TeacherConfig

BUDGET_PAUSE = 0.05  # seconds until a job that does not fit is tried again: a reply may settle lower


class SendLoop:
    """One teacher's jobs; its methods are called on the event loop's thread, by `Sender` for other threads.

    Args:
        loop: the event loop.
        ledger: where replies and failures are recorded.
        config: the teacher's options.
        urls: its base URLs, at least one.
        connection: how they are reached; closed with the loop.
        supports_n: whether its server gives several samples for one request.
        run: the run that is charged.
        account: the run's budget, or None.
        redact: takes known keys out of what servers say.
        restart_server: restarts a server that the run itself started; None where there is none.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ledger: Ledger,
        config: TeacherConfig,
        *,
        urls: tuple[str, ...],
        connection: Connection,
        supports_n: bool,
        run: str,
        account: BudgetAccount | None,
        redact: Redact,
        restart_server: RestartServer | None = None,
    ) -> None:
        self.loop, self._ledger, self._config, self._run, self._account = loop, ledger, config, run, account
        self.concurrency = ConcurrencyLimit(config.limits)
        self.in_flight = self.sent = self._started = 0
        self.retries: Counter[str] = Counter()
        self._endpoints = Endpoints([Endpoint(url) for url in urls])
        self._rate_limit, self._breaker = RateLimit(config.limits), CircuitBreaker(config)
        self._forms = PrescribedForms(refuse=self._refused)
        self.connection, self._supports_n, self._redact = connection, supports_n, redact
        self._queue: deque[AnyJob] = deque()
        self._elsewhere = Elsewhere(loop, ledger, config.limits.timeout, self._requeue)
        self._receivers: set[Outcomes[Any]] = set()
        self._tasks, self._jitter = set[asyncio.Task[None]](), random.Random()
        self._fault: SynthgenError | None = None
        self._wake: asyncio.TimerHandle | None = None
        self._restart: ServerRestart[AnyJob, tuple[AttemptResult, AttemptFailure]] | None = None
        if restart_server is not None:
            self._restart = ServerRestart(
                loop,
                restart_server,
                self._endpoints.all[0],
                again=lambda job, why: self._again(job, *why, self.loop.time()),
                requeue=self._requeue,
                pump=self._pump,
                halt=self._halt,
            )

    # What a sender hands on
    def add(self, jobs: list[AnyJob], proven: bool) -> None:
        """See `Sender`."""
        if proven:
            self._breaker.proven = True
        for job in jobs:
            self._receivers.add(job.outcomes)
            if self._fault is not None:
                job.outcomes.put(Halt(self._fault))
            elif len(job.samples) > 1 and not self._supports_n:
                self._queue.extend(job.one_by_one())
            else:
                self._queue.append(job)
        self._pump()

    async def drop(self, outcomes: Outcomes[Any]) -> None:
        """See `Sender`."""
        self._queue = deque(job for job in self._queue if job.outcomes is not outcomes)
        self._queue.extend(self._forms.drop(outcomes))
        self._elsewhere.drop(outcomes)
        self._receivers.discard(outcomes)

    async def cancel(self) -> None:
        """See `Sender`."""
        self._queue.clear()
        self._elsewhere.drop()
        self._receivers.clear()
        if self._restart is not None:
            self._restart.forget()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def flush(self) -> None:
        """See `Sender`."""
        if isinstance(self._fault, TeacherFailed):
            self._breaker.forget()
        self._record_held_failures()

    async def close(self) -> None:
        """See `Sender`."""
        await self.cancel()
        if self._wake is not None:
            self._wake.cancel()
        await self.connection.close()

    # Starting attempts
    def _pump(self) -> None:
        """Starts attempts while there is a slot, a job, and leave from limits and budget."""
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self._restart is not None and self._restart.under_way:
            return
        while self._queue and self._fault is None:
            if self.in_flight >= self.concurrency.limit:
                self.concurrency.filled()
                return
            job = self._queue[0]
            now = self.loop.time()
            wait = self._rate_limit.delay(now)
            if wait > 0:
                self._wake = self.loop.call_later(wait, self._pump)
                return
            try:
                to_send = self._elsewhere.begin(job)
            except SynthgenError as fault:
                self._halt(fault)
                return
            if not to_send or self._forms.holds(job):
                self._elsewhere.end(self._queue.popleft())  # nothing, if it was not begun
                continue
            if self._account is not None and not self._reserve(job, self._account):
                self._elsewhere.end(job)
                return
            self._queue.popleft()
            self._rate_limit.sent(now, job.keyed.size)
            self.in_flight += 1
            if self._account is None:
                self._start(job)

    def _reserve(self, job: AnyJob, account: BudgetAccount) -> bool:
        """Reserves a job's worst case, on disk, before it is sent; False where it does not fit."""
        try:
            worst = worst_case(job.keyed, len(job.samples), self._config, account.budget)
        except SynthgenError as fault:
            self._halt(fault)
            return False
        if not account.fits(worst):
            if account.pending == 0:
                self._halt(account.reached())
            else:
                self._wake = self.loop.call_later(BUDGET_PAUSE, self._pump)
            return False
        account.reserve(job, worst, OnCommit(self._on_commit, Reserved(job)))
        return True

    def _start(self, job: AnyJob) -> None:
        if job.number < 0 and not job.optional:
            job.number = self._started
            self._started += 1
        endpoint = self._endpoints.pick(self.loop.time())
        endpoint.in_flight += 1
        endpoint.asked += 1
        task = self.loop.create_task(self._attempt(job, endpoint))
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, endpoint))

    def _ended(self, task: asyncio.Task[None], endpoint: Endpoint) -> None:
        self._tasks.discard(task)
        endpoint.in_flight -= 1
        fault = None if task.cancelled() else task.exception()
        if fault is not None:  # an error of our own must neither hang the run nor lose a row silently
            self.in_flight -= 1
            self._halt(attempts.unexpected(fault, self._redact))

    async def _attempt(self, job: AnyJob, endpoint: Endpoint) -> None:
        """Makes one attempt, and gives its result to the ledger or to the retry table."""
        started = self.loop.time()
        if job.first_sent < 0:
            job.first_sent = started
        job.attempts += 1
        self.sent += 1
        try:
            result = await self.connection.attempt(job, endpoint.url)
        except asyncio.CancelledError:
            self._free(job)
            if self._account is not None:
                self._account.keep(job)
            raise
        now = self.loop.time()
        reason = result.failure.reason if result.failure else ""
        self._rate_limit.answered(now, now - started, reason, result.headers, result.retry_after)
        self.concurrency.answered(now, now - started, reason)
        self._breaker.contacted |= result.reached
        self._endpoints.tried(endpoint, now, result)
        if result.failure is None:
            if self._restart is not None:
                self._restart.answered = True
            self._keep_reply(job, result, now - started)
        else:
            self._failed(job, result, result.failure, now)

    # After an attempt
    def _keep_reply(self, job: AnyJob, result: AttemptResult, latency: float) -> None:
        write, replied = reply_write(job, result, latency, self._config.price, self._run, self._redact)
        used = (write.prompt_tokens or 0) + (write.completion_tokens or 0)
        self._rate_limit.used(used, job.keyed.size)
        self._ledger.submit(write, OnCommit(self._on_commit, replied))

    def _failed(self, job: AnyJob, result: AttemptResult, failure: AttemptFailure, now: float) -> None:
        if self._account is not None:
            (self._account.keep if failure.charged else self._account.release)(job)
        self._free(job)
        self._queue.extendleft(reversed(self._forms.failed(job, failure)))
        if failure.kind == "run":
            self._halt(teacher_failed(self._config, failure))
        elif failure.kind == "row":
            self._refused(job, failure)
        elif self._restart is not None and not result.reached and self._fault is None:
            self._restart.wait(job, (result, failure))
        else:
            self._again(job, result, failure, now)
        self._pump()

    def _refused(self, job: AnyJob, failure: AttemptFailure) -> None:
        if len(job.samples) > 1 and failure.reason in ("http_400", "http_422"):
            # Perhaps it does not take `n`, which is no part of the key: ask one by one before believing it.
            self._queue.extendleft(reversed(job.one_by_one()))
            return
        fault = self._breaker.refused(job, failure)
        if fault is not None:
            self._halt(fault)
        else:
            job.outcomes.put(JobOutcome(job, failure=failure, from_ledger=not job.attempts))

    def _again(self, job: AnyJob, result: AttemptResult, failure: AttemptFailure, now: float) -> None:
        """Tries a job again after a pause, or gives it up where its tries or its time are spent."""
        limits = self._config.limits
        self.retries[failure.reason] += 1
        tries, most = job.count_failure(failure.reason, limits.max_attempts)
        pause = retry.pause_before(tries, result.retry_after, self._jitter)
        fault = self._breaker.unreachable(job, failure)
        if fault is None and (tries >= most or now + pause - job.first_sent > limits.max_retry_seconds):
            fault = self._breaker.spent(job, failure, self.concurrency.limit)
            if fault is None:
                job.outcomes.put(JobOutcome(job, failure=failure))
                return
        if fault is not None:
            self._halt(fault)
        else:
            self.loop.call_later(pause, self._requeue, job)

    def _free(self, job: AnyJob) -> None:
        """An attempt has ended: its slot is free, and another process may ask."""
        self.in_flight -= 1
        self._elsewhere.end(job)

    def _requeue(self, *jobs: AnyJob) -> None:
        if self._fault is None:
            self._queue.extendleft(job for job in reversed(jobs) if job.outcomes in self._receivers)
            self._pump()

    def _record_held_failures(self) -> None:
        for job, failure in self._breaker.answered():
            self._ledger.submit(failure_write(job, failure, self._run), OnCommit(self._on_commit, None))

    def _halt(self, fault: SynthgenError) -> None:
        """Sends nothing more, and says so to all who wait for an outcome."""
        if self._fault is None:
            self._fault = fault
            self._queue.clear()
            for outcomes in self._receivers:
                outcomes.put(Halt(fault))

    def _on_commit(self, committed: list[Committed], fault: SynthgenError | None) -> None:
        """Called from the ledger's writer thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._after_commit, committed, fault)

    def _after_commit(self, committed: list[Committed], fault: SynthgenError | None) -> None:
        if fault is not None:
            self.in_flight -= sum(one is not None for one in committed)
            self._halt(fault)
            return
        for one in committed:
            if isinstance(one, Reserved):
                if self._fault is None:
                    self._start(one.job)
                elif self._account is not None:  # stopped before the reservation was on disk
                    self._free(one.job)
                    self._account.release(one.job)
            elif isinstance(one, Replied):
                self._replied(one.outcome, one.charged)
        self._pump()

    def _replied(self, outcome: JobOutcome[Any], charged: Cost) -> None:
        job = outcome.job
        self._free(job)
        if self._account is not None and (fault := self._account.settle(job, charged)) is not None:
            # Said before this reply is handed on, which may be the last that anybody waits for.
            self._halt(fault)
        self._record_held_failures()
        missing = job.one_by_one(len(outcome.samples))
        self._queue.extendleft(reversed(self._forms.answered(job)))
        job.outcomes.put(outcome)
        failure = attempts.failed_choices(outcome.parsed, self._redact) if missing else None
        rest = job.rest(len(outcome.samples))
        if failure is not None and failure.kind == "row":
            self._refused(rest, failure)
        elif failure is not None:  # only what failed is asked for again
            self._again(rest, AttemptResult(), failure, self.loop.time())
        elif missing:
            self._supports_n = False  # it gave fewer choices than were asked for
            self._queue.extendleft(reversed(missing))
