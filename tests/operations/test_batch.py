"""A whole pipeline by batch files, from the command line, with a provider over real HTTP."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from synthgen.cli import app
from synthgen.core.errors import ConfigError
from tests.servers.standin_batches import BatchServer


def answer(line):
    body = line["body"]
    question = body["messages"][-1]["content"]
    total = sum(int(word) for word in question.replace("?", " ").split() if word.isdecimal())
    choices = [
        {
            "index": position,
            "message": {"role": "assistant", "content": f"Add them. The answer is {total}."},
            "finish_reason": "stop",
        }
        for position in range(body.get("n", 1))
    ]
    return 200, {
        "id": "c",
        "model": body["model"],
        "choices": choices,
        "usage": {"prompt_tokens": 10, "completion_tokens": 20},
    }


PIPELINE = """
version: 1
name: sums
teacher:
  provider: openai
  model: m
  base_url: "{url}"
  api_key_env: BATCH_KEY
  price: {{input_per_mtok: 1, output_per_mtok: 2}}
  sampling: {{max_tokens: 50}}
stages:
  - load: {{sources: questions.jsonl}}
  - split: {{test: 3}}
  - generate: {{task: rationale}}
"""


def call(*words):
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None, (result.output, result.exception)
    return result.stdout


@pytest.fixture
def server(in_tmp, monkeypatch):
    monkeypatch.setenv("BATCH_KEY", "sk-test")
    rows = [
        {"instruction": f"What is {number} plus {number * 7}?", "reference": str(number * 8)}
        for number in range(20)
    ]
    (in_tmp / "questions.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    with BatchServer() as server:
        (in_tmp / "sums.yaml").write_text(PIPELINE.format(url=server.url))
        yield server


def test_the_four_steps_and_then_the_run_asks_nobody(server):
    assert "generate: 17 requests wait for a batch" in call("batch", "prepare", "sums.yaml")
    assert "17 requests" in call("batch", "submit", "sums.yaml")
    assert "in_progress" in call("batch", "status", "sums.yaml")
    assert "no file has ended yet" in call("batch", "collect", "sums.yaml")
    server.finish(answer)
    assert "17 answered" in call("batch", "collect", "sums.yaml")
    assert "nothing waits" in call("batch", "prepare", "sums.yaml")
    call(
        "run", "sums.yaml"
    )  # the provider's stand-in has no endpoint for live requests: one would fail the run
    manifest = orjson.loads(Path("data/runs/sums/generate/manifest.json").read_bytes())
    assert manifest["counts"]["kept"] == 17
    assert manifest["usage"]["cost_usd"] == pytest.approx(17 * (10 * 1 + 20 * 2) / 1e6 / 2)


def test_each_step_advises_the_next_one_and_none_asks_live_before_the_end(server):
    import re
    import shlex

    def step(*words):
        result = CliRunner().invoke(app, list(words))
        assert result.exception is None, (result.output, result.exception)
        return [shlex.split(line)[1:] for line in re.findall(r"next: (synthgen .*)", result.output)]

    options = ["sums.yaml", "--runs", "my runs"]
    assert step("batch", "prepare", *options) == [
        ["batch", "submit", *options],
        ["batch", "collect", *options],
    ]
    assert step("batch", "submit", *options)[0] == ["batch", "status", *options]
    assert step("batch", "submit", *options) == [["batch", "prepare", *options]], "nothing is left to send"
    assert step("batch", "prepare", *options) == [["batch", "collect", *options]]
    assert step("batch", "collect", *options) == [["batch", "status", *options]]
    server.finish(answer)
    assert step("batch", "collect", *options) == [["batch", "prepare", *options]]
    assert step("batch", "prepare", *options) == [["run", *options]]
    step("run", *options)


def test_a_stage_whose_requests_lie_in_batch_files_has_not_failed(server):
    call("batch", "prepare", "sums.yaml")
    stages = {stage["stage"]: stage for stage in orjson.loads(call("status", "sums", "--json"))["stages"]}
    assert stages["generate"]["state"] == "waits" and "17 of 17 requests" in stages["generate"]["why"]
    assert "failed" not in "".join(call("status", "sums").splitlines()[3:])


def test_a_pipeline_without_a_teacher_leaves_no_batch_folder(in_tmp):
    (in_tmp / "p.yaml").write_text("name: p\nstages:\n  - load: {sources: [questions.jsonl]}\n")
    result = CliRunner().invoke(app, ["batch", "prepare", "p.yaml"])
    assert isinstance(result.exception, ConfigError) and "synthgen run p.yaml" in str(result.exception)
    assert not (in_tmp / "data").exists()


def test_steps_before_prepare_say_so(server):
    for step in ("submit", "status", "collect"):
        result = CliRunner().invoke(app, ["batch", step, "sums.yaml"])
        assert isinstance(result.exception, ConfigError) and "nothing was prepared" in str(result.exception)


def test_a_vllm_teacher_is_told_how_to_run_the_files(in_tmp, server):
    text = (in_tmp / "sums.yaml").read_text()
    start, end = text.index("teacher:"), text.index("stages:")
    (in_tmp / "local.yaml").write_text(
        text[:start] + "teacher: {provider: vllm, model: org/model, args: {dtype: half}}\n" + text[end:]
    )
    shown = CliRunner().invoke(app, ["batch", "prepare", "local.yaml"])
    assert shown.exception is None
    assert (
        "vllm run-batch -i data/runs/sums/batches/requests-0001.jsonl -o "
        "data/runs/sums/batches/results-0001.jsonl --model org/model --dtype half" in shown.output
    )


def test_collect_waits_until_every_batch_has_ended(server, monkeypatch):
    from types import SimpleNamespace

    from synthgen.operations import batch

    call("batch", "prepare", "sums.yaml")
    call("batch", "submit", "sums.yaml")
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        call("batch", "status", "sums.yaml")  # the run is free between two looks
        server.finish(answer)

    monkeypatch.setattr(batch, "time", SimpleNamespace(sleep=sleep))
    assert "17 answered" in call("batch", "collect", "sums.yaml", "--wait")
    assert waited == [60.0]
    assert "no file has ended yet" in call("batch", "collect", "sums.yaml", "--wait")
