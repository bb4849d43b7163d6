"""The tutorial shows what its commands print: they are run, up to the training that takes minutes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests import DOCS
from tests.docs.pages import missing, outputs, plain

LONG = "more_questions"
"""The run of 4,000 questions, which takes two minutes: its commands are not run here."""
SCORES = re.compile(r"(base|student) ([\d.]+%|[A-Z]+:)")
"""What a model that was hardly trained says differs from one processor to the next."""


def shown() -> list[tuple[str, list[str]]]:
    """(command, the lines that the tutorial shows of its output) in the order of the page."""
    return [
        (command, [line for line in lines if not SCORES.match(line)])
        for command, lines in outputs(DOCS / "tutorial.md")
        if LONG not in command
    ]


@pytest.mark.slow
def test_the_commands_print_what_the_tutorial_shows(tmp_path: Path) -> None:
    folder, wrong, run = tmp_path, [], 0
    for command, lines in shown():
        if command.startswith("cd "):
            folder = folder / command[3:]
            continue
        words = shlex.split(command)[1:]
        done = subprocess.run(
            [sys.executable, "-m", "synthgen", *words],
            cwd=folder,
            env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        run += 1
        # Progress and results go to two streams, and the page shows them as a terminal would mix them.
        printed = [plain(line) for line in (done.stderr + "\n" + done.stdout).split("\n")]
        wrong += [f"{command}: not printed: {line}" for line in missing(lines, printed)]
    assert run >= 8 and not wrong, "\n".join(wrong)


def test_a_line_that_is_not_printed_is_found() -> None:
    assert missing(["a", "c", "b"], ["a", "b", "c", "d"]) == ["b"]
    assert plain("student:   23 kept of 23 in 11 s") == plain("student: 23 kept of 23 in 2 min")
    assert any(command == "cd bakery" for command, _ in shown())
    assert SCORES.match("student 0.0% 0.0–56.1") and not SCORES.match("student: 23 kept of 23 in N s")
