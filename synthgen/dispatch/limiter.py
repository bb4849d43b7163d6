"""How many requests may be under way at once."""

from __future__ import annotations

from synthgen.teachers.config import Limits

AUTO_START = 64


class Limiter:
    """The number of requests that may be under way: fixed, or found by trying."""

    def __init__(self, limits: Limits) -> None:
        self.limit = limits.concurrency if isinstance(limits.concurrency, int) else AUTO_START

    def delay(self, now: float, tokens: int) -> float:
        """Seconds to wait before the next request may be sent."""
        return 0.0
