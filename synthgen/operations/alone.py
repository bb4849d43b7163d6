"""One command at a time that makes several runs: between two of its runs, no run's own lock is held."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synthgen.store.lock import RunLock

FOLDER = ".command"
"""In the folder of the run that the command begins with."""


@contextmanager
def alone(run_dir: Path) -> Iterator[None]:
    """Holds the command's lock.

    Args:
        run_dir: the run that the command begins with, or that holds its figures.

    Raises:
        RunLocked: another live process has given such a command for this run.
    """
    with RunLock(run_dir / FOLDER):
        yield
