"""Figures of a run as a text file for Prometheus, by the textfile collector of its node exporter.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/. The file is replaced as a whole.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

STAGE_FIGURES = {
    "done": ("synthgen_stage_done", "rows or requests that are done"),
    "total": ("synthgen_stage_total", "rows or requests to do, where it is known"),
    "reused": ("synthgen_stage_reused", "of those done, how many came from the ledger"),
    "failed": ("synthgen_stage_failed", "rows or requests that failed"),
    "tokens": ("synthgen_stage_completion_tokens", "tokens of new replies"),
    "cost_usd": ("synthgen_stage_cost_usd", "dollars of the run so far, as this stage last saw them"),
    "seconds": ("synthgen_stage_seconds", "seconds since the stage began"),
}
"""Figure of a stage's progress -> (its metric, what it is)."""
RETRIES = ("synthgen_stage_retries", "attempts that failed and were made again, by reason")
UPDATED = ("synthgen_run_updated_timestamp_seconds", "when these figures were written")
UP = ("synthgen_run_up", "1 while a process is at work in the run")
EXIT_CODE = ("synthgen_run_exit_code", "how the run ended")


class RunMetrics:
    """The figures of one run, written to a file as they change.

    Args:
        file: where they go; `.prom` is what node exporter reads.
        run: the run's name, a label of each.
    """

    def __init__(self, file: Path, run: str) -> None:
        self.file, self.run = file, run
        self._stages: dict[str, dict[str, Any]] = {}
        self._exit_code: int | None = None

    def note(self, stage: str, figures: dict[str, Any]) -> None:
        """A stage's figures (`Progress.plain`), in place of those before."""
        self._stages[stage] = figures
        self.write()

    def end(self, exit_code: int) -> None:
        """The run has ended."""
        self._exit_code = exit_code
        self.write()

    def text(self) -> str:
        """The file's text."""
        run = f'run="{_escaped(self.run)}"'
        lines: list[str] = []

        def gauge(metric: tuple[str, str], values: list[tuple[str, float]]) -> None:
            name, what = metric
            if values:
                lines.append(f"# HELP {name} {what}")
                lines.append(f"# TYPE {name} gauge")
                lines.extend(f"{name}{{{labels}}} {value}" for labels, value in values)

        stages = {f'{run},stage="{_escaped(stage)}"': figures for stage, figures in self._stages.items()}
        for figure, metric in STAGE_FIGURES.items():
            found = [(labels, figures.get(figure)) for labels, figures in stages.items()]
            gauge(metric, [(labels, value) for labels, value in found if value is not None])
        retries = [
            (f'{labels},reason="{_escaped(reason)}"', tries)
            for labels, figures in stages.items()
            for reason, tries in sorted(figures.get("retries", {}).items())
        ]
        gauge(RETRIES, retries)
        gauge(UP, [(run, 1 if self._exit_code is None else 0)])
        gauge(EXIT_CODE, [] if self._exit_code is None else [(run, self._exit_code)])
        gauge(UPDATED, [(run, round(time.time(), 3))])
        return "\n".join(lines) + "\n"

    def write(self) -> str:
        """Writes the figures as they are; returns why that could not be done, or nothing."""
        aside = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        try:
            aside.write_text(self.text(), encoding="utf-8")
            os.replace(aside, self.file)
        except OSError as fault:  # which must not stop the work
            with suppress(OSError):
                aside.unlink()
            return fault.strerror or str(fault)
        return ""


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
