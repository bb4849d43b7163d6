"""Whether a run has come to an end, for those who wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

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


def wait_for(look: Callable[[], tuple[dict[str, Any], bool]]) -> tuple[dict[str, Any], int]:
    """Looks again and again until a run has come to an end.

    Args:
        look: its status, and whether somebody is at work in it.

    Returns:
        Its last status, and its exit code.
    """
    while True:
        status, at_work = look()
        code = ended(status, at_work)
        if code is not None:
            return status, code
        time.sleep(SECONDS)
