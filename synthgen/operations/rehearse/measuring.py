"""What a rehearsal measures: the time of a step, and the most memory that was used."""

from __future__ import annotations

import resource
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from synthgen.core.progress import Progress, Reporter
from synthgen.store.machine import peak_memory_bytes
from synthgen.training.watched import WRITING


class Watching(Reporter):
    """Hands on what a training shows, and times one of its steps by it.

    Args:
        shown: where it is shown.
        step: the step that is timed.
    """

    def __init__(self, shown: Reporter, step: int) -> None:
        super().__init__("silent")
        self.step_seconds: float | None = None
        self._shown, self._step = shown, step
        self._began: float | None = None

    def say(self, text: str) -> None:
        """See `Reporter`."""
        self._shown.say(text)

    def show(self, progress: Progress, force: bool = False) -> None:
        """See `Reporter`."""
        if progress.unit == "steps":
            if self._began is None:
                self._began = now() if progress.done == self._step - 1 else None
            elif self.step_seconds is None and progress.note != WRITING:  # which a step begins with
                self.step_seconds = now() - self._began
        self._shown.show(progress, force)

    def finish(self, progress: Progress) -> None:
        """See `Reporter`."""
        self._shown.finish(progress)


class Peak:
    """The most memory that is used from now on.

    Only Linux can forget what was used before; elsewhere it is the most since the process began.
    """

    def __init__(self) -> None:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        if (cuda := _cuda()) is not None:
            cuda.empty_cache()
            cuda.reset_peak_memory_stats()

    def resident(self, processes: int = 1) -> int:
        """Bytes that were resident in this process, or in the largest of several that it has started."""
        started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if processes > 1 else 0
        return max(peak_memory_bytes(), started if sys.platform == "darwin" else started * 1024)

    def gpu(self, processes: int = 1) -> int | None:
        """Bytes that torch held on a GPU; None without one, or where other processes held them."""
        return int(cuda.max_memory_reserved()) if (cuda := _cuda()) is not None and processes == 1 else None


def now() -> float:
    """Seconds, when all that was sent to a GPU is done."""
    if (cuda := _cuda()) is not None:
        cuda.synchronize()
    return time.monotonic()


def _cuda() -> Any:
    """The part of torch for GPUs that are there; torch is not imported for it."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_available() else None
