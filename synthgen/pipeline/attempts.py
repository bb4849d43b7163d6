"""What became of the stages that a run began and did not publish, from its log and its last status."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from synthgen.store.jsonl import read_log

Ended = Literal["running", "failed", "interrupted", "stopped", "waits"]
"""`waits` is for its batches; `stopped` is at the budget; `interrupted` by a signal, or with the process."""
PROGRESS = ("done", "total", "unit", "failed", "tokens", "cost_usd", "seconds")
"""What is taken from the progress that a run reports."""


@dataclass(frozen=True)
class Attempt:
    """How the last start of a stage ended; `progress` is how far it had come, where that is known."""

    state: Ended
    why: str
    exit_code: int | None = None
    published: bool = False
    """Whether there is a result all the same: more of its rows failed than `max_failed` allows."""
    progress: Mapping[str, Any] = field(default_factory=dict)


def last_attempts(run_dir: Path, alive: bool) -> dict[str, Attempt]:
    """The stages whose last start did not end well, by id; `alive`: a process is at work in this run now."""
    attempts: dict[str, Attempt] = {}
    stage, started, pid, finished = "", "", 0, ""

    def close_interrupted() -> None:
        if stage:
            progress = _progress(run_dir, stage, started, pid)
            why = _so_far("its process was gone before it ended", progress)
            attempts[stage] = Attempt("interrupted", why, progress=progress)

    for entry in read_log(run_dir / "run.log.jsonl"):
        event = entry.get("event")
        if event == "run":
            close_interrupted()
            stage, finished, pid = "", "", entry.get("pid", 0)
        elif event == "start":
            stage, started = str(entry.get("stage")), str(entry.get("at", ""))
        elif event in ("ran", "skipped", "linked"):
            finished, stage = str(entry.get("stage")), ""
            attempts.pop(finished, None)
        elif event == "stopped":
            stage_at_fault = stage or (finished if entry.get("error") == "TooManyFailed" else "")
            if stage_at_fault:
                progress = _progress(run_dir, stage_at_fault, started, pid)
                attempts[stage_at_fault] = _ended(entry, progress, published=not stage)
            stage = ""
    if alive and stage:
        attempts[stage] = Attempt(
            "running",
            f"since {started[:19].replace('T', ' ')} UTC",
            progress=_progress(run_dir, stage, started, pid),
        )
    else:
        close_interrupted()
    return attempts


def _ended(entry: Mapping[str, Any], progress: Mapping[str, Any], published: bool) -> Attempt:
    words = str(entry.get("what") or "").partition("\n")[0]
    code = entry.get("exit_code")
    if entry.get("error") == "Interrupted":
        return Attempt("interrupted", _so_far("by a signal", progress), code, progress=progress)
    if code == 0:  # `batch prepare` ends a stage so, whose requests lie in batch files now
        return Attempt("waits", f"when it was prepared, {words.partition(': ')[2]}", code, progress=progress)
    if entry.get("error") == "BudgetReached":
        return Attempt("stopped", _so_far(words, progress), code, progress=progress)
    return Attempt("failed", words, code, published, progress)


def _so_far(words: str, progress: Mapping[str, Any]) -> str:
    """How far the stage came, and why it went no further."""
    if not progress.get("done"):
        return words
    counted = f"{progress['done']:,}"
    if progress.get("total") is not None:
        counted += f" of {progress['total']:,}"
    lost = f", {progress['failed']:,} of them failed" if progress.get("failed") else ""
    return f"at {counted}{lost}; {words}"


def _progress(run_dir: Path, stage: str, started: str, pid: int) -> dict[str, Any]:
    """The progress that the run last reported of a stage, if it reported any since this start of it."""
    try:
        status = orjson.loads((run_dir / "status.json").read_bytes())
        since = datetime.datetime.fromisoformat(started).timestamp()
        of_this_stage = status["pid"] == pid and str(status["stage"]).split(" ")[0] == stage
        if not of_this_stage or status["at"] < since - 1:
            return {}
        return {name: status.get(name) for name in PROGRESS}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
