"""What a tool's work took, measured within its own process."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import time
from typing import Any


class Clock:
    """`with clock:` around the work.

    Attributes:
        began: seconds, on the clock that all processes of this machine share.
        finished: likewise.
        cpu: seconds, of this process and of those it started and waited for.
        memory: peak of the largest of these processes, MB.
    """

    def __enter__(self) -> None:
        self.began, self._before = time.monotonic(), os.times()

    def __exit__(self, *_: object) -> None:
        self.finished = time.monotonic()
        self.cpu = sum(os.times()[:4]) - sum(self._before[:4])
        self.memory = max(own_peak(), _peak(resource.RUSAGE_CHILDREN))

    def figures(self) -> dict[str, Any]:
        """The attributes, for a line of JSON."""
        return {"began": self.began, "finished": self.finished, "cpu": self.cpu, "memory": self.memory}


def own_peak() -> float:
    """Linux counts the memory of the process that started this one into `ru_maxrss`, but not into VmHWM."""
    with contextlib.suppress(OSError), open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    return _peak(resource.RUSAGE_SELF)


def _peak(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024)
