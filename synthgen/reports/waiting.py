"""Whether a run has come to an end, for those who wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synthgen.core.errors import InputError

SECONDS = 5.0
"""Between two looks."""
STOPPED = 3


def ended(status: dict[str, Any], at_work: bool) -> int | None:
    """The exit code of a run that has come to an end; None while it goes on.

    A run that was interrupted, or that has not begun, goes on: the job that does it is queued again.

    Args:
        status: see `run_status`.
        at_work: whether a process is at work in it, or in one of its shards.
    """
    stages = status["stages"]
    if all(stage["state"] == "done" for stage in stages):
        return 0
    if at_work:
        return None
    for stage in stages:
        if stage["state"] == "failed" or (stage["state"] == "waits" and stage.get("exit_code")):
            return int(stage.get("exit_code") or 1)
        if stage["state"] == "stopped":
            return STOPPED
    return None


def waits_for(status: dict[str, Any], at_work: bool) -> str:
    """What those who wait for a run wait for."""
    if at_work:
        live = status.get("live")
        return f"waiting for {status['run']}: at work{'' if live is None else ' on ' + live['stage']}"
    stage = next(stage for stage in status["stages"] if stage["state"] != "done")
    return (
        f"waiting for {status['run']}: nobody is at work in it now; {stage['stage']}: {stage['why']} "
        "(Ctrl-C ends the waiting, not the run)"
    )


def wait_for(
    look: Callable[[], tuple[dict[str, Any], bool]],
    say: Callable[[str], None],
    folder: Path | None = None,
) -> tuple[dict[str, Any], int]:
    """Looks again and again until a run has come to an end.

    Args:
        look: its status, and whether somebody is at work in it.
        say: tells what is waited for, whenever that is something else than before.
        folder: of a run that has begun; it does not come back where it goes.

    Returns:
        Its last status, and its exit code.

    Raises:
        InputError: the folder is gone.
    """
    told = ""
    while True:
        if folder is not None and not folder.is_dir():
            raise InputError("the run's folder is gone", str(folder), "its end will not be known")
        status, at_work = look()
        code = ended(status, at_work)
        if code is not None:
            return status, code
        if (now := waits_for(status, at_work)) != told:
            say(now)
            told = now
        time.sleep(SECONDS)
