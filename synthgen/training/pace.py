"""How fast a training goes, and how long it still takes, as far as this process has seen it.

A process's first step is left out: it compiles, fills caches and, after a resume, skips the rows that were
seen before. Measurements on validation rows are timed apart, since they come seldom and take long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FEW = 2  # steps, behind the first one, from which the time left is told


class Pace:
    """Times steps and measurements.

    Args:
        total: the last step.
        every: steps between measurements; 0 where nothing is measured.
        clock: seconds that only grow.
    """

    def __init__(self, total: int, every: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.every = total, every
        self.steps, self.seconds = 0, 0.0
        """Steps that were timed, and what they took together."""
        self._clock, self._mark, self._warm = clock, clock(), False
        self._measurements, self._measuring = 0, 0.0

    def step(self) -> None:
        """A step has ended."""
        now = self._clock()
        if self._warm:
            self.steps += 1
            self.seconds += now - self._mark
        self._warm, self._mark = True, now

    @contextmanager
    def measuring(self) -> Iterator[Callable[[float], float]]:
        """A measurement: what it takes is no step's. Gives what the rest of it takes, from the share done."""
        began = self._clock()

        def rest(share: float) -> float:
            return (self._clock() - began) * (1 / share - 1) if share else 0.0

        yield rest
        took = self._clock() - began
        self._measurements += 1
        self._measuring += took
        self._mark += took

    def left(self, step: int) -> float | None:
        """Seconds from the end of a step to the end of the training; None where it is too early to say."""
        if self.steps < FEW:
            return None
        left = (self.total - step) * self.seconds / self.steps
        if self._measurements:
            left += self._measurements_after(step) * self._measuring / self._measurements
        return left

    def _measurements_after(self, step: int) -> int:
        """How many there will be: at every multiple, and behind the last step."""
        if not self.every or step >= self.total:
            return 0
        return self.total // self.every - step // self.every + (self.total % self.every > 0)
