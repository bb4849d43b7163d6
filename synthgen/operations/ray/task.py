"""What runs on a node: one `synthgen` command in a process of its own, whose exit code is the result.

That process ends when the Ray worker that started it does, so nothing of a dead node goes on asking or
writing.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict

import orjson

from synthgen.core.errors import Fault
from synthgen.core.progress import LOG_FORMAT
from synthgen.version import __version__

LOOK_SECONDS = 0.2
"""Between two looks at the process, in which a cancelled task notices it."""


class Order(TypedDict):
    """What a node is told."""

    words: list[str]
    """What is behind `python`: `-m synthgen run …`."""
    folder: str
    """Where the command is given; absolute."""
    log: str
    """The file that its log goes to; absolute. Its folder is there if the disk is shared."""
    mark: str
    """What a file beside the log holds as long as the driver lives: another disk has none, or another one."""
    version: str
    """Of the driver's synthgen."""


class Ended(TypedDict):
    """What became of it."""

    code: int
    host: str
    faults: list[dict[str, str]]
    """What the command said at its end; see `Fault`."""


ENDS_WITH = ("-m", "synthgen.store.orphans")
"""Behind `python`: does what follows the number of a process, and ends with that process."""

MARK = "driver"
"""The file beside the logs that tells a shared disk from another one."""


def perform(order: Order) -> Ended:
    """Gives the command and waits for its end; a cancelled task interrupts it, and waits, too."""
    if (fault := _unfit(order)) is not None:
        return Ended(code=2, host=socket.gethostname(), faults=[vars(fault)])
    log = Path(order["log"])
    start = log.stat().st_size if log.exists() else 0
    command = [sys.executable, *ENDS_WITH, str(os.getpid()), sys.executable, *order["words"]]
    with _cancelled() as cancelled, open(log, "ab") as out:
        process = subprocess.Popen(
            command,
            cwd=order["folder"],
            env={**os.environ, LOG_FORMAT: "json"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C in a terminal is for the driver, which cancels the task
        )
        code = _ended(process, cancelled)
    return Ended(code=code, host=socket.gethostname(), faults=_faults(log, start))


def _unfit(order: Order) -> Fault | None:
    """Why nothing can be done on this node."""
    host = socket.gethostname()
    mark = Path(order["log"]).with_name(MARK)
    if not Path(order["folder"]).is_dir() or not mark.is_file() or mark.read_text() != order["mark"]:
        return Fault(
            f"node {host} does not see the run's folder",
            str(mark.parent),
            "the working folder, runs and ledger have to lie on a disk that all nodes share",
        )
    if order["version"] != __version__:
        return Fault(
            f"node {host} has synthgen {__version__}, and the command was given to {order['version']}",
            next="install the same version on all nodes",
        )
    return None


@contextmanager
def _cancelled() -> Iterator[list[int]]:
    """Counts how often the task is cancelled, which Ray does as Ctrl-C would.

    An exception could come before the process is watched, and leave it behind.
    """
    times: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: times.append(number))
    try:
        yield times
    finally:
        signal.signal(signal.SIGINT, before)


def _ended(process: subprocess.Popen[bytes], cancelled: list[int]) -> int:
    """The exit code of a process; of a signal's death 128 and its number."""
    told = 0
    while process.poll() is None:
        if len(cancelled) > told:
            told = len(cancelled)
            process.send_signal(signal.SIGTERM)
        time.sleep(LOOK_SECONDS)
    code = int(process.returncode)
    return 128 - code if code < 0 else code


def _faults(log: Path, start: int) -> list[dict[str, str]]:
    """What the command said at its end, from its log."""
    with open(log, "rb") as file:
        file.seek(max(start, file.seek(0, os.SEEK_END) - 65536))
        lines = file.read().splitlines()
    for line in reversed(lines):
        entry: Any = None
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(entry, dict) and entry.get("event") == "end":
            told = entry.get("faults") or [{"what": str(entry.get("text", "")).removeprefix("error: ")}]
            return [{name: str(one.get(name, "")) for name in ("what", "where", "next")} for one in told[:5]]
    text = b"\n".join(lines[-1:]).decode("utf-8", "replace")[:500]
    return [{"what": text or "it said nothing", "where": str(log), "next": "read the end of that file"}]
