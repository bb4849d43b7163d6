"""A command of the user's that is told how a run ended, in its environment."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from synthgen.core.errors import SynthgenError
from synthgen.core.exit_codes import EXIT_CODES
from synthgen.core.progress import json_line, wants_json, write_stderr
from synthgen.core.text import duration

SECONDS = 60
"""How long the command may take."""
MOST = 10_000
"""Characters of a variable: a system takes no environment without end."""


@dataclass
class Told:
    """What the command is told beside how it ended; of an unreadable pipeline, its file's name."""

    pipeline: str
    run_dir: Path


@contextmanager
def notifying(command: str | None, pipeline: str, run_dir: Path) -> Iterator[Told]:
    """Runs a command when what is inside has ended, well or badly.

    The environment holds SYNTHGEN_RUN, SYNTHGEN_RUN_DIR, SYNTHGEN_EXIT_CODE, SYNTHGEN_MEANS (done, failed …),
    SYNTHGEN_SECONDS, SYNTHGEN_ERROR, and SYNTHGEN_TEXT with all of it in a line. A command that
    fails is told, and changes nothing.

    Args:
        command: a line for the shell; None: nobody is told.
        pipeline: the pipeline's name, as far as it is known.
        run_dir: the run's folder.

    Yields:
        Both of these, to be set where more is known.
    """
    told = Told(pipeline, run_dir)
    if command is None:
        yield told
        return
    started = time.monotonic()
    code, error = 0, ""
    try:
        yield told
    except SynthgenError as fault:
        code, error = fault.exit_code, str(fault)
        raise
    except KeyboardInterrupt:
        code = 130
        raise
    except BaseException as fault:
        code = getattr(fault, "exit_code", 1)  # the command line's own errors have one, too
        error = str(fault) if isinstance(code, int) and code > 1 else f"{type(fault).__name__}: {fault}"
        raise
    finally:
        _tell(command, told, code, error, time.monotonic() - started)


def _tell(command: str, told: Told, code: int, error: str, seconds: float) -> None:
    means = next((one.means for one in EXIT_CODES if one.code == code), "failed").replace("`", "")
    first = error.partition("\n")[0]
    name = told.pipeline
    values = {
        "SYNTHGEN_RUN": name,
        "SYNTHGEN_RUN_DIR": str(told.run_dir),
        "SYNTHGEN_EXIT_CODE": str(code),
        "SYNTHGEN_MEANS": means,
        "SYNTHGEN_SECONDS": str(round(seconds)),
        "SYNTHGEN_ERROR": error,
        "SYNTHGEN_TEXT": f"{name}: {means} after {duration(seconds)}" + (f": {first}" if first else ""),
    }
    try:
        with subprocess.Popen(
            command,
            shell=True,
            env={**os.environ, **{variable: _plain(value) for variable, value in values.items()}},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        ) as shell:
            _wait(shell)
    except (OSError, ValueError) as fault:
        _warn(f"warning: --notify: {fault}")
        return
    if shell.returncode > 0:
        _warn(f"warning: --notify: the command ended with exit code {shell.returncode}")


def _wait(shell: subprocess.Popen[bytes]) -> None:
    """Waits for the command; whatever it has started ends with it where it takes too long, or at Ctrl-C."""
    try:
        shell.wait(SECONDS)
    except BaseException as fault:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        if not isinstance(fault, subprocess.TimeoutExpired):
            raise
        _warn(f"warning: --notify: the command was stopped after {SECONDS} s")


def _plain(value: str) -> str:
    """A value that an environment can hold."""
    return value.replace("\0", " ").encode("utf-8", "replace").decode()[:MOST]


def _warn(text: str) -> None:
    json = wants_json()
    write_stderr(json_line(text, "note") if json else f"{text}\n", as_it_is=json)
