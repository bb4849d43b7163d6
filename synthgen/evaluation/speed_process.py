"""Starts the process that measures a model, and reads its figures."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from synthgen.core.errors import Interrupted
from synthgen.evaluation.speed import Measurement

POLL_SECONDS = 0.2


def measured(asked: Measurement, stopping: Callable[[], int]) -> dict[str, Any]:
    """The figures of one model, or {"failed": why}.

    Args:
        asked: the model, and what it is asked.
        stopping: 0, or the number of the signal that asks to stop.

    Raises:
        Interrupted: a signal asked to stop; the process was ended.
    """
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as made:
        process = subprocess.Popen(
            [sys.executable, "-m", "synthgen.evaluation.speed"],
            stdin=subprocess.PIPE,
            stdout=made,
            stderr=told,
            env={**os.environ, "PYTHONPATH": path},
        )
        try:
            assert process.stdin is not None
            process.stdin.write(asked.model_dump_json().encode())
            process.stdin.close()
            while process.poll() is None:
                if signal_number := stopping():
                    raise Interrupted(signal_number)
                try:
                    process.wait(POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        made.seek(0)
        try:
            figures: dict[str, Any] = orjson.loads(made.read())
            return figures
        except orjson.JSONDecodeError:
            told.seek(0)
            lines = told.read().decode("utf-8", "replace").strip().splitlines()
            # A process that was killed says nothing: the system ends what takes all memory.
            why = "it was killed; is the memory full?" if process.returncode < 0 else "it failed"
            return {"failed": lines[-1][:300] if lines and process.returncode > 0 else why}
