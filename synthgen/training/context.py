"""What training uses of the run that it belongs to; a stage's `Context` is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from synthgen.core.progress import Reporter


class RunContext(Protocol):
    """Names, folders and signals of the run."""

    @property
    def stage_id(self) -> str:
        """The stage that trains; the student is named for it."""
        ...

    @property
    def work(self) -> Path:
        """The folder for all that must outlive a kill."""
        ...

    @property
    def seed(self) -> int:
        """The pipeline's seed."""
        ...

    @property
    def reporter(self) -> Reporter:
        """Where progress and notes are shown."""
        ...

    @property
    def stopping(self) -> Callable[[], int]:
        """Gives 0, or the number of the signal that asked to stop."""
        ...

    @property
    def reply_room(self) -> int | None:
        """The fewest tokens that a later stage lets the student's replies have, if there is one."""
        ...
