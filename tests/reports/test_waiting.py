"""When a run that somebody waits for has come to an end, and how."""

import subprocess
import sys
import threading
from pathlib import Path
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from synthgen.cli import app
from synthgen.core.errors import InputError
from synthgen.reports import waiting
from synthgen.reports.waiting import ended, wait_for


def status(*states):
    return {"stages": [{"state": state} if isinstance(state, str) else state for state in states]}


@pytest.mark.parametrize(
    ("states", "at_work", "code"),
    [
        (("done", "done"), True, 0),
        (("done", "run"), False, None),  # not begun: a job waits in a queue
        (("done", "interrupted"), False, None),  # queued again
        (("done", "waits"), False, None),
        (("done", {"state": "waits", "exit_code": 0}), False, None),  # for its batches
        (("done", {"state": "waits", "exit_code": 2}), False, 2),  # another run is not as it is named
        (("done", "running"), True, None),
        (("done", {"state": "failed", "exit_code": 4}), False, 4),
        (("done", {"state": "failed"}, "waits"), False, 1),
        (("done", {"state": "failed", "exit_code": 1}), True, None),  # somebody tries again
        (("done", {"state": "stopped", "exit_code": 3}, "waits"), False, 3),
    ],
)
def test_a_run_has_ended_where_nobody_goes_on(states, at_work, code):
    assert ended(status(*states), at_work) == code


ROWS = """{"instruction": "Say hello.", "output": "Hello."}
{"instruction": "Name a colour.", "output": "Blue."}
"""


def test_status_waits_until_another_process_is_done(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(waiting, "SECONDS", 0.05)
    Path("rows.jsonl").write_text(ROWS)
    Path("small.yaml").write_text(
        "version: 1\nname: small\nstages:\n- load: {sources: [rows.jsonl]}\n- dedup: {methods: [exact]}\n"
    )
    command = [sys.executable, "-m", "synthgen", "run", "small.yaml"]
    looked = threading.Event()
    look = waiting.ended

    def noted(*given):
        code = look(*given)
        looked.set()
        return code

    monkeypatch.setattr(waiting, "ended", noted)

    def begin():
        looked.wait(30)  # it was looked at before there was anything
        subprocess.run(command, check=True, capture_output=True)

    runner = threading.Thread(target=begin)
    runner.start()
    result = CliRunner().invoke(app, ["status", "small.yaml", "--wait"])
    runner.join()
    assert result.exit_code == 0 and "dedup" in result.output
    first = "waiting for small: nobody is at work in it now; load: has no result yet"
    assert result.stderr.startswith(first) and first not in result.stdout


def test_what_is_waited_for_is_told_once_and_again_when_it_changes():
    at_load = {**status({"stage": "load", "state": "run", "why": "new"}), "run": "small", "live": None}
    at_dedup = {**at_load, "live": {"stage": "dedup"}}
    done = {**at_load, **status("done")}
    looks, said = iter([(at_load, False), (at_load, False), (at_dedup, True), (done, False)]), []
    with patch.object(waiting, "SECONDS", 0):
        assert waiting.wait_for(lambda: next(looks), said.append) == (done, 0)
    assert len(said) == 2 and "load: new" in said[0] and said[1] == "waiting for small: at work on dedup"


def test_status_that_waits_ends_as_the_run_did(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text(ROWS)
    Path("small.yaml").write_text(
        "version: 1\nname: small\nstages:\n- load: {sources: [rows.jsonl]}\n"
        "- filter: {rules: [{length: {field: output, min_words: 99}}]}\n"
    )
    failed = CliRunner().invoke(app, ["run", "small.yaml"])
    assert failed.exception is not None
    assert CliRunner().invoke(app, ["status", "small", "--wait"]).exit_code == 1
    assert CliRunner().invoke(app, ["status", "small"]).exit_code == 0


def test_a_run_whose_folder_goes_is_waited_for_no_more(tmp_path):
    with pytest.raises(InputError, match="folder is gone"):
        wait_for(lambda: (status("run"), False), print, tmp_path / "gone")
