"""A run's teachers, opened when a stage first asks for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from synthgen.core.progress import Reporter
from synthgen.dispatch.contract import Session, Sessions
from synthgen.pipeline.spec import Pipeline
from synthgen.teachers.config import TeacherConfig

if TYPE_CHECKING:
    from synthgen.pipeline.options import RunOptions

OpenSessions = Callable[[Pipeline, "RunOptions", Reporter, Callable[[], int], str], Sessions]
"""Opens a run's teachers: (pipeline, options, reporter, stopping, the run's name)."""


class LazySessions:
    """The run's teachers, opened when a stage first asks for one: a run that asks nobody starts nothing."""

    def __init__(
        self,
        pipeline: Pipeline,
        options: RunOptions,
        reporter: Reporter,
        stopping: Callable[[], int],
        run: str,
        opening: OpenSessions | None = None,
    ) -> None:
        self._open: Callable[[], Sessions] = lambda: (opening or _open_sessions)(
            pipeline, options, reporter, stopping, run
        )
        self._sessions: Sessions | None = None

    def open(self, name: str = "") -> Session:
        """The session with a teacher."""
        if self._sessions is None:
            self._sessions = self._open()
        return self._sessions.open(name)

    def open_own(self, name: str, config: TeacherConfig) -> Session:
        """See `dispatch.contract.Sessions`."""
        if self._sessions is None:
            self._sessions = self._open()
        return self._sessions.open_own(name, config)

    def stop_servers(self) -> None:
        """Stops the servers that the run started."""
        if self._sessions is not None:
            self._sessions.stop_servers()

    def close(self) -> None:
        """Stops servers and closes the ledger."""
        if self._sessions is not None:
            self._sessions.close()


def _open_sessions(
    pipeline: Pipeline, options: RunOptions, reporter: Reporter, stopping: Callable[[], int], run: str
) -> Sessions:
    from synthgen.dispatch.session import open_sessions

    return open_sessions(
        pipeline.teachers,
        ledger_dir=options.ledger,
        run=run,
        budget=pipeline.budget,
        reporter=reporter,
        stopping=stopping,
        grace=options.grace,
        retry_failed=options.retry_failed,
    )
