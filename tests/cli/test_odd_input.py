"""What few people give and a machine sometimes does: lost streams, full disks, odd names and values. One line, the right exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from synthgen.cli import main

GOOD = '{"instruction": "Name a colour.", "output": "Blue."}\n{"instruction": "Name a fruit.", "output": "Plum."}\n'
FULL = Path("/dev/full")

needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")


@pytest.fixture
def synthgen(in_tmp, monkeypatch, capsys):
    """Runs the command line in a folder with rows.jsonl; gives exit code, stdout and stderr."""
    Path("rows.jsonl").write_text(GOOD)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["synthgen", *arguments])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err, said.err
        return code, said.out, said.err

    return call


def pipeline(stages: str = "  - filter: {rules: [refusal]}\n", head: str = "") -> str:
    Path("p.yaml").write_text(f"version: 1\nname: p\n{head}stages:\n  - load: {{sources: [rows.jsonl]}}\n{stages}")
    return "p.yaml"


def in_shell(command: str) -> subprocess.CompletedProcess[str]:
    program = f"{sys.executable} -c 'from synthgen.cli import main; main()'"
    return subprocess.run(["bash", "-o", "pipefail", "-c", command.replace("synthgen", program)], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("lost", ["2>&-", pytest.param("2>/dev/full", marks=needs_full), "2> >(true)", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_run_goes_on_where_nobody_can_be_told(in_tmp, lost):
    Path("rows.jsonl").write_text(GOOD)
    ended = in_shell(f"synthgen run {pipeline()} {lost}")
    assert ended.returncode == 0, ended.stderr
    assert Path("data/runs/p/filter/rows.jsonl").read_bytes().count(b"\n") == 2


def test_an_error_keeps_its_exit_code_where_nobody_can_be_told(in_tmp):
    assert in_shell("synthgen run none.yaml 2>&-").returncode == 2


@pytest.mark.parametrize("lost", [">&-", pytest.param(">/dev/full", marks=needs_full)])
def test_a_result_that_cannot_be_printed_is_one_line_and_exit_1(in_tmp, lost):
    Path("rows.jsonl").write_text(GOOD)
    for command in ("inspect rows.jsonl", "inspect rows.jsonl --json"):
        ended = in_shell(f"synthgen {command} {lost}")
        assert ended.returncode == 1 and "cannot be printed" in ended.stderr, ended.stderr
        assert "Traceback" not in ended.stderr and "Exception ignored" not in ended.stderr


@needs_full
def test_help_on_a_full_disk_is_one_line_and_exit_1(in_tmp):
    ended = in_shell("synthgen --help >/dev/full")
    assert ended.returncode == 1 and "No space left" in ended.stderr and "Traceback" not in ended.stderr and "Exception ignored" not in ended.stderr


def test_a_file_that_cannot_be_written_outside_a_stage_is_told_with_its_name(synthgen, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "data/runs/p/pipeline.resolved.yaml")

    monkeypatch.setattr("synthgen.pipeline._write_resolved", full)
    code, _, err = synthgen("run", pipeline())
    assert code == 1 and "No space left" in err and "pipeline.resolved.yaml" in err and "make room" in err
