"""What few people give and a machine sometimes does: lost streams, full disks, odd names and values.

One line, the right exit code.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = (
    '{"instruction": "Name a colour.", "output": "Blue."}\n{"instruction": "Name a fruit.", '
    '"output": "Plum."}\n'
)
FULL = Path("/dev/full")

needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")


@pytest.fixture
def synthgen(synthgen):
    """Runs the command line in a folder with rows.jsonl; gives exit code, stdout and stderr."""
    Path("rows.jsonl").write_text(GOOD)
    return synthgen


def pipeline(stages: str = "  - filter: {rules: [refusal]}\n", head: str = "") -> str:
    Path("p.yaml").write_text(
        f"version: 1\nname: p\n{head}stages:\n  - load: {{sources: [rows.jsonl]}}\n{stages}"
    )
    return "p.yaml"


def in_shell(command: str) -> subprocess.CompletedProcess[str]:
    program = f"{shlex.quote(sys.executable)} -c 'from synthgen.cli import main; main()'"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command.replace("synthgen", program)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "lost", ["2>&-", pytest.param("2>/dev/full", marks=needs_full), "2> >(true)", ">&- 2>&-", "<&- >&- 2>&-"]
)
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
    assert (
        ended.returncode == 1
        and "No space left" in ended.stderr
        and "Traceback" not in ended.stderr
        and "Exception ignored" not in ended.stderr
    )


def test_a_file_that_cannot_be_written_outside_a_stage_is_told_with_its_name(synthgen, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "data/runs/p/pipeline.resolved.yaml")

    monkeypatch.setattr("synthgen.pipeline.run._write_resolved", full)
    code, _, err = synthgen("run", pipeline())
    assert code == 1 and "No space left" in err and "pipeline.resolved.yaml" in err and "make room" in err


@pytest.mark.parametrize("place", ["/dev/null", "rows.jsonl", "rows.jsonl/below", "n" * 300])
def test_a_run_folder_that_cannot_be_made(synthgen, place):
    code, _, err = synthgen("run", pipeline(), "--run-dir", place)
    assert code == 2 and "folder cannot be made" in err and "--run-dir" in err


def test_a_file_in_the_place_of_a_run(synthgen):
    Path("data/runs").mkdir(parents=True)
    Path("data/runs/p").write_text("mine")
    code, _, err = synthgen("run", pipeline())
    assert code == 2 and "data/runs/p" in err and Path("data/runs/p").read_text() == "mine"


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_an_output_that_is_a_file_is_left_alone(synthgen, more):
    code, _, err = synthgen("filter", "rows.jsonl", "-o", "rows.jsonl", *more)
    assert code == 2 and "file of this name" in err and Path("rows.jsonl").read_text() == GOOD


@pytest.mark.parametrize("more", [("--dry-run",), ()])
def test_force_of_a_stage_that_is_not_run(synthgen, more):
    code, _, err = synthgen("run", pipeline(), "--until", "load", "--force", "filter", *more)
    assert code == 2 and "--force filter" in err and "it runs load" in err
    assert synthgen("run", pipeline(), "--force", "filter", *more)[0] == 0


@pytest.mark.parametrize(
    "name", [":", ".:X", "os:system", "builtins:int", "json:", ":X", "..:X", "os.path:join"]
)
def test_an_odd_class_name(synthgen, name):
    code, _, err = synthgen("run", pipeline(f"  - filter: {{rules: ['{name}']}}\n"))
    assert code == 2 and repr(name) in err and "p.yaml:5" in err


def test_a_module_with_a_syntax_error(synthgen, monkeypatch):
    Path("broken_rules_here.py").write_text("class Rule:\n  def\n")
    monkeypatch.syspath_prepend(".")
    code, _, err = synthgen("run", pipeline("  - filter: {rules: ['broken_rules_here:Rule']}\n"))
    assert code == 2 and "cannot load filter" in err


@pytest.mark.parametrize("number", ["18446744073709551617", "-9223372036854775809", "9" * 5000])
def test_an_integer_that_no_file_can_hold(synthgen, number):
    code, _, err = synthgen("run", pipeline(head=f"seed: {number}\n"))
    assert code == 2 and "p.yaml" in err and number not in err
    code, _, err = synthgen("run", pipeline(), "--set", f"seed={number}")
    assert code == 2 and "--set seed" in err and number not in err


def test_an_integer_beyond_64_bits_is_told_with_its_line(synthgen):
    code, _, err = synthgen(
        "run", pipeline(f"  - filter: {{rules: [refusal]}}\n  - split:\n      test: {10**20}\n")
    )
    assert code == 2 and "beyond 64 bits" in err and "p.yaml:7" in err


@pytest.mark.parametrize("text", ["a: " + "[" * 3000, "a: 2024-99-99", "a: " + "9" * 5000])
def test_yaml_that_cannot_be_read(synthgen, text):
    Path("odd.yaml").write_text(text)
    code, _, err = synthgen("run", "odd.yaml")
    assert code == 2 and "odd.yaml" in err and "cannot be read" in err and len(err) < 300
    code, _, err = synthgen("run", pipeline(), "--set", f"load.x={text.removeprefix('a: ')}")
    assert code == 2 and len(err) < 300


@pytest.mark.parametrize("size", [".nan", ".inf", "-.inf"])
def test_a_split_of_no_number(synthgen, size):
    code, _, err = synthgen("run", pipeline(f"  - split: {{test: {size}}}\n"))
    assert code == 2 and "a number of rows, or a share below 1" in err and "p.yaml:5" in err


@pytest.mark.parametrize("name", ["n" * 400, "n" * 400 + ".yaml"])
def test_a_prompt_with_a_very_long_name(synthgen, name):
    code, _, err = synthgen(
        "validate", pipeline(f"  - generate: {{task: respond, prompt: {name}}}\n"), "--offline"
    )
    assert code == 2 and ("unknown prompt" in err or "no prompt file" in err)


def test_a_limit_beyond_reason(synthgen):
    code, _, _ = synthgen("run", pipeline(), "--limit", "9" * 23)
    assert code == 2


def test_names_that_are_not_utf_8(synthgen):
    odd = "rows-\udcff.jsonl"
    Path(odd).write_text(GOOD)
    assert synthgen("filter", odd, "-o", "out")[0] == 2
    assert synthgen("filter", "rows.jsonl", "-o", "out-\udcff")[0] == 2
    assert synthgen("run", pipeline(), "--set", "load.sources=[rows-\udcff.jsonl]")[0] == 2
    assert synthgen("run", pipeline(), "--run-dir", "run-\udcff")[0] == 2
    Path("folder").mkdir()
    Path("folder", odd).write_text(GOOD)
    code, _, err = synthgen("filter", "folder", "-o", "out")
    assert code == 2 and "not UTF-8" in err


@pytest.mark.parametrize(
    "given",
    ['"run:a\\0b:load"', "run:../../x:load", "run:a:../load", "'run::load'", "'run:a:load.'", "run:a"],
)
def test_an_odd_reference_to_another_run(synthgen, given):
    code, _, err = synthgen("run", pipeline(f"  - filter: {{rules: [refusal], input: {given}}}\n"))
    assert code == 2 and "no reference to another run" in err and "p.yaml:5" in err and "\0" not in err


@pytest.mark.parametrize("given", ["[]", "''"])
def test_an_input_that_names_nothing(synthgen, given):
    code, _, err = synthgen("run", pipeline(f"  - filter: {{rules: [refusal], input: {given}}}\n"))
    assert code == 2 and "input names nothing" in err and "p.yaml:5" in err


def test_ids_that_are_too_long_for_a_folder(synthgen):
    long = "n" * 300
    code, _, err = synthgen("run", pipeline(f"  - filter: {{rules: [refusal], id: {long}}}\n"))
    assert code == 2 and "longer than" in err and "p.yaml:5" in err
    assert synthgen("run", pipeline(), "--set", f"name={long}")[0] == 2


def test_a_preview_holds_nothing_that_a_terminal_obeys():
    from synthgen.operations.estimate.preview_text import preview_text

    odd = "one\x1b]0;title\x07\x1b[2J\r\x9b31m\n\u202etwo"
    preview = {
        "messages": [[{"role": "user", "content": odd}]],
        "replies": [[{"text": odd, "reasoning": odd, "finish_reason": "stop"}]],
        "rows": [{"row": {"output": odd}, "verdicts": {}}],
        "rejected": [{"output": odd, "rejection": {"rule": "length", "value": odd}}],
        "failed": odd,
    }
    shown = preview_text({"stage": "generate", "previews": [preview]})
    assert not set(shown) & set("\x1b\x07\r\x9b\u202e") and shown.count("\n two") == 6
