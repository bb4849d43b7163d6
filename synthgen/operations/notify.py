"""A command of the user's that is told how a run ended, in its environment."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synthgen.core.errors import SynthgenError
from synthgen.core.exit_codes import EXIT_CODES
from synthgen.core.progress import json_line, wants_json, write_stderr
from synthgen.core.text import duration

SECONDS = 60
"""How long the command may take."""


@contextmanager
def notifying(command: str | None, pipeline: str, run_dir: Path) -> Iterator[None]:
    """Runs a command when what is inside has ended, well or badly.

    The environment holds SYNTHGEN_RUN, SYNTHGEN_RUN_DIR, SYNTHGEN_EXIT_CODE, SYNTHGEN_MEANS (done, failed …),
    SYNTHGEN_SECONDS, SYNTHGEN_ERROR, and SYNTHGEN_TEXT with all of it in a line. A command that
    fails is told, and changes nothing.

    Args:
        command: a line for the shell; None: nobody is told.
        pipeline: the pipeline's name.
        run_dir: the run's folder.
    """
    if command is None:
        yield
        return
    started = time.monotonic()
    code, error = 0, ""
    try:
        yield
    except SynthgenError as fault:
        code, error = fault.exit_code, str(fault)
        raise
    except KeyboardInterrupt:
        code = 130
        raise
    except BaseException as fault:
        code, error = 1, f"{type(fault).__name__}: {fault}"
        raise
    finally:
        _tell(command, pipeline, run_dir, code, error, time.monotonic() - started)


def _tell(command: str, pipeline: str, run_dir: Path, code: int, error: str, seconds: float) -> None:
    means = next((one.means for one in EXIT_CODES if one.code == code), "failed").replace("`", "")
    first = error.partition("\n")[0]
    told = {
        "SYNTHGEN_RUN": pipeline,
        "SYNTHGEN_RUN_DIR": str(run_dir),
        "SYNTHGEN_EXIT_CODE": str(code),
        "SYNTHGEN_MEANS": means,
        "SYNTHGEN_SECONDS": str(round(seconds)),
        "SYNTHGEN_ERROR": error,
        "SYNTHGEN_TEXT": f"{pipeline}: {means} after {duration(seconds)}" + (f": {first}" if first else ""),
    }
    plain = {name: value.replace("\0", " ") for name, value in told.items()}
    try:
        done = subprocess.run(
            command, shell=True, env={**os.environ, **plain}, stdout=subprocess.DEVNULL, timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        _warn(f"warning: --notify: {fault}")
        return
    if done.returncode:
        _warn(f"warning: --notify: the command ended with exit code {done.returncode}")


def _warn(text: str) -> None:
    json = wants_json()
    write_stderr(json_line(text, "note") if json else f"{text}\n", as_it_is=json)
