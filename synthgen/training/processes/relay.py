"""What rank 0 has to show goes through a pipe to the process of the run, which shows it."""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress
from typing import Any

import orjson

from synthgen.core.progress import Progress, Reporter

RELAY = "SYNTHGEN_RELAY"
"""The variable that tells rank 0 the number of its end of the pipe."""

_FIGURES = ("done", "reused", "tokens", "total", "note", "seconds", "left")
_SECONDS = 0.2  # between two figures


class RelayReporter(Reporter):
    """Rank 0's reporter: all that it is told to show goes into the pipe."""

    def __init__(self, end: int) -> None:
        super().__init__("silent")
        self._end, self._sent = end, 0.0

    def say(self, text: str) -> None:
        """See `Reporter`."""
        self._send({"say": text})

    def show(self, progress: Progress, force: bool = False) -> None:
        """See `Reporter`."""
        if force or time.monotonic() - self._sent >= _SECONDS:
            self._sent = time.monotonic()
            self._send({"unit": progress.unit, **{name: getattr(progress, name) for name in _FIGURES}})

    def finish(self, progress: Progress) -> None:
        """See `Reporter`."""
        self.show(progress, force=True)

    def _send(self, told: dict[str, Any]) -> None:
        with suppress(OSError):  # the run has ended, and so will this process
            os.write(self._end, orjson.dumps(told) + b"\n")


class Relay:
    """The run's end of the pipe.

    Args:
        reporter: where it is shown.
        stage_id: the stage that trains.
    """

    def __init__(self, reporter: Reporter, stage_id: str) -> None:
        self.reporter, self.stage_id = reporter, stage_id
        self.reading, self.writing = os.pipe()
        self._left = b""
        self._open = True
        self._progress: Progress | None = None

    def started(self) -> None:
        """Leaves the other end to rank 0, which was started with it."""
        os.close(self.writing)
        self.writing = -1

    def show(self, seconds: float) -> None:
        """Shows what comes within some seconds, and returns when something came or they are over."""
        if not self._open:
            time.sleep(seconds)
            return
        if not select.select([self.reading], [], [], seconds)[0]:
            return
        came = os.read(self.reading, 1 << 16)
        self._open = bool(came)
        *lines, self._left = (self._left + came).split(b"\n")
        for line in lines:
            self._show(orjson.loads(line))

    def close(self) -> None:
        """Shows what is left, ends the progress line, and closes the pipe."""
        while self._open and self.writing < 0 and select.select([self.reading], [], [], 0)[0]:
            self.show(0)
        for end in (self.reading, self.writing):
            if end >= 0:
                os.close(end)
        if self._progress is not None:
            self.reporter.finish(self._progress)

    def _show(self, told: dict[str, Any]) -> None:
        if "say" in told:
            self.reporter.say(told["say"])
            return
        unit = told.pop("unit")
        if self._progress is None:
            self._progress = self.reporter.stage(self.stage_id, told["total"], unit)
            self._progress.__enter__()
        self._progress.update(**told)
