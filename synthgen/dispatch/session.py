"""Sessions with a run's teachers, over the ledger; `contract` says what stages see of them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from synthgen.core.chat import Request, Sample
from synthgen.core.errors import ConfigError, SynthgenError
from synthgen.core.hashing import value_hash
from synthgen.core.progress import Progress, Reporter
from synthgen.core.redact import make_redactor
from synthgen.dispatch.contract import Conversation, FetchCounts, LeftOver, Rendered
from synthgen.dispatch.conversation import ActiveConversation, Occurrences, render_one
from synthgen.dispatch.event_loop import LoopThread
from synthgen.dispatch.request_key import KeyedRequest, KeyMaker
from synthgen.dispatch.scheduler import Scheduler
from synthgen.dispatch.sending.budget import BudgetAccount, check_budget
from synthgen.dispatch.sending.connection import Connection
from synthgen.dispatch.sending.send_loop import SendLoop
from synthgen.dispatch.sending.sender import Sender
from synthgen.store.ledger.ledger import Ledger, open_ledger
from synthgen.teachers.addresses import is_loopback
from synthgen.teachers.config import Budget, TeacherConfig
from synthgen.teachers.make import make_provider
from synthgen.teachers.replies import sample_of

T = TypeVar("T")

WINDOW = 64  # conversations open beyond twice the requests that may be in flight


class TeacherSession:
    """A session with one teacher; see `contract.Session`."""

    def __init__(self, name: str, config: TeacherConfig, owner: TeacherSessions) -> None:
        self.name, self.config = name, config
        self.provider = make_provider(config)
        self.identity = self.provider.identity
        self._owner = owner
        self._key_maker: KeyMaker | None = None
        self._sender: Sender | None = None
        self._streamed: Scheduler[Any] | None = None
        self._managed = False

    @property
    def revision(self) -> str | None:
        """See `contract.Session`."""
        return self.provider.revision

    def fetch(
        self,
        conversations: Iterable[Conversation[T]],
        *,
        total: int | None,
        stage: str,
        earlier: Iterable[Conversation[T]] = (),
    ) -> FetchCounts:
        """See `contract.Session`."""
        with self._owner.reporter.stage(stage, total) as progress:
            scheduler: Scheduler[T] = self._make_scheduler(progress, ordered=False)
            scheduler.occurrences.count_earlier(earlier, self.keyed)
            for _ in scheduler.results(conversations, self._window):
                pass
            return scheduler.counts

    def render(
        self, conversations: Iterable[Conversation[T]], *, earlier: Iterable[Conversation[T]] = ()
    ) -> Iterator[Rendered[T]]:
        """See `contract.Session`."""
        owner = self._owner
        occurrences = Occurrences().count_earlier(earlier, self.keyed)
        try:
            for index, conversation in enumerate(conversations):
                active = ActiveConversation(index, conversation)
                yield render_one(active, self.keyed, occurrences, owner.ledger, owner.run, owner.since)
        finally:
            occurrences.close()

    def stream(
        self,
        conversations: Iterable[Conversation[T]],
        *,
        ahead: Callable[[], int],
        stage: str,
        total: int | None,
    ) -> Iterator[Rendered[T]]:
        """See `contract.Session`."""
        with self._owner.reporter.stage(stage, total) as progress:
            self._streamed = scheduler = self._make_scheduler(progress, ordered=True)
            yield from scheduler.results(conversations, lambda: min(ahead(), self._window()))

    def left_over(self, seconds: float) -> LeftOver:
        """See `contract.Session`."""
        if self._streamed is None:
            return LeftOver()
        until = time.monotonic() + seconds
        while (
            self._sender is not None
            and self._sender.in_flight
            and time.monotonic() < until
            and not self._owner.stopping()
        ):
            self.drain(0.1)
        return self._streamed.left_over()

    def stored(self, key: str) -> Sample | None:
        """See `contract.Session`."""
        try:
            entry = self._owner.ledger.get(key)
        except SynthgenError:  # it is no key at all
            return None
        if entry is None:
            return None
        return sample_of(entry.reply, entry.choice, key=key, index=0, model=entry.model)

    def account(self, keys: Iterable[str]) -> dict[str, Any]:
        """See `contract.Session`."""
        return self._owner.ledger.account(keys)

    def stop(self) -> None:
        """Gives up what is in flight, and stops the server if the run started one."""
        if self._sender is not None:
            self._sender.close()
            self._sender = None
        if self._managed:
            self._managed = False
            self.provider.stop()

    def drain(self, seconds: float) -> None:
        """Waits for replies that are in flight, for at most so many seconds."""
        until = time.monotonic() + seconds
        while self._sender is not None and self._sender.in_flight and time.monotonic() < until:
            time.sleep(0.01)

    def _make_scheduler(self, progress: Progress, ordered: bool) -> Scheduler[Any]:
        owner = self._owner
        return Scheduler(
            ledger=owner.ledger,
            make_key=self.keyed,
            sender=lambda name: self.of(name).open_sender(),
            run=owner.run,
            since=owner.since,
            progress=progress,
            stopping=owner.stopping,
            grace=owner.grace,
            ordered=ordered,
            cap=owner.budget.usd if owner.budget else None,
            spent=owner.spent_usd,
        )

    def _window(self) -> int:
        limit = self._sender.concurrency if self._sender is not None else 0
        return 2 * limit + WINDOW

    def of(self, teacher: str | None) -> TeacherSession:
        """The session that a request is for: this one, or that of another of the pipeline's teachers."""
        return self if teacher is None else self._owner.open(teacher)

    def keyed(self, request: Request) -> KeyedRequest:
        """A request as its teacher gets it, with its ledger key."""
        session = self.of(request.teacher)
        if session._key_maker is None:
            session._key_maker = KeyMaker(session.config, session.provider)
        return session._key_maker(request)

    def open_sender(self) -> Sender:
        """The sender, opened on first use: only now is a server started and the API key read."""
        if self._sender is None:
            owner, config = self._owner, self.config
            urls = self.provider.addresses()
            managed = not urls
            local = managed or all(is_loopback(url) for url in urls)
            check_budget(owner.budget, config, free=local)
            owner.ledger.writer()  # what cannot be written down must not be paid for
            headers, key = self._key_headers()
            if managed:
                self._managed = True
                urls = (self.provider.start(owner.reporter, owner.stopping).rstrip("/"),)
                own = self.provider.server_key
                if own:  # a key made for this server alone
                    headers, key = self.provider.auth(own), own
            headers = {**headers, **{name.lower(): value for name, value in config.headers.items()}}
            redact = make_redactor(key)
            send_loop = SendLoop(
                owner.loop(),
                owner.ledger,
                config,
                urls=urls,
                connection=Connection(config, headers=headers, labelled=local, redact=redact),
                supports_n=self.provider.supports_n,
                run=owner.run,
                account=owner.budget_account(),
                redact=redact,
                restart_server=self._restart_server if managed and self.provider.restarts_server else None,
            )
            self._sender = Sender(send_loop)
            self._sender.open(owner.reporter.say)
        return self._sender

    def _restart_server(self, answered: bool) -> str | None:
        return self.provider.revive(self._owner.reporter, self._owner.stopping, answered)

    def _key_headers(self) -> tuple[dict[str, str], str]:
        variable = self.provider.key_variable
        if variable is None:
            return {}, ""
        key = os.environ.get(variable, "").strip()
        if not key:
            raise ConfigError(
                f"the environment variable {variable} holds no key",
                f"teacher {self.name or self.config.model}",
                f"export {variable}=…, or name another in api_key_env",
            )
        return self.provider.auth(key), key


class TeacherSessions:
    """The teachers of one run; see `contract.Sessions`, and `open_sessions` for the arguments."""

    def __init__(
        self,
        teachers: Mapping[str, TeacherConfig],
        *,
        ledger_dir: Path,
        run: str,
        budget: Budget | None,
        reporter: Reporter,
        stopping: Callable[[], int],
        grace: float,
        retry_failed: bool | Literal["all"],
    ) -> None:
        self.ledger: Ledger = open_ledger(ledger_dir)
        self.run, self.budget = run, budget
        self.reporter, self.stopping, self.grace = reporter, stopping, grace
        self.since = time.time() if retry_failed else 0.0
        """Requests whose failures were recorded before this time are sent again."""
        if retry_failed == "all":
            self.ledger.refused_since = self.since
        self._teachers = dict(teachers)
        self._sessions: dict[str, TeacherSession] = {}
        self._loop: LoopThread | None = None
        self._account: BudgetAccount | None = None

    def open(self, name: str = "") -> TeacherSession:
        """See `contract.Sessions`."""
        if name not in self._sessions:
            if name not in self._teachers:
                raise ConfigError(
                    f"the pipeline has no teacher {name!r}" if name else "the pipeline has no teacher",
                    next="describe it under `teachers:`" if name else "add `teacher:`",
                )
            self._sessions[name] = TeacherSession(name, self._teachers[name], self)
        return self._sessions[name]

    def open_own(self, name: str, config: TeacherConfig) -> TeacherSession:
        """See `contract.Sessions`."""
        own = f"{name} ({value_hash(config.model_dump(mode='json'))})"  # no name of a pipeline file
        self._teachers.setdefault(own, config)
        return self.open(own)

    def stop_servers(self) -> None:
        """See `contract.Sessions`."""
        for session in self._sessions.values():
            session.drain(self.grace)
            session.stop()

    def close(self) -> None:
        """See `contract.Sessions`."""
        self.stop_servers()
        self.ledger.settle()
        if self._loop is not None:
            self._loop.close()
            self._loop = None
        self.ledger.close()

    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop, started on first use."""
        if self._loop is None:
            self._loop = LoopThread()
        return self._loop.loop

    def budget_account(self) -> BudgetAccount | None:
        """What the run has spent of its budget, read from the ledger on first use; None without a cap."""
        if (
            self.budget is not None
            and self._account is None
            and (self.budget.usd or self.budget.tokens or self.budget.requests)
        ):
            self._account = BudgetAccount(self.budget, self.ledger, self.run)
        return self._account

    def spent_usd(self) -> float | None:
        """What the run is charged so far, where there is a cap and something was sent."""
        return self._account.spent_usd if self._account is not None else None

    def __enter__(self) -> TeacherSessions:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_sessions(
    teachers: Mapping[str, TeacherConfig],
    *,
    ledger_dir: Path,
    run: str,
    budget: Budget | None,
    reporter: Reporter,
    stopping: Callable[[], int],
    grace: float = 30.0,
    retry_failed: bool | Literal["all"] = False,
) -> TeacherSessions:
    """Opens sessions with a run's teachers; nothing is connected, started or written yet.

    Args:
        teachers: each teacher's options, by its name in the pipeline file; "" is the default one.
        ledger_dir: the folder of the ledger, shared by runs.
        run: the run's name; charges and failures are recorded under it.
        budget: the run's cap, or None.
        reporter: where progress is shown.
        stopping: 0, or the number of the signal that asks to stop.
        grace: seconds that requests in flight are given after a stop.
        retry_failed: whether requests that had failed before are sent again; "all": refused ones too.

    Returns:
        The sessions; use as a context manager.
    """
    return TeacherSessions(
        teachers,
        ledger_dir=Path(ledger_dir),
        run=run,
        budget=budget,
        reporter=reporter,
        stopping=stopping,
        grace=grace,
        retry_failed=retry_failed,
    )
