"""Whoever measures a student on many rows tells here how far it is; whoever shows progress listens.

Measures are made by objectives, which need not know of progress.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[int, int], None]
"""Takes the rows that were measured so far, and all that are."""

_LISTENER: ContextVar[Listener] = ContextVar("listener", default=lambda done, total: None)


def tell_measured(done: int, total: int) -> None:
    """Tells how many rows of all were measured."""
    _LISTENER.get()(done, total)


@contextmanager
def watching(listener: Listener) -> Iterator[None]:
    """Has a listener told of what is measured meanwhile."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
