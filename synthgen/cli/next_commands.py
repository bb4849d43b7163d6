"""The command that comes next, with the files, folders and values that this one was given."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from synthgen.cli.options import LEDGER, RUNS
from synthgen.core.text import path_word

FLAGS = {
    "values": "--values",
    "set": "--set",
    "runs": "--runs",
    "run_dir": "--run-dir",
    "ledger": "--ledger",
    "limit": "--limit",
    "env_file": "--env-file",
}
"""A command's parameter -> its flag. Without them the next command would look, or pay, somewhere else."""
DEFAULTS = {"runs": RUNS, "ledger": LEDGER}
_PIPELINE = ("values", "set", "runs", "ledger")
_BATCH = (*_PIPELINE, "run_dir", "limit")
TAKES: dict[str, tuple[str, ...]] = {
    "preview": (*_PIPELINE, "env_file"),
    "run": (*_BATCH, "env_file"),
    "merge": ("values", "set", "runs", "run_dir"),
    "batch prepare": (*_BATCH, "env_file"),
    "batch submit": (*_BATCH, "env_file"),
    "batch status": (*_BATCH, "env_file"),
    "batch collect": (*_BATCH, "env_file"),
    "inspect": ("ledger",),
    "status": ("ledger",),
    "diff": (),
    "report": ("ledger",),
}
"""Which of them each command takes. A run's folder needs no `--runs`."""


def next_command(command: str, *arguments: str | Path, **given: Any) -> str:
    """A command line that goes on from here.

    Args:
        command: its words, such as `batch collect`.
        *arguments: what it is about.
        **given: the options that this command was given, by the names in `FLAGS`; those that the next one
            does not take, and defaults, are left out.
    """
    words = [*map(path_word, arguments), *options_of(command, **given)]
    return " ".join(["synthgen", command, *map(shlex.quote, words)])


def options_of(command: str, **given: Any) -> tuple[str, ...]:
    """The options of a command line that goes on from here, a word each; see `next_command`."""
    return tuple(
        word
        for name in FLAGS
        if name in TAKES[command] and given.get(name) not in (None, DEFAULTS.get(name))
        for value in _each(given[name])
        for word in (FLAGS[name], str(value))
    )


def _each(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else (value,)
