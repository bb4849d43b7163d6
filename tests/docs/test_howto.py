"""The pages for those who clean files and for those with a cluster show what their commands print."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from synthgen.cli import main
from synthgen.core.text import wrapped
from tests import DOCS
from tests.docs.curator_files import make_files
from tests.docs.pages import missing, outputs, plain, taken_apart

MARKS = [("reject", {}), ("fix", {"field": "output", "text": "An oak."}), ("keep", {})]
"""What the page says that was marked in `clean`."""


@pytest.fixture(autouse=True)
def terminal(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")


def printed(
    command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> tuple[int, list[str]]:
    """A command's exit code and the lines that it prints, progress first."""
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    said = capfd.readouterr()
    # The log is as wide as a terminal only where there is one.
    return code, [plain(line) for line in (wrapped(said.err, 80) + "\n" + said.out).split("\n")]


def mark_rows(folder: Path) -> None:
    """Makes the marks of the page, as a viewer would."""
    rows = (folder / "rows.jsonl").read_text("utf-8").splitlines()
    with open(f"{folder}.reviews.jsonl", "w", encoding="utf-8") as file:
        for number, (mark, more) in enumerate(MARKS):
            row = json.loads(rows[number])["id"]
            who = {"at": "2026-12-01T01:22:30.120Z", "who": "anna", "file": f"{folder}/rows"}
            file.write(json.dumps({**who, "line": number + 1, "row": row, "mark": mark, **more}) + "\n")


def test_the_curators_page(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    make_files(Path())
    wrong, ran = [], 0
    shown = outputs(DOCS / "howto/curator.md")
    writes = "The same command\nwith `-o filtered` in place of `--report` writes:"
    assert writes in (DOCS / "howto/curator.md").read_text("utf-8")
    for command, lines in shown:
        if command.startswith("synthgen view"):
            mark_rows(Path("clean"))
            continue
        code, told = printed(command, monkeypatch, capfd)
        assert code == (2 if lines[0].startswith("error: ") else 0), (command, told)
        wrong += [f"{command}: not printed: {line}" for line in missing(lines, told)]
        ran += 1
        if command.endswith("--report"):
            printed(command.removesuffix("--report") + "-o filtered", monkeypatch, capfd)
    assert ran == 8 and not wrong, "\n".join(wrong)


def test_the_job_files_that_the_page_of_jobs_lists(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    budget = [block.text for block in taken_apart((DOCS / "howto/budget.md").read_text("utf-8"))[0]]
    Path("contracts.yaml").write_text(budget[0], "utf-8")
    Path("questions.csv").write_text("question,gold\nWhat is 2 + 2?,4\n", "utf-8")
    command, listed = (block.text for block in taken_apart((DOCS / "jobs.md").read_text("utf-8"))[0][:2])
    code, told = printed(command.split("\n")[0], monkeypatch, capfd)
    files, rest = [line for line in told if line.startswith("jobs/")], told
    assert code == 0 and files
    assert not [line for line in map(plain, listed.split("\n")) if line not in rest]
