"""Runs that nobody watches: a log in JSON, figures for Prometheus, a command that is told how it ended."""

import os
import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from synthgen.core.errors import StageFailed
from synthgen.core.run_metrics import RunMetrics
from synthgen.operations.notify import notifying
from tests import ROOT
from tests.servers.misbehaving import MisbehavingTeacher

PIPELINE = """
version: 1
name: asked
teacher:
  provider: openai
  model: m
  base_url: URL
  api_key_env: ASKED_KEY
  sampling: {max_tokens: 64}
  price: {input_per_mtok: 1, output_per_mtok: 2}
  limits: {concurrency: 4}
stages:
- load: {sources: [rows.jsonl]}
- generate: {task: respond}
- filter: {rules: [{length: {field: output, min_words: MIN}}]}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"instruction": f"What is {number}?"} for number in range(40)]
    Path("rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return tmp_path


def run(*options, minimum=1, url="http://127.0.0.1:9/v1"):
    Path("asked.yaml").write_text(PIPELINE.replace("URL", url).replace("MIN", str(minimum)))
    return subprocess.run(
        [sys.executable, "-m", "synthgen", "run", "asked.yaml", *options],
        env={**os.environ, "PYTHONPATH": str(ROOT), "ASKED_KEY": "k"},
        capture_output=True,
        text=True,
    )


def figures(file):
    lines = [line for line in Path(file).read_text().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_each_line_of_the_log_is_json_with_retries_counted_by_kind(project):
    with MisbehavingTeacher(faults={"429_after": 0.2, "500": 0.1}) as teacher:
        done = run("--log-format", "json", "--metrics-file", "asked.prom", url=teacher.url)
        sent = teacher.requests
    assert done.returncode == 0, done.stderr
    log = [orjson.loads(line) for line in done.stderr.splitlines()]
    assert all({"at", "level", "event", "text"} <= set(entry) for entry in log)
    stages = {entry["stage"]: entry for entry in log if entry["event"] == "stage"}
    assert list(stages) == ["load", "generate", "filter"]
    assert stages["generate"]["counts"]["kept"] == 40 and stages["generate"]["usage"]["cost_usd"] > 0
    last = [entry for entry in log if entry["event"] == "progress" and entry["stage"] == "generate"][-1]
    assert (last["done"], last["failed"]) == (40, 0) and last["seconds"] > 0
    assert set(last["retries"]) == {"http_429", "http_500"}
    assert sum(last["retries"].values()) == sent - 40
    found = figures("asked.prom")
    assert found['synthgen_stage_done{run="asked",stage="generate"}'] == 40
    for reason, tries in last["retries"].items():
        assert found[f'synthgen_stage_retries{{run="asked",stage="generate",reason="{reason}"}}'] == tries
    assert found['synthgen_run_up{run="asked"}'] == 0 and found['synthgen_run_exit_code{run="asked"}'] == 0


def test_a_run_that_fails_says_so_in_all_three(project):
    tell = 'printf "%s|" "$SYNTHGEN_RUN" "$SYNTHGEN_EXIT_CODE" "$SYNTHGEN_RUN_DIR" "$SYNTHGEN_TEXT" > told'
    with MisbehavingTeacher() as teacher:
        given = ("--log-format", "json", "--metrics-file", "a.prom", "--notify", tell)
        done = run(*given, minimum=1000, url=teacher.url)
    assert done.returncode == 1
    end = orjson.loads(done.stderr.splitlines()[-1])
    assert (end["event"], end["level"], end["exit_code"]) == ("end", "error", 1)
    assert end["faults"][0]["what"].startswith("filter: every one of the 40 rows was dropped")
    assert figures("a.prom")['synthgen_run_exit_code{run="asked"}'] == 1
    name, code, folder, text, _ = Path("told").read_text().split("|")
    assert (name, code, folder) == ("asked", "1", "data/runs/asked")
    assert re.fullmatch(r"asked: failed after .+: filter: every one of the 40 rows was dropped.*", text)


def test_a_wrong_command_line_is_json_too(project):
    done = run("--log-format", "json", "--until", "nowhere")
    (end,) = [orjson.loads(line) for line in done.stderr.splitlines()]
    assert (done.returncode, end["exit_code"]) == (2, 2) and "nowhere" in end["faults"][0]["what"]
    assert "text or json" in run("--log-format", "xml").stderr


@pytest.mark.parametrize("wrong", [("--set", "nowhere.x=1"), ("--until", "nowhere"), ("--shard", "0/2")])
def test_somebody_is_told_of_a_run_that_could_not_even_begin(project, wrong):
    done = run(
        "--notify", 'printf "%s|" "$SYNTHGEN_RUN" "$SYNTHGEN_EXIT_CODE" "$SYNTHGEN_TEXT" > told', *wrong
    )
    name, code, text, _ = Path("told").read_text().split("|")
    assert (
        (done.returncode, name, code) == (2, "asked", "2") and text.startswith("asked: ") and "after" in text
    )


def test_an_error_without_end_or_with_half_a_sign_is_told_all_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(StageFailed),
        notifying('printf "%s" "$SYNTHGEN_ERROR" > told', "p", tmp_path),
    ):
        raise StageFailed("\0\ud800" + "x" * 10**6)
    assert Path("told").read_text() == " ?" + "x" * 9_998


def test_a_command_that_hangs_is_stopped_with_all_that_it_began(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("synthgen.operations.notify.SECONDS", 0.3)
    with notifying("cat fifo & echo $! > child; wait", "p", tmp_path):
        os.mkfifo("fifo")
    assert "the command was stopped after 0.3 s" in capfd.readouterr().err
    with pytest.raises(OSError, match="No such device"):  # nobody reads there any more
        while os.open("fifo", os.O_WRONLY | os.O_NONBLOCK):
            pass


def test_a_command_that_fails_is_told_and_changes_nothing(project):
    with MisbehavingTeacher() as teacher:
        done = run("--notify", "exit 7", url=teacher.url)
    assert done.returncode == 0 and "--notify: the command ended with exit code 7" in done.stderr


def test_what_a_server_says_reaches_the_command_as_a_value_and_not_as_shell(project):
    Path("rows.jsonl").write_text('{"instruction": "$(touch owned) `touch owned`"}\n')
    with MisbehavingTeacher(faults={"400": 1.0}, permanent=True) as teacher:
        done = run("--notify", 'echo "$SYNTHGEN_ERROR" > told', url=teacher.url)
    assert done.returncode == 1 and Path("told").read_text().strip()
    assert not Path("owned").exists()


def test_figures_that_cannot_be_written_do_not_stop_the_run(project):
    with MisbehavingTeacher() as teacher:
        done = run("--metrics-file", "no/such/folder/a.prom", url=teacher.url)
    assert done.returncode == 0 and done.stderr.count("--metrics-file: No such file or directory") == 1


@pytest.mark.parametrize("file", ["", "folder"])
def test_a_folder_is_no_file_for_figures(project, file):
    Path("folder").mkdir()
    done = run("--metrics-file", file)
    assert done.returncode == 2 and "is a directory" in done.stderr
    assert not [path for path in project.iterdir() if path.name.startswith(".")]


def test_labels_are_escaped(tmp_path):
    metrics = RunMetrics(tmp_path / "a.prom", 'a "b"\\\nc')
    metrics.note("s", {"done": 1, "retries": {}})
    assert '{run="a \\"b\\"\\\\\\nc",stage="s"} 1\n' in (tmp_path / "a.prom").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["a.prom"]
