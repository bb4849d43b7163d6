"""What a tool's work took, measured within its own process."""

from __future__ import annotations

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
        unit = 1024 if sys.platform == "linux" else 1024 * 1024
        self.memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / unit

    def figures(self) -> dict[str, Any]:
        """The attributes, for a line of JSON."""
        return {"began": self.began, "finished": self.finished, "cpu": self.cpu, "memory": self.memory}
