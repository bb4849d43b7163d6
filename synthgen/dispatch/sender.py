"""The sender of one teacher: takes requests, sends them at the pace they bear, and hands on what became of each.

All of it runs on one event loop, in a thread of its own. A reply's slot is free again once the reply is committed, so what
is under way at a kill never exceeds the concurrency. There is no barrier: a request waiting for its next try holds nothing up.
"""

from __future__ import annotations

import asyncio
import queue
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from synthgen.dispatch.budget import Cost, Purse, real_cost, worst_case
from synthgen.dispatch.endpoints import Endpoint, Endpoints
from synthgen.dispatch.judge import Failure, Verdict, judge, teacher_failed
from synthgen.dispatch.keys import Keyed
from synthgen.dispatch.limiter import Limiter
from synthgen.dispatch.retry import pause_before
from synthgen.dispatch.revival import Revival, Revive
from synthgen.errors import SynthgenError, TeacherFailed
from synthgen.store.ledger import Ledger
from synthgen.store.ledger_writer import (
    FailureWrite,
    RefusalWrite,
    ReleaseWrite,
    ReplyWrite,
    ReserveWrite,
    Write,
)
from synthgen.teachers.config import TeacherConfig
from synthgen.teachers.replies import ordered_choices
from synthgen.teachers.transport import Transport, TransportFault, open_transport

FIRST_CONTACT_TRIES = 4
FIRST_REFUSALS = 5
OUTAGE = 32
KEPT_HEADERS = ("x-request-id", "request-id", "openai-processing-ms", "openai-version", "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens")


@dataclass(slots=True)
class Done:
    """What became of (a part of) an order: parsed replies by sample, or why there are none."""

    order: Order
    samples: dict[int, tuple[dict[str, Any], int]] = field(default_factory=dict)
    failure: Failure | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0


@dataclass(slots=True)
class Halt:
    """No further request will be sent: why."""

    fault: SynthgenError


Mail = queue.SimpleQueue["Done | Halt"]


@dataclass(slots=True)
class Order:
    """Samples of one request that are wanted; `mail` is where the outcome goes."""

    keyed: Keyed
    samples: tuple[int, ...]
    mail: Mail
    tag: Any = None
    attempts: int = 0
    throttled: int = 0
    first_sent: float = -1.0
    number: int = -1
    worst: Cost | None = None
    reservation: int | None = None


class Sender:
    """One teacher's requests on the event loop. `add`, `drop` and `cancel` are called from other threads."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, ledger: Ledger, config: TeacherConfig, *, urls: tuple[str, ...], headers: dict[str, str],
        labelled: bool, supports_n: bool, run: str, purse: Purse | None, strike: Callable[[str], str],
        revive: Revive | None = None,
    ) -> None:  # fmt: skip
        self.loop, self.ledger, self.config, self.run, self.purse = loop, ledger, config, run, purse
        self.endpoints = Endpoints([Endpoint(url) for url in urls])
        self.limiter = Limiter(config.limits)
        self.in_flight = 0
        self.sent = 0
        self._headers = {"content-type": "application/json", "accept": "application/json", **headers}
        self._labelled, self._supports_n, self._strike = labelled, supports_n, strike
        self._queue: deque[Order] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: Transport | None = None
        self._jitter = random.Random()
        self._fault: SynthgenError | None = None
        self._wake: asyncio.TimerHandle | None = None
        self._contacted = False
        self._proven = False
        self._first: dict[int, Failure | None] = {}
        self._held: list[tuple[Order, Failure]] = []
        self._dispatched = 0
        self._receivers: set[Mail] = set()
        self._revival: Revival[Order, tuple[Verdict, Failure]] | None = None
        if revive is not None:
            self._revival = Revival(
                loop, revive, self.endpoints.all[0], again=lambda order, why: self._again(order, *why, self.loop.time()), requeue=self._requeue, pump=self._pump, halt=self._halt
            )

    # From other threads

    def add(self, orders: list[Order], proven: bool = False) -> None:
        """Takes orders; `proven` says that this teacher has answered such requests before."""
        self.loop.call_soon_threadsafe(self._add, orders, proven)

    def drop(self, mail: Mail) -> None:
        """Forgets the orders of one receiver that are not under way; they get no outcome."""
        asyncio.run_coroutine_threadsafe(self._drop(mail), self.loop).result()

    def cancel(self) -> None:
        """Gives up what is under way, at once."""
        asyncio.run_coroutine_threadsafe(self._cancel(), self.loop).result()

    def flush(self) -> None:
        """Records the failures that were held back while the teacher might still have proved to be down."""
        asyncio.run_coroutine_threadsafe(self._flush(), self.loop).result()

    def close(self) -> None:
        """Gives up what is under way and closes the connections."""
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result()

    # On the loop

    def _add(self, orders: list[Order], proven: bool) -> None:
        self._proven = self._proven or proven
        for order in orders:
            self._receivers.add(order.mail)
            if self._fault is not None:
                order.mail.put(Halt(self._fault))
            elif len(order.samples) > 1 and not self._supports_n:
                self._queue.extend(self._split(order))
            else:
                self._queue.append(order)
        self._pump()

    def _split(self, order: Order) -> list[Order]:
        return [Order(order.keyed, (sample,), order.mail, order.tag) for sample in order.samples]

    async def _drop(self, mail: Mail) -> None:
        self._queue = deque(order for order in self._queue if order.mail is not mail)
        self._receivers.discard(mail)

    async def _cancel(self) -> None:
        self._queue.clear()
        self._receivers.clear()
        if self._revival is not None:
            self._revival.forget()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _flush(self) -> None:
        held, self._held = self._held, []
        if isinstance(self._fault, TeacherFailed):
            return  # the teacher was at fault, not the requests: a rerun asks them again
        for order, failure in held:
            self._record(order, failure)

    async def _close(self) -> None:
        await self._cancel()
        if self._transport is not None:
            await self._transport.close()
            self._transport = None

    def _pump(self) -> None:
        """Starts attempts for as long as there is a slot, something to send and leave to send it."""
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self._revival is not None and self._revival.under_way:
            return
        while self._queue and self._fault is None and self.in_flight < self.limiter.limit:
            order = self._queue[0]
            now = self.loop.time()
            wait = self.limiter.delay(now, 0)
            if wait > 0:
                self._wake = self.loop.call_later(wait, self._pump)
                return
            if self.purse is not None and not self._reserve(order, self.purse):
                return
            self._queue.popleft()
            self.in_flight += 1
            if self.purse is None:
                self._start(order)

    def _reserve(self, order: Order, purse: Purse) -> bool:
        """Sets the worst case aside, on disk, before anything is sent."""
        try:
            worst = worst_case(order.keyed, len(order.samples), self.config, purse.budget)
        except SynthgenError as fault:
            self._halt(fault)
            return False
        if not purse.fits(worst):
            if purse.pending == 0:
                self._halt(purse.reached())
            else:
                self._wake = self.loop.call_later(0.05, self._pump)  # another teacher's reply may settle it too
            return False
        purse.reserve(worst)
        order.worst = worst
        order.reservation = self.ledger.new_reservation()
        self.ledger.submit(ReserveWrite(order.reservation, self.run, worst.usd, worst.tokens, order), self._committed)
        return True

    def _start(self, order: Order) -> None:
        if order.number < 0:
            order.number = self._dispatched
            self._dispatched += 1
        endpoint = self.endpoints.pick(self.loop.time())
        endpoint.in_flight += 1
        endpoint.asked += 1
        task = self.loop.create_task(self._attempt(order, endpoint))
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, endpoint))

    def _ended(self, task: asyncio.Task[None], endpoint: Endpoint) -> None:
        self._tasks.discard(task)
        endpoint.in_flight -= 1

    async def _attempt(self, order: Order, endpoint: Endpoint) -> None:
        """One attempt: send, read, judge; the outcome goes to the ledger's writer."""
        if self._transport is None:
            self._transport = open_transport(self.config.transport)
        headers = self._headers
        if self._labelled:  # only for the builtin teacher: what it is for, and which of the request's samples are wanted
            headers = {**headers, "x-synthgen-task": order.keyed.label, "x-synthgen-samples": ",".join(map(str, order.samples))}
        started = self.loop.time()
        if order.first_sent < 0:
            order.first_sent = started
        order.attempts += 1
        self.sent += 1
        verdict: Verdict
        try:
            answer = await self._transport.post(endpoint.url + order.keyed.path, order.keyed.payload(len(order.samples)), headers, self.config.limits.timeout)
            verdict = judge(answer, self._strike)
        except TransportFault as fault:
            verdict = Verdict.of_fault(fault, self._strike)
        except asyncio.CancelledError:
            self._give_up_slot(order)
            raise
        except Exception as fault:  # a fault of ours must neither hang the run nor lose a row silently
            self._give_up_slot(order)
            self._halt(SynthgenError(f"a request could not be sent: {type(fault).__name__}: {self._strike(str(fault))}", next="this is a fault in synthgen"))
            return
        now = self.loop.time()
        if verdict.reached:
            self._contacted = True
            self.endpoints.answered(endpoint)
        else:
            self.endpoints.failed(endpoint, now)
        if verdict.failure is None:
            self._keep_reply(order, verdict, now - started)
        else:
            self._failed(order, verdict, now)

    def _keep_reply(self, order: Order, verdict: Verdict, latency: float) -> None:
        parsed = verdict.parsed
        assert parsed is not None
        prompt, completion, dollars = real_cost(parsed, self.config.price)
        worst = order.worst
        spent = Cost(dollars or 0.0, (prompt or 0) + (completion or 0))
        if worst is not None:
            unknown_tokens, unknown_usd = prompt is None or completion is None, dollars is None
            spent = Cost(worst.usd if unknown_usd else spent.usd, worst.tokens if unknown_tokens else spent.tokens)
        choices = len(ordered_choices(parsed))
        got = order.samples[:choices]
        kept = {name: verdict.headers[name] for name in KEPT_HEADERS if name in verdict.headers}
        done = Done(order, {sample: (parsed, choice) for choice, sample in enumerate(got)}, None, prompt or 0, completion or 0, dollars or 0.0)
        self.ledger.submit(
            ReplyWrite(
                order.keyed.digest, order.keyed.canonical, got, verdict.body, str(parsed.get("model") or ""), prompt, completion, dollars, round(latency, 4),
                orjson.dumps(kept).decode() if kept else "", self.run, spent.usd, spent.tokens, order.reservation, (done, spent),
            ),
            self._committed,
        )  # fmt: skip

    def _failed(self, order: Order, verdict: Verdict, now: float) -> None:
        failure = verdict.failure
        assert failure is not None
        if order.reservation is not None and self.purse is not None and order.worst is not None:
            if failure.charged:
                self.purse.keep()
            else:
                self.purse.settle(order.worst, None)
                self.ledger.submit(ReleaseWrite(order.reservation))
            order.worst, order.reservation = None, None
        self.in_flight -= 1
        if failure.kind == "run":
            self._halt(teacher_failed(self.config, failure))
        elif failure.kind == "row":
            self._refused(order, failure)
        elif self._revival is not None and not verdict.reached and self._fault is None:
            self._revival.wait(order, (verdict, failure))
        else:
            self._again(order, verdict, failure, now)
        self._pump()

    def _refused(self, order: Order, failure: Failure) -> None:
        if len(order.samples) > 1 and failure.reason in ("http_400", "http_422"):
            # Perhaps it is `n` that the server does not take, and n is no part of the key: ask one by one before believing it.
            self._queue.extendleft(reversed(self._split(order)))
            return
        if not self._proven and order.number < FIRST_REFUSALS:
            self._first[order.number] = failure
            if len(self._first) == FIRST_REFUSALS and len({first.detail for first in self._first.values() if first}) == 1:
                self._halt(teacher_failed(self.config, failure, "the first requests were all refused in the same words"))
                return
        if self._proven:
            self._record(order, failure)
        else:
            self._held.append((order, failure))
        order.mail.put(Done(order, failure=failure))

    def _again(self, order: Order, verdict: Verdict, failure: Failure, now: float) -> None:
        limits = self.config.limits
        throttled = failure.reason == "http_429"
        order.throttled += throttled
        tries = limits.max_attempts * (4 if throttled else 1)
        counted = order.attempts if throttled else order.attempts - order.throttled
        pause = pause_before(counted, verdict.retry_after, self._jitter)
        if not self._contacted and failure.reason == "unreachable" and order.attempts >= min(tries, FIRST_CONTACT_TRIES):
            self._halt(teacher_failed(self.config, failure, "no answer from the teacher"))
            return
        if counted < tries and now + pause - order.first_sent <= limits.max_retry_seconds:
            self.loop.call_later(pause, self._requeue, order)
            return
        self._held.append((order, failure))
        order.mail.put(Done(order, failure=failure))
        if len(self._held) >= max(OUTAGE, self.limiter.limit // 4):
            self._halt(teacher_failed(self.config, failure, f"{len(self._held)} requests in a row came to nothing"))

    def _requeue(self, order: Order) -> None:
        if self._fault is not None or order.mail not in self._receivers:
            return
        self._queue.appendleft(order)
        self._pump()

    def _record(self, order: Order, failure: Failure) -> None:
        keyed = order.keyed
        if failure.kind == "row":
            self.ledger.submit(RefusalWrite(keyed.digest, keyed.canonical, failure.reason, failure.detail), self._committed)
        else:
            self.ledger.submit(FailureWrite(keyed.digest, keyed.canonical, order.samples, self.run, failure.reason, failure.detail), self._committed)

    def _give_up_slot(self, order: Order) -> None:
        """An attempt whose outcome is unknown: its worst case stays charged."""
        self.in_flight -= 1
        if order.worst is not None and self.purse is not None:
            self.purse.keep()

    def _halt(self, fault: SynthgenError) -> None:
        """Sends nothing more; all who wait for an outcome are told."""
        if self._fault is None:
            self._fault = fault
            self._held.clear()
            for mail in self._receivers:
                mail.put(Halt(fault))
            self._queue.clear()

    # From the ledger's writer

    def _committed(self, writes: list[Write], fault: SynthgenError | None) -> None:
        self.loop.call_soon_threadsafe(self._after_commit, writes, fault)

    def _after_commit(self, writes: list[Write], fault: SynthgenError | None) -> None:
        if fault is not None:
            self._halt(fault)
            return
        for write in writes:
            if isinstance(write, ReserveWrite):
                self._start(write.tag)
            elif isinstance(write, ReplyWrite):
                done, spent = write.tag
                self._replied(done, spent)
        self._pump()

    def _replied(self, done: Done, spent: Cost) -> None:
        self.in_flight -= 1
        order = done.order
        if order.worst is not None and self.purse is not None:
            self.purse.settle(order.worst, spent)
        if not self._proven:
            self._proven = True
            self._first.clear()
        if self._held:
            held, self._held = self._held, []
            for failed, failure in held:
                self._record(failed, failure)
        missing = order.samples[len(done.samples) :]
        if missing:
            self._supports_n = False  # it gave fewer choices than were asked for
            self._queue.extendleft(Order(order.keyed, (sample,), order.mail, order.tag) for sample in reversed(missing))
        order.mail.put(done)
