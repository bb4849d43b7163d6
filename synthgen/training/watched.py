"""Whoever does something long beside training tells of it here; whoever shows progress listens.

Measures are made by objectives, and texts are written by trainers, which need not know of progress.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[int, int], None]
"""Takes the rows that were measured so far, and all that are."""

WRITING = "writing its own text"
"""What a training tells at the start of a step for which its student writes."""
_HEARER: ContextVar[Callable[[str], None]] = ContextVar("hearer", default=lambda note: None)
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


def tell(note: str) -> None:
    """Tells what is done at the moment."""
    _HEARER.get()(note)


@contextmanager
def hearing(hearer: Callable[[str], None]) -> Iterator[None]:
    """Has a hearer told of what is done meanwhile."""
    token = _HEARER.set(hearer)
    try:
        yield
    finally:
        _HEARER.reset(token)
