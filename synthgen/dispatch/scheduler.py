"""Runs many conversations at once: starts them in order and advances each as soon as its own reply is there.

It works in the calling thread. Requests that the ledger lacks go to their teacher's `Sender` as jobs, and
the outcomes come back through a queue.
"""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from synthgen.core.errors import Interrupted, SynthgenError
from synthgen.core.progress import Progress
from synthgen.core.text import duration
from synthgen.dispatch.contract import Conversation, FetchCounts, LeftOver, Rendered
from synthgen.dispatch.conversation import ActiveConversation, Occurrences
from synthgen.dispatch.request_key import MakeKey
from synthgen.dispatch.sending.sender import Sender
from synthgen.dispatch.sending.work import Halt, JobOutcome, Outcomes, SendJob
from synthgen.store.ledger.ledger import Ledger

T = TypeVar("T")

JOBS_AT_ONCE = 64
SHOW_SECONDS = 0.1


class Scheduler(Generic[T]):
    """One pass over conversations that asks for what the ledger lacks; iterate `results` once.

    Args:
        ledger: where replies are looked up.
        make_key: makes the keys of requests.
        sender: opens the sender of a teacher; None is the session's own.
        run: the run whose failures count.
        since: the time from which failures count.
        progress: where progress is shown.
        stopping: 0, or the number of the signal that asks to stop.
        grace: seconds that requests in flight are given after a stop.
        ordered: whether results come in the order of the conversations, or as they end.
        cap: the budget's dollars, to be shown.
        spent: what the run is charged so far, to be shown.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        make_key: MakeKey,
        sender: Callable[[str | None], Sender],
        run: str,
        since: float,
        progress: Progress,
        stopping: Callable[[], int],
        grace: float,
        ordered: bool,
        cap: float | None,
        spent: Callable[[], float | None],
    ) -> None:
        self._ledger, self._make_key, self._open_sender = ledger, make_key, sender
        self._run, self._since, self._stopping, self._grace = run, since, stopping, grace
        self._progress, self._cap, self._spent, self._ordered = progress, cap, spent, ordered
        self.counts = FetchCounts()
        self.occurrences = Occurrences()
        # By the name of a teacher other than the session's own.
        self._senders: dict[str | None, Sender] = {}
        self._earlier_retries: Counter[str] = Counter()
        self._outcomes: Outcomes[ActiveConversation[T]] = queue.SimpleQueue()
        self._jobs: list[SendJob[ActiveConversation[T]]] = []
        # Who waits for a request; the first asked for it.
        self._waiting: dict[bytes, list[ActiveConversation[T]]] = {}
        self._open = 0
        # Ended and not yielded, and started and not yielded: of ordered results only.
        self._ready: dict[int, Rendered[T]] = {}
        self._ahead: dict[int, ActiveConversation[T]] = {}
        self._finished: list[Rendered[T]] = []
        self._yielded = 0
        self._started = 0
        self._ended = 0
        self._shown = 0.0

    def results(
        self, conversations: Iterable[Conversation[T]], room: Callable[[], int]
    ) -> Iterator[Rendered[T]]:
        """The result of each conversation, in order or as they end.

        At most `room()` conversations are started and not yet yielded.
        """
        source = iter(conversations)
        more = True
        try:
            while True:
                while more and self._started - self._yielded < max(1, room()):
                    conversation = next(source, None)
                    if conversation is None:
                        more = False
                        break
                    active = ActiveConversation(self._started, conversation)
                    self._started += 1
                    self._open += 1
                    if self._ordered:
                        self._ahead[active.index] = active
                    self._advance(active)
                    if len(self._jobs) >= JOBS_AT_ONCE:
                        self._send()
                    if self._finished:
                        yield from self._take_finished()
                    self._check_signal()
                self._send()
                yield from self._take_finished()
                if not self._open and not more:
                    break
                if self._open:
                    self._collect()
            self._settle()
        finally:
            self._show(force=True)
            self.occurrences.close()
            for sender in self._senders.values():
                sender.drop(self._outcomes)

    def _take_finished(self) -> Iterator[Rendered[T]]:
        finished, self._finished = self._finished, []
        for rendered in finished:
            self._ahead.pop(self._yielded, None)
            self._yielded += 1
            yield rendered

    def left_over(self) -> LeftOver:
        """What the ledger holds by now for conversations that were started and never yielded."""
        requests, keys = 0, list[str]()
        for index, active in self._ahead.items():
            ended = self._ready.get(index)
            if ended is not None:
                requests += ended.requests - (ended.state == "failed")
                keys += ended.keys
                continue
            active.look_up(self._ledger, self._run, self._since)
            requests += active.requests - bool(active.missing)
            keys += [*active.keys, *(sample.key for sample in active.have.values())]
        return LeftOver(requests, tuple(keys))

    def _advance(self, active: ActiveConversation[T]) -> None:
        """Advances a conversation until it ends or needs a reply that the ledger does not have."""
        while active.advance(self._make_key, self.occurrences):
            self.counts.planned += 1
            if not self._look_up(active):
                return
        self._end(active, active.answered())

    def _look_up(self, active: ActiveConversation[T]) -> bool:
        """Whether the ledger answers a conversation's request in full.

        If it does not, a job is made for what is missing, or the conversation fails.
        """
        lookup = active.look_up(self._ledger, self._run, self._since)
        missing = active.missing
        if not missing:
            self.counts.answer(active.refused)
            self.counts.reused += not active.refused
            return True
        assert active.keyed is not None
        if lookup.reason:
            self._fail(active, lookup.reason, lookup.detail)
        elif active.keyed.digest in self._waiting:
            # Another conversation is asking for it; looked up again when that is answered.
            self._waiting[active.keyed.digest].append(active)
        else:
            self._waiting[active.keyed.digest] = [active]
            self._jobs.append(
                SendJob(active.keyed, missing, self._outcomes, active, optional=active.optional)
            )
        return False

    def _send(self) -> None:
        if self._jobs:
            jobs, self._jobs = self._jobs, []
            for teacher in dict.fromkeys(job.keyed.teacher for job in jobs):
                if teacher not in self._senders:
                    self._senders[teacher] = self._open_sender(teacher)
                    self._earlier_retries.update(self._senders[teacher].retries)
                self._senders[teacher].add(
                    [job for job in jobs if job.keyed.teacher == teacher],
                    proven=teacher is None and self.counts.reused > 0,
                )

    def _collect(self) -> None:
        """Waits for outcomes, and advances the conversations that they are for."""
        try:
            outcome = self._outcomes.get(timeout=0.1)
        except queue.Empty:
            self._check_signal()
            self._show()
            return
        while True:
            if isinstance(outcome, Halt):
                self._stop(outcome.fault)
            else:
                self._take(outcome)
            try:
                outcome = self._outcomes.get_nowait()
            except queue.Empty:
                break
        self._check_signal()
        self._show()

    def _take(self, outcome: JobOutcome[ActiveConversation[T]]) -> None:
        active, keyed, counts = outcome.job.requester, outcome.job.keyed, self.counts
        counts.sent += not outcome.from_ledger
        counts.prompt_tokens += outcome.prompt_tokens
        counts.completion_tokens += outcome.completion_tokens
        counts.cost_usd += outcome.cost_usd
        if active not in self._waiting.get(keyed.digest, []):
            return  # another part of its request has failed already, and it may have advanced
        for sample, (parsed, choice) in outcome.samples.items():
            active.take(sample, parsed, choice)
        if outcome.failure is not None:
            self._free(keyed.digest, active)
            if outcome.failure.kind == "row" and active.refuse(outcome.failure.reason):
                counts.answer(active.refused)
                self._advance(active)
            else:
                self._fail(active, outcome.failure.reason, outcome.failure.detail)
        elif not active.missing:
            self._free(keyed.digest, active)
            counts.answered += 1
            counts.reused += outcome.from_ledger
            self._advance(active)

    def _free(self, digest: bytes, active: ActiveConversation[T]) -> None:
        """Lets the others that waited for the same request look it up again."""
        for other in self._waiting.pop(digest):
            if other is not active and self._look_up(other):
                self._advance(other)

    def _fail(self, active: ActiveConversation[T], reason: str, detail: str) -> None:
        self.counts.failed[reason] = self.counts.failed.get(reason, 0) + 1
        self._end(active, active.failed(reason, detail))

    def _end(self, active: ActiveConversation[T], rendered: Rendered[T]) -> None:
        self._open -= 1
        self._ended += 1
        if not self._ordered:
            self._finished.append(rendered)
            return
        self._ready[active.index] = rendered
        while (following := self._ready.pop(self._yielded + len(self._finished), None)) is not None:
            self._finished.append(following)

    def _check_signal(self) -> None:
        signal = self._stopping()
        if signal:
            self._stop(Interrupted(signal))

    def _stop(self, fault: SynthgenError) -> None:
        """Sends nothing more, waits for what is in flight (within the grace period), and raises."""
        senders = list(self._senders.values())
        for sender in senders:
            sender.drop(self._outcomes)
        until = time.monotonic() + self._grace
        waiting = sum(sender.in_flight for sender in senders)
        if waiting and self._grace and isinstance(fault, Interrupted):
            # Each request in flight is paid for, so that its reply is worth the wait.
            again = "Ctrl-C again drops them" if fault.exit_code == 130 else "a second signal drops them"
            self._progress.say(f"stopping: {waiting:,} in flight, up to {duration(self._grace)}; {again}")
        try:
            while any(sender.in_flight for sender in senders) and time.monotonic() < until:
                time.sleep(0.01)
        finally:
            # A second signal ends the wait; closing the session must then find nothing left to wait for.
            for sender in senders:
                sender.cancel()
        self.counts.unsent = self.counts.planned - self.counts.answered - sum(self.counts.failed.values())
        self._settle()
        raise fault

    def _settle(self) -> None:
        """Makes sure that every reply and failure is on disk."""
        for sender in self._senders.values():
            sender.flush()
        if self._senders:
            self._ledger.barrier()

    def _retries(self) -> dict[str, int]:
        """The attempts that failed since this began, by reason, over all teachers."""
        found: Counter[str] = Counter()
        for sender in self._senders.values():
            found.update(sender.retries)
        return dict(found - self._earlier_retries)

    def _show(self, force: bool = False) -> None:
        now = time.monotonic()
        if force or now - self._shown >= SHOW_SECONDS:
            self._shown = now
            counts, spent = self.counts, self._spent()
            self._progress.update(
                done=self._ended,
                reused=self._ended if not counts.sent else counts.reused,
                tokens=counts.completion_tokens,
                cost=(counts.cost_usd or None) if spent is None else spent,
                cap=self._cap,
                failed=sum(counts.failed.values()) or None,
                retries=self._retries(),
            )
