"""Against a real vLLM on CPU: about a minute for each start of it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import orjson
import pytest
import torch

from synthgen.core.chat import Request
from synthgen.core.progress import Reporter
from synthgen.dispatch.session import open_sessions
from synthgen.operations.batch import collect_batch, prepare_batch
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.store.token_logprobs import TokenLogprobs
from synthgen.teachers.providers.vllm import VLLMConfig
from tests.vllm.likelihoods import answered, ask_how_likely, directly

QUESTIONS = 200
pytestmark = pytest.mark.timeout(900)


def ask(number, n=1, **sampling):
    def conversation():
        reply = yield Request(
            messages=({"role": "user", "content": f"question {number}"},),
            n=n,
            sampling={"max_tokens": 24, "temperature": 0, **sampling},
        )
        return reply.samples

    return conversation


def processes_below(pid):
    """Process ids of all descendants."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children = {}
    for line in listed.splitlines():
        child, parent = map(int, line.split())
        children.setdefault(parent, []).append(child)
    found, queue = [], [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def name_of(pid):
    """A living process's command; empty for one that has ended."""
    found = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True
    ).stdout.strip()
    return "" if "<defunct>" in found else found


def left_of(pids, seconds):
    """The commands of those processes that are still alive after so many seconds."""
    until = time.monotonic() + seconds
    while any(map(name_of, pids)) and time.monotonic() < until:
        time.sleep(0.1)
    return [name for pid in pids if (name := name_of(pid))]


@pytest.fixture(autouse=True)
def processes_end_with_their_test():
    """Here one server answers many tests: `sessions` ends it."""


@pytest.fixture(scope="module")
def sessions(tiny_model, vllm_python, server_env, tmp_path_factory):
    teacher = VLLMConfig.model_validate(
        {
            "model": str(tiny_model),
            "python": vllm_python,
            "env": server_env,
            "args": {
                "max-model-len": 256,
                "dtype": "float32",
                "max-num-seqs": 16,
                "enforce-eager": True,
                "max-logprobs": -1,
            },
            "limits": {"concurrency": 16},
            "start_timeout": 600,
        }
    )
    found = open_sessions(
        {"": teacher},
        ledger_dir=tmp_path_factory.mktemp("ledger"),
        run="run",
        budget=None,
        reporter=Reporter("plain"),
        stopping=lambda: 0,
        grace=5.0,
    )
    yield found
    found.close()


@pytest.fixture(scope="module")
def session(sessions):
    return sessions.open()


def test_a_managed_server_answers_with_samples_and_logprobs(session):
    conversation = ask(0, n=3, temperature=1.0, seed=7, logprobs=True, top_logprobs=2)
    counts = session.fetch([conversation], total=1, stage="samples")
    assert (counts.answered, counts.sent, counts.completion_tokens > 0) == (1, 1, True)
    (rendered,) = session.render([conversation])
    assert [sample.index for sample in rendered.result] == [0, 1, 2]
    assert (
        len({sample.key for sample in rendered.result}) == 3
        and len({sample.text for sample in rendered.result}) > 1
    )
    first = rendered.result[0].logprobs["content"][0]
    assert first["logprob"] <= 0 and len(first["top_logprobs"]) == 2
    assert (
        session.fetch(
            [ask(0, n=4, temperature=1.0, seed=7, logprobs=True, top_logprobs=2)], total=1, stage="one more"
        ).completion_tokens
        <= 24
    )


@pytest.mark.parametrize("top", [5, 20, 64, -1])
def test_it_tells_how_likely_tokens_are(session, sessions, tiny_model, tmp_path, top):
    """What is stored is transformers' own log-softmax, of characters in parts, too; and is paid once."""
    outcome = ask_how_likely(tmp_path, sessions, tiny_model, top)
    assert outcome.counts.kept == 12, outcome.counts
    asked = session._sender.sent
    store, checked = TokenLogprobs(tmp_path / "out"), 0
    for ids, learned, exact in directly(tiny_model, tmp_path / "rows.jsonl"):
        found = store.find(ids, learned)
        said = exact[torch.arange(len(exact)), torch.tensor(ids)[torch.tensor(learned)]]
        assert torch.allclose(torch.from_numpy(found.said), said, atol=1e-4, rtol=1 / 2048)
        if top == -1:
            assert torch.allclose(torch.from_numpy(found.logprobs), exact, atol=1e-4, rtol=1 / 2048)
        else:
            best = exact.topk(top)
            assert torch.allclose(torch.from_numpy(found.logprobs), best.values, atol=1e-4, rtol=1 / 2048)
            told = exact.gather(1, torch.from_numpy(found.ids))
            assert torch.allclose(torch.from_numpy(found.logprobs), told, atol=1e-4, rtol=1 / 2048)
            rest = exact.scatter(1, torch.from_numpy(found.ids), -torch.inf).logsumexp(1)
            assert torch.allclose(torch.from_numpy(found.rest), rest, atol=1e-4, rtol=1 / 2048)
        checked += len(exact)
    assert checked == outcome.extra["stored"]["tokens"] > 200
    (tmp_path / "again").mkdir()
    ask_how_likely(tmp_path / "again", sessions, tiny_model, top)
    assert session._sender.sent == asked
    assert (tmp_path / "again/out/logprobs.bin").read_bytes() == (tmp_path / "out/logprobs.bin").read_bytes()


def test_kill_9_while_it_tells_pays_nothing_twice(session, tiny_model, in_tmp, monkeypatch):
    monkeypatch.setenv("TINY_KEY", session.provider.server_key)
    url = session.provider._server.base_url
    Path("rows.jsonl").write_bytes(
        b"".join(
            orjson.dumps({"instruction": f"question {number}", "output": "ö" * 20}) + b"\n"
            for number in range(150)
        )
    )
    Path("p.yaml").write_text(
        f"version: 1\nname: p\nteacher: {{provider: vllm, model: {tiny_model}, base_url: '{url}', "
        "api_key_env: TINY_KEY, limits: {concurrency: 8}}\nstages:\n- load: {sources: [rows.jsonl]}\n"
        f"- logprobs: {{tokenizer: {{model: {tiny_model}}}, top_logprobs: 20}}\n"
    )
    before = answered(url)
    with open("log", "wb") as log:
        killed = subprocess.Popen([sys.executable, "-m", "synthgen", "run", "p.yaml"], stdout=log, stderr=log)
    while answered(url) - before < 50:
        assert killed.poll() is None, Path("log").read_text()
    killed.kill()
    killed.wait()
    then = -1.0
    while then != (then := answered(url)):
        time.sleep(0.5)
    assert then - before < 150
    done = run_pipeline(load_pipeline(Path("p.yaml"), (), ()), RunOptions(), Reporter("silent"))
    assert done.stages["logprobs"].counts["kept"] == 150
    assert 150 <= answered(url) - before <= 150 + 8  # at most what was in flight is asked twice


def test_a_killed_engine_loses_nothing(session):
    """The engine is killed amid replies: the server starts again, and only what was in flight is repeated."""
    conversations = [ask(number, temperature=0) for number in range(QUESTIONS)]
    server = session.provider._server._process.pid
    engines = [pid for pid in processes_below(server) if "EngineCore" in name_of(pid)]
    assert engines, [name_of(pid) for pid in processes_below(server)]
    killed = threading.Event()

    def kill_in_the_middle():
        while session._sender.sent < QUESTIONS // 4:
            time.sleep(0.001)
        for pid in engines:
            os.kill(pid, signal.SIGKILL)
        killed.set()

    threading.Thread(target=kill_in_the_middle, daemon=True).start()
    counts = session.fetch(conversations, total=QUESTIONS, stage="killed")
    assert killed.is_set() and counts.answered == QUESTIONS
    assert session.provider._server._process.pid != server
    replies = [rendered.result[0] for rendered in session.render(conversations)]
    assert len(replies) == QUESTIONS and all(reply.finish_reason in ("stop", "length") for reply in replies)
    assert (
        counts.sent == QUESTIONS
    )  # each reply is in the ledger once; attempts that the dead engine refused were sent again


def test_everything_ends_with_the_session(sessions, session):
    server = session.provider._server._process.pid
    below = processes_below(server)
    assert len(below) >= 2
    sessions.stop_servers()
    assert not left_of([server, *below], 20)


PIPELINE = """
version: 1
name: local
teacher:
  provider: vllm
  model: {model}
  python: {python}
  args: {{max-model-len: 1024, dtype: bfloat16, enforce-eager: true}}
  sampling: {{max_tokens: 16, temperature: 0}}
stages:
- load: {{sources: questions.jsonl}}
- split: {{test: 6}}
- generate: {{task: rationale, prompt: rationale/zero_shot, samples: 2}}
- evaluate: {{models: [teacher], max_new_tokens: 8}}
"""


def test_the_batch_files_of_a_pipeline_round_trip_through_run_batch(
    tiny_model, vllm_python, server_env, in_tmp
):
    """prepare, vLLM's own run_batch, collect, run: the run asks nobody and starts no server."""
    (in_tmp / "questions.jsonl").write_bytes(
        b"".join(
            orjson.dumps({"instruction": f"question {number}", "reference": str(number)}) + b"\n"
            for number in range(30)
        )
    )
    (in_tmp / "local.yaml").write_text(PIPELINE.format(model=tiny_model, python=vllm_python))
    pipeline, options = load_pipeline(Path("local.yaml"), (), ()), RunOptions()
    prepared = prepare_batch(pipeline, options, Reporter("silent"))
    assert (
        sum(part.requests for part in prepared.parts) == 2 * 24 + 6
    )  # greedy, vLLM takes one sample a request
    for command in prepared.commands:
        ran = subprocess.run(
            command.split(), env={**os.environ, **server_env}, capture_output=True, text=True, timeout=600
        )
        assert ran.returncode == 0, ran.stderr[-3000:]
    outcome = Counter()
    for part in collect_batch(pipeline, options):
        outcome.update(
            {
                name: sum(found.values()) if isinstance(found, dict) else found
                for name, found in part.outcome.items()
            }
        )
    assert outcome == Counter(answered=2 * 24 + 6, known=0, refused=0, again=0, missing=0)
    assert prepare_batch(pipeline, options, Reporter("silent")).waiting == {}
    (in_tmp / "local.yaml").write_text(PIPELINE.format(model=tiny_model, python="/no/such/python"))
    result = run_pipeline(load_pipeline(Path("local.yaml"), (), ()), options, Reporter("silent"))
    assert (
        result.stages["generate"].requests["answered"] == 24
        and result.stages["evaluate"].requests["answered"] == 6
    )
    assert result.stages["generate"].counts["in"] == 48


def test_kill_9_of_the_run_leaves_no_engine(tiny_model, vllm_python, server_env, in_tmp):
    """The run's process alone is killed while its server answers: the engine and its workers end, too."""
    (in_tmp / "questions.jsonl").write_bytes(
        b"".join(orjson.dumps({"instruction": f"question {number}"}) + b"\n" for number in range(20_000))
    )
    (in_tmp / "local.yaml").write_text(
        f"version: 1\nname: local\nteacher:\n  provider: vllm\n  model: {tiny_model}\n"
        f"  python: {vllm_python}\n  env: {orjson.dumps(server_env).decode()}\n"
        "  args: {max-model-len: 1024, dtype: bfloat16, enforce-eager: true}\n"
        "  sampling: {max_tokens: 64, temperature: 0}\nstages:\n- load: {sources: questions.jsonl}\n"
        "- generate: {task: respond}\n"
    )
    command = [sys.executable, "-m", "synthgen", "run", "local.yaml"]
    with open("log", "wb") as log:
        run = subprocess.Popen(command, stdout=log, stderr=log)
    while not is_answering(in_tmp):
        assert run.poll() is None, Path("log").read_text()
        time.sleep(0.5)
    below = processes_below(run.pid)
    assert any("EngineCore" in name_of(pid) for pid in below), [name_of(pid) for pid in below]
    run.kill()
    run.wait()
    assert not left_of(below, 10)


def is_answering(folder):
    """Whether the run has had an answer."""
    try:
        return orjson.loads((folder / "data/runs/local/status.json").read_bytes())["tokens"] > 0
    except (OSError, KeyError):
        return False
