"""lm-evaluation-harness as a program: a stand-in that writes what the real one (0.4.13) writes."""

import os
import shlex
import signal
import sys
import time

import orjson
import pytest

from synthgen.core.errors import ConfigError, Interrupted, StageFailed
from synthgen.evaluation.panel.harness import HarnessRun, read_samples, require_program, run_tasks

STAND_IN = """
import json, os, pathlib, sys, time
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
folder = pathlib.Path(given["--output_path"]) / "__a__model"
folder.mkdir()
(folder.parent.parent / "asked.json").write_text(json.dumps(sys.argv[1:]))
if "slow" in given["--tasks"]:
    (folder.parent.parent / "pid").write_text(str(os.getpid()))
    time.sleep(60)
if "broken" in given["--tasks"]:
    sys.exit("KeyError: 'broken' is no task")
with open(folder / "samples_my_sums_2026-11-30T20-42-13.679062.jsonl", "w") as out:
    for number in range(3):
        line = {"doc_id": number, "filter": "none", "metrics": ["acc", "ppl"], "acc": number % 2, "ppl": 9.5}
        out.write(json.dumps(line) + "\\n")
"""


@pytest.fixture
def program(tmp_path):
    file = tmp_path / "stand_in.py"
    file.write_text(STAND_IN)
    return shlex.join([sys.executable, str(file)])


def run_of(program, *tasks):
    return HarnessRun(tasks or ("my_sums",), None, program, None, 4, "cpu")


def test_tasks_are_run_with_the_students_template_and_read_by_document(tmp_path, program):
    run = HarnessRun(("my_sums", "more"), str(tmp_path), program, 5, 4, "cpu")
    scores = run_tasks(run, {"pretrained": "base, or so", "tokenizer": "student/model"}, tmp_path / "work")
    assert scores == {"my_sums": {0: 0.0, 1: 1.0, 2: 0.0}}
    asked = orjson.loads((tmp_path / "asked.json").read_bytes())
    assert '{"pretrained":"base, or so","tokenizer":"student/model"}' in asked
    assert {"--log_samples", "--apply_chat_template", "my_sums,more", str(tmp_path), "5"} <= set(asked)


def test_what_was_run_is_not_run_again(tmp_path, program):
    first = run_tasks(run_of(program), {"pretrained": "base"}, tmp_path / "work")
    (tmp_path / "asked.json").unlink()
    assert run_tasks(run_of(program), {"pretrained": "base"}, tmp_path / "work") == first
    assert not (tmp_path / "asked.json").exists()


def test_a_run_that_was_killed_begins_anew(tmp_path, program):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "samples_old_1.jsonl").write_text("{torn")
    assert set(run_tasks(run_of(program), {"pretrained": "base"}, tmp_path / "work")) == {"my_sums"}


def test_a_failure_is_told_in_its_own_words(tmp_path, program):
    with pytest.raises(StageFailed, match="'broken' is no task") as fault:
        run_tasks(run_of(program, "broken"), {"pretrained": "base"}, tmp_path / "work")
    assert "said.txt" in str(fault.value)


def test_a_stop_ends_the_program_too(tmp_path, program):
    def stopping():
        return signal.SIGTERM if (tmp_path / "pid").exists() else 0

    with pytest.raises(Interrupted):
        run_tasks(run_of(program, "slow"), {"pretrained": "base"}, tmp_path / "work", stopping)
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("the program still runs")


def test_a_program_that_is_not_there_is_told_before_it_is_needed():
    with pytest.raises(ConfigError, match="there is no program 'no-such-program'"):
        require_program("no-such-program --quick")
    with pytest.raises(ConfigError, match="there is no program"):
        require_program("")


def test_only_scores_from_0_to_1_are_compared(tmp_path):
    line = {"doc_id": 0, "filter": "none", "metrics": ["ppl"], "ppl": 9.5}
    (tmp_path / "samples_text_2026.jsonl").write_bytes(orjson.dumps(line) + b"\n")
    with pytest.raises(StageFailed, match="no score from 0 to 1 for text"):
        read_samples(tmp_path, ("text",))


def test_the_first_of_several_metrics_and_filters_counts(tmp_path):
    lines = [
        {"doc_id": 7, "filter": "strict", "metrics": ["exact_match"], "exact_match": 0.0},
        {"doc_id": 7, "filter": "flexible", "metrics": ["exact_match"], "exact_match": 1.0},
        {"doc_id": 8, "filter": "strict", "metrics": ["exact_match"], "exact_match": True},
    ]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "samples_gsm_x_2026.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    assert read_samples(tmp_path, ("gsm_x",)) == {"gsm_x": {7: 0.0, 8: 1.0}}


def test_a_program_may_lie_in_a_folder_with_spaces(tmp_path):
    file = tmp_path / "a folder" / "lm_eval"
    file.parent.mkdir()
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    assert require_program(str(file)) == [str(file)]
    assert require_program(f"'{file}' --quiet") == [str(file), "--quiet"]
    with pytest.raises(ConfigError, match="is no command"):
        require_program("lm_eval 'open")
