"""The sender of one teacher, as other threads see it: they hand jobs in and read outcomes from a queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from synthgen.dispatch.sending.send_loop import SendLoop
from synthgen.dispatch.sending.work import AnyJob, Outcomes


class Sender:
    """Hands calls of other threads on to a `SendLoop`, which runs on an event loop in a thread of its own."""

    def __init__(self, send_loop: SendLoop) -> None:
        self._send_loop = send_loop

    @property
    def in_flight(self) -> int:
        """How many requests are in flight."""
        return self._send_loop.in_flight

    @property
    def sent(self) -> int:
        """How many attempts were made."""
        return self._send_loop.sent

    @property
    def retries(self) -> dict[str, int]:
        """How many attempts failed in a way that another one may mend, by reason, such as `http_429`."""
        return dict(self._send_loop.retries)

    @property
    def concurrency(self) -> int:
        """How many requests may be in flight."""
        return self._send_loop.concurrency.limit

    def open(self, say: Callable[[str], None]) -> None:
        """Opens the transport, before all else; `say` is called with what people should know."""
        self._wait_for(partial(self._send_loop.connection.open, say))

    def add(self, jobs: list[AnyJob], proven: bool = False) -> None:
        """Takes jobs; `proven` says that this teacher has answered such requests before."""
        self._send_loop.loop.call_soon_threadsafe(self._send_loop.add, jobs, proven)

    def drop(self, outcomes: Outcomes[Any]) -> None:
        """Forgets the jobs of one receiver that are not in flight; they get no outcome."""
        self._wait_for(partial(self._send_loop.drop, outcomes))

    def cancel(self) -> None:
        """Gives up what is in flight, at once."""
        self._wait_for(self._send_loop.cancel)

    def flush(self) -> None:
        """Records the failures that are held back while the teacher might still prove to be at fault."""
        self._wait_for(self._send_loop.flush)

    def close(self) -> None:
        """Gives up what is in flight and closes the connections."""
        self._wait_for(self._send_loop.close)

    def _wait_for(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        loop = self._send_loop.loop
        if not loop.is_closed():  # a forgotten stream may be closed after its session
            asyncio.run_coroutine_threadsafe(work(), loop).result()
