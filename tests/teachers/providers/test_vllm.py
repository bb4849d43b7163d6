import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from synthgen.core.chat import Request
from synthgen.core.config import build, resolved
from synthgen.core.errors import ConfigError, Interrupted, TeacherFailed
from synthgen.core.progress import Reporter
from synthgen.dispatch.session import open_sessions
from synthgen.pipeline.plan import teacher_fingerprint
from synthgen.teachers.providers.vllm import VLLM, VLLMConfig
from synthgen.teachers.vllm_arguments import command_words
from tests.servers.standin_vllm import lay_out, lines


def config(**options):
    return VLLMConfig.model_validate({"model": "m", "python": sys.executable, **options})


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc").exists() else True


def gone(pid, seconds=20.0):
    until = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not alive(pid)


def ask(number):
    def conversation():
        reply = yield Request(messages=({"role": "user", "content": f"question {number}"},))
        return reply.first.text

    return conversation


@pytest.fixture
def sessions(tmp_path):
    opened = []

    def make(teacher, stopping=lambda: 0, reporter=None):
        run = open_sessions(
            {"": teacher},
            ledger_dir=tmp_path / "ledger",
            run="run",
            budget=None,
            reporter=reporter or Reporter("silent"),
            stopping=stopping,
            grace=2.0,
        )
        opened.append(run)
        return run

    yield make
    for run in opened:
        run.close()


def test_the_server_starts_when_a_request_is_missing_and_ends_with_the_session(tmp_path, sessions):
    env = lay_out(tmp_path, linger=True)
    run = sessions(config(env=env, args={"max_model_len": 64, "enforce-eager": True}))
    session = run.open()
    assert lines(tmp_path, "starts.jsonl") == []
    counts = session.fetch([ask(number) for number in range(30)], total=30, stage="generate")
    assert counts.answered == 30
    (start,) = lines(tmp_path, "starts.jsonl")
    assert start["argv"][:2] == ["--model", "m"] and "--max-model-len 64 --enforce-eager" in " ".join(
        start["argv"]
    )
    child = int((tmp_path / "standin/child").read_text())
    assert alive(start["pid"]) and alive(child)
    run.stop_servers()
    assert gone(start["pid"]) and gone(child)
    assert session.fetch([ask(number) for number in range(30)], total=30, stage="generate").sent == 0
    assert len(lines(tmp_path, "starts.jsonl")) == 1


def test_a_server_that_dies_is_started_again_and_nothing_is_lost_or_asked_twice(tmp_path, sessions):
    env = lay_out(tmp_path, die_after=40)
    teacher = config(env=env, limits={"concurrency": 8})
    session = sessions(teacher).open()
    assert session.fetch([ask(number) for number in range(200)], total=200, stage="generate").answered == 200
    assert [rendered.result for rendered in session.render([ask(number) for number in range(200)])] == [
        f"answer to question {number}" for number in range(200)
    ]
    assert len(lines(tmp_path, "starts.jsonl")) == 2
    served = lines(tmp_path, "served.jsonl")
    assert len(set(served)) == 200 and len(served) - 200 <= 8


def test_restarts_are_bounded_and_the_last_lines_are_reported_without_the_key(tmp_path, sessions):
    env = lay_out(tmp_path, die_after=20, always=True)
    session = sessions(config(env=env, restarts=1, limits={"concurrency": 1})).open()
    with pytest.raises(TeacherFailed, match="died 2 times") as caught:
        session.fetch([ask(number) for number in range(100)], total=100, stage="generate")
    assert len(lines(tmp_path, "starts.jsonl")) == 2
    assert "loading weights with key ***" in str(caught.value) and "ended by signal 9" in str(caught.value)


def test_a_server_that_dies_of_the_first_request_is_not_started_for_ever(tmp_path, sessions):
    env = lay_out(tmp_path, die_after=0.5, always=True)
    with pytest.raises(TeacherFailed, match="died twice without answering anything"):
        sessions(config(env=env, restarts=9)).open().fetch(
            [ask(number) for number in range(20)], total=20, stage="generate"
        )
    assert len(lines(tmp_path, "starts.jsonl")) == 2


def test_a_server_that_does_not_come_up_says_why(tmp_path, sessions):
    env = lay_out(tmp_path, never_up=True)
    with pytest.raises(TeacherFailed, match="did not start") as caught:
        sessions(config(env=env)).open().fetch([ask(1)], total=1, stage="generate")
    assert "ValueError: no such weights" in str(caught.value) and "exit code 3" in str(caught.value)


def test_a_signal_while_it_loads_stops_it(tmp_path):
    env = lay_out(tmp_path)
    (tmp_path / "standin/vllm/entrypoints/openai/api_server.py").write_text(
        "import json, os, sys, time\nfrom pathlib import Path\nPath(os.environ['STANDIN_FOLDER'], "
        "'starts.jsonl').write_text(json.dumps({'pid': os.getpid()}))\ntime.sleep(600)"
    )
    provider = VLLM(config(env=env))
    with pytest.raises(Interrupted):
        provider.start(Reporter("silent"), lambda: 15 if lines(tmp_path, "starts.jsonl") else 0)
    assert gone(lines(tmp_path, "starts.jsonl")[0]["pid"])


def test_kill_9_of_the_run_ends_the_server_and_its_children(tmp_path):
    env = lay_out(tmp_path, linger=True)
    script = (
        "import sys, time\nfrom synthgen.teachers.providers.vllm import VLLM, VLLMConfig\nfrom "
        "synthgen.core.progress import Reporter\n"
    )
    script += (
        f"VLLM(VLLMConfig.model_validate({{'model': 'm', 'python': sys.executable, 'env': "
        f"{env!r}}})).start(Reporter('silent'), lambda: 0)\nprint('up', flush=True)\ntime.sleep(600)"
    )
    run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert run.stdout.readline() == b"up\n"
    pids = [lines(tmp_path, "starts.jsonl")[0]["pid"], int((tmp_path / "standin/child").read_text())]
    assert all(alive(pid) for pid in pids)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    run.stdout.close()
    assert all(gone(pid, 40) for pid in pids)


def test_a_server_at_an_address_is_left_alone():
    provider = VLLM(VLLMConfig(model="m", base_url="http://gpu:8000/v1"))
    assert (
        provider.addresses() == ("http://gpu:8000/v1",)
        and provider.identity == "gpu"
        and provider.revision is None
    )
    assert provider.revive(Reporter("silent"), lambda: 0) is None


def test_the_revision_is_the_folders_content_and_what_changes_answers(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_bytes(b"1")
    template = tmp_path / "template.jinja"
    template.write_text("a")

    def revision(**args):
        return VLLM(config(model=str(folder), args=args)).revision

    plain = revision()
    assert plain == revision(**{"tensor-parallel-size": 2, "gpu_memory_utilization": 0.5})
    changed = [
        revision(dtype="bfloat16"),
        revision(quantization="awq"),
        revision(**{"chat-template": str(template)}),
        revision(**{"lora-modules": "a=b"}),
    ]
    template.write_text("b")
    changed.append(revision(**{"chat-template": str(template)}))
    (folder / "weights").write_bytes(b"2")
    changed.append(revision())
    assert len({plain, *changed}) == 7


def test_what_cannot_change_an_answer_is_not_in_the_stage_key(tmp_path):
    base = teacher_fingerprint(config())
    same: list[dict[str, Any]] = [
        {"python": "/other/python"},
        {"env": {"VLLM_CPU_KVCACHE_SPACE": "2"}},
        {"args": {"max-num-seqs": 8}},
        {"restarts": 0},
        {"start_timeout": 5},
    ]
    assert all(teacher_fingerprint(config(**change)) == base for change in same)
    assert teacher_fingerprint(config(args={"dtype": "bfloat16"})) != base


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"args": {"port": 8000}}, "set by synthgen itself"),
        ({"args": {"--api_key": "sk-1"}}, "set by synthgen itself"),
        ({"args": "--dtype half"}, "max-model-len"),
        ({"env": {"HF_TOKEN": "hf_secret"}}, "export it"),
        ({"base_url": "http://gpu:8000/v1", "args": {"dtype": "half"}}, "for a server that the run starts"),
        ({"restart": 1}, "unknown option 'restart'"),
    ],
)
def test_options_that_make_no_sense_are_refused_and_never_echoed(options, message):
    misfits = []
    assert build(VLLMConfig, {"model": "m", **options}, (), misfits) is None
    assert (
        message in " ".join(misfit.what for misfit in misfits)
        and "secret" not in str(misfits)
        and "sk-1" not in str(misfits)
    )


@pytest.mark.parametrize("options", [{}, {"base_url": "http://gpu:8000/v1"}])
def test_options_with_all_defaults_filled_in_are_the_same_options(options):
    config = VLLMConfig(model="m", **options)
    assert VLLMConfig(**resolved(config)) == config


def test_no_vllm_is_said_with_the_way_out(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="not installed"):
        VLLM(VLLMConfig(model="m")).start(Reporter("silent"), lambda: 0)
    with pytest.raises(ConfigError, match="no such interpreter"):
        VLLM(config(python="/no/such/python")).start(Reporter("silent"), lambda: 0)


def test_greedy_samples_are_asked_for_one_by_one():
    """vLLM refuses n > 1 at temperature 0."""
    for temperature, n, remarks in ((0, False, 1), (0.7, True, 0), (None, True, 0)):
        teacher = VLLM(config(sampling={"temperature": temperature}))
        assert (
            teacher.supports_n is n
            and len([remark for remark in teacher.remarks() if "n samples are n requests" in remark])
            == remarks
        )


def test_arguments_as_words():
    assert command_words({"a": True, "b": False, "c": 1, "d": ("x=1", "y=2")}) == [
        "--a",
        "--no-b",
        "--c",
        "1",
        "--d",
        "x=1",
        "y=2",
    ]
