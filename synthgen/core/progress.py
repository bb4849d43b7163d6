"""Progress: a bar on a terminal, plain lines elsewhere, and a status file for other processes.

    generate 1,204/3,000 · 2.1 rows/s · 1,840 tok/s · $3.12 of $20 · 14 min left · 3 failed

Everything here goes to stderr; stdout is for results.
"""

from __future__ import annotations

import datetime
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from synthgen.core.colour import painted
from synthgen.core.run_metrics import RunMetrics
from synthgen.core.text import dollars, duration, printable, terminal_columns, wrapped

PLAIN_SECONDS = 10.0  # between two plain lines
STATUS_SECONDS = 1.0  # between two writes of status.json
LOG_FORMAT = "SYNTHGEN_LOG_FORMAT"
"""The environment variable that says how the log is written: `text`, or `json`."""
_ERASED = "\r\x1b[2K"  # an empty line, where the bar is
_NOTEBOOK_COLUMNS = 100


class Progress:
    """How far one stage is; `update` is cheap, and is called from one thread at a time.

    Args:
        reporter: where the line is shown.
        stage: the stage's id.
        total: rows to do, where it is known.
        unit: what is counted.
    """

    def __init__(self, reporter: Reporter, stage: str, total: int | None, unit: str) -> None:
        self._reporter = reporter
        self.stage, self.total, self.unit = stage, total, unit
        self.done = 0
        self.reused = 0
        self.tokens = 0
        self.failed = 0
        self.cost: float | None = None
        self.cap: float | None = None
        self.retries: dict[str, int] = {}
        self.note = ""
        self.seconds: float | None = None
        self.left: float | None = None
        self.started = time.monotonic()

    def update(
        self,
        *,
        done: int | None = None,
        reused: int | None = None,
        tokens: int | None = None,
        cost: float | None = None,
        cap: float | None = None,
        failed: int | None = None,
        retries: dict[str, int] | None = None,
        total: int | None = None,
        note: str | None = None,
        seconds: float | None = None,
        left: float | None = None,
    ) -> None:
        """Sets figures, and shows them if it is time to; None leaves a figure as it is.

        Args:
            done: rows done so far.
            reused: how many of them say nothing of the rate, since they came from the ledger, say.
            tokens: tokens of the fresh replies.
            cost: dollars spent.
            cap: dollars that may be spent.
            failed: rows failed.
            retries: attempts that failed and were, or will be, made again; by reason.
            total: rows to do.
            note: a remark at the line's end.
            seconds: what the other rows and the tokens took; the time since the start where it is never
                given.
            left: seconds until all is done, where the caller knows better than by the rate so far.
        """
        for name, value in (
            ("done", done),
            ("reused", reused),
            ("tokens", tokens),
            ("cost", cost),
            ("cap", cap),
            ("failed", failed),
            ("retries", retries),
            ("total", total),
            ("note", note),
            ("seconds", seconds),
            ("left", left),
        ):
            if value is not None:
                setattr(self, name, value)
        self._reporter.show(self)

    def say(self, text: str) -> None:
        """One line to stderr, above the bar."""
        self._reporter.say(text)

    def line(self) -> str:
        """The figures as one line."""
        seconds = max(time.monotonic() - self.started if self.seconds is None else self.seconds, 1e-6)
        fresh = self.done - self.reused
        rate = fresh / seconds
        parts = [
            f"{self.stage} {self.done:,}/{self.total:,}"
            if self.total is not None
            else f"{self.stage} {self.done:,}"
        ]
        if fresh:
            parts.append(f"{rate:,.0f} {self.unit}/s" if rate >= 10 else f"{rate:.1f} {self.unit}/s")
        if self.tokens:
            parts.append(f"{self.tokens / seconds:,.0f} tok/s")
        if self.cost:
            parts.append(
                f"{dollars(self.cost)} of {dollars(self.cap).removesuffix('.00')}"
                if self.cap
                else dollars(self.cost)
            )
        if self.total is not None and self.total > self.done:
            if self.left is not None:
                parts.append(f"{duration(self.left)} left")
            elif fresh and seconds > 2:
                parts.append(f"{duration((self.total - self.done) / rate)} left")
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        if self.note:
            parts.append(self.note)
        return " · ".join(parts)

    def plain(self) -> dict[str, Any]:
        """The figures as `status.json` holds them."""
        seconds = time.monotonic() - self.started
        return {
            "stage": self.stage,
            "done": self.done,
            "total": self.total,
            "unit": self.unit,
            "reused": self.reused,
            "tokens": self.tokens,
            "cost_usd": self.cost,
            "failed": self.failed,
            "retries": self.retries,
            "seconds": round(seconds, 1),
            "note": self.note,
            "line": self.line(),
        }

    def __enter__(self) -> Progress:
        self._reporter.show(self, force=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reporter.finish(self)


class Reporter:
    """Where progress goes: `bar`, `notebook`, `plain`, `json` or `silent`; by default what fits stderr.

    A notebook shows a bar, but obeys only the return to a line's start.
    """

    def __init__(self, mode: str | None = None, status_file: Path | None = None) -> None:
        self.mode = mode or (
            "json"
            if wants_json()
            else "bar"
            if sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
            else "notebook"
            if _in_notebook()
            else "plain"
        )
        self.status_file = status_file
        self.metrics: RunMetrics | None = None
        self._last_line = 0.0
        self._last_status = 0.0
        self._bar = False

    def stage(self, stage: str, total: int | None = None, unit: str = "rows") -> Progress:
        """A new progress line; use it as a context manager."""
        self._last_line = time.monotonic()
        return Progress(self, stage, total, unit)

    def say(self, text: str) -> None:
        """One line to stderr, above the bar."""
        self.event(text, "note")

    def event(self, text: str, event: str, **figures: Any) -> None:
        """One line to stderr, above the bar.

        Args:
            text: the line.
            event: what it is about, for a log in JSON.
            **figures: what such a log holds beside the line.
        """
        if self.mode == "silent":
            return
        self._clear()
        self._write(json_line(text, event, **figures) if self.mode == "json" else text + "\n")

    def show(self, progress: Progress, force: bool = False) -> None:
        """Writes the line and the status file where it is time to, or where `force` is set."""
        now = time.monotonic()
        if self.status_file is not None and (force or now - self._last_status >= STATUS_SECONDS):
            self._last_status = now
            self._write_status(progress)
        if self.mode in ("bar", "notebook") and (force or now - self._last_line >= 0.1):
            self._last_line = now
            self._bar = True
            line = " ".join(progress.line().split("\n"))
            if self.mode == "notebook":
                self._write(line[:_NOTEBOOK_COLUMNS].ljust(_NOTEBOOK_COLUMNS), "\r")
                return
            width = (os.get_terminal_size(2).columns if os.isatty(2) else 0) or 200
            self._write(line[: width - 1], _ERASED)
        elif self.mode in ("plain", "json") and now - self._last_line >= PLAIN_SECONDS:
            self._last_line = now
            if self.mode == "json":
                self.event(progress.line(), "progress", **progress.plain())
            else:
                self.say(progress.line())

    def finish(self, progress: Progress) -> None:
        """Ends a progress line; the status file keeps how far it came."""
        if self.status_file is not None:
            self._write_status(progress)
        self._clear()
        if self.mode == "json":
            self.event(progress.line(), "progress", **progress.plain())

    def _clear(self) -> None:
        if self._bar:
            self._bar = False
            blank = "\r" + " " * _NOTEBOOK_COLUMNS + "\r"
            self._write("", blank if self.mode == "notebook" else _ERASED)

    def _write(self, text: str, control: str = "") -> None:
        if not write_stderr(text, control, as_it_is=self.mode == "json"):
            self.mode, self._bar = "silent", False

    def _write_status(self, progress: Progress) -> None:
        if self.metrics is not None:
            self.metrics.note(progress.stage, progress.plain())
        assert self.status_file is not None
        aside = self.status_file.with_name(f".{self.status_file.name}.{os.getpid()}")
        try:
            aside.write_bytes(orjson.dumps({"pid": os.getpid(), "at": time.time(), **progress.plain()}))
            os.replace(aside, self.status_file)
        except OSError:
            pass  # a status that cannot be written must not stop the work


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def wants_json() -> bool:
    """Whether the log is to be JSON, a line an event."""
    return os.environ.get(LOG_FORMAT) == "json"


def json_line(text: str, event: str, **figures: Any) -> str:
    """A line of the log in JSON: when, how bad, what about, the text, and figures."""
    word = text.split(":", 1)[0].lower()
    entry = {
        "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        "level": word if word in ("warning", "error") else "info",
        "event": event,
        "text": text.strip("\n"),
        **{name: value for name, value in figures.items() if name != "line"},
    }
    return orjson.dumps(entry, default=str).decode() + "\n"


def write_stderr(text: str, control: str = "", as_it_is: bool = False) -> bool:
    """Writes to stderr; False where it is closed, full or has no reader, which must not stop the work.

    Args:
        text: may hold anything that came from a row or a server: a terminal shows it, and obeys none of it.
        control: what a terminal is to obey before.
        as_it_is: leave lines that are wider than the terminal, for commands that are copied from it, and for
            JSON, of which a line is an object.
    """
    if sys.stderr is None:
        return False
    try:
        shown = printable(text)
        if not control and sys.stderr.isatty():
            shown = shown if as_it_is else wrapped(shown, terminal_columns(2))
            shown = shown if wants_json() else painted(shown, sys.stderr)
        sys.stderr.write(control + shown)
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # else the buffer would fail again at exit
        return False
    return True
