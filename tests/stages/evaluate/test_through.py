"""evaluate through servers: a real small model behind real HTTP, and a server that the run starts itself."""

import shutil
import sys
from contextlib import contextmanager

import pytest

from synthgen.core.errors import ConfigError, StageFailed, TeacherFailed
from synthgen.core.progress import Reporter
from synthgen.dispatch.session import open_sessions
from synthgen.evaluation.through import Through
from synthgen.stages.evaluate import run as evaluate
from synthgen.store.jsonl import read_rows
from tests.evaluation.tiny_models import TEMPLATE, tiny_model
from tests.servers.serving import ServingServer
from tests.servers.standin_vllm import lay_out, lines
from tests.stages.evaluate.bench import TEST, Bench, folder_artefact, said

pytestmark = pytest.mark.slow


@contextmanager
def sessions(folder):
    opened = open_sessions(
        {},
        ledger_dir=folder / "ledger",
        run="r",
        budget=None,
        reporter=Reporter("silent"),
        stopping=lambda: 0,
        grace=1.0,
    )
    try:
        yield opened
    finally:
        opened.close()


def through(url, **more):
    return {"base_url": url, "limits": {"concurrency": 4, "max_attempts": 1}, **more}


def test_the_same_answers_as_in_this_process_and_each_is_asked_once(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints)
    names = ("base", "students")
    _, here, own = bench.run("here", models=names)
    with sessions(tmp_path) as opened:
        with (
            ServingServer(checkpoints / "base") as base,
            ServingServer(checkpoints / "good") as good,
            ServingServer(checkpoints / "poor") as poor,
        ):
            urls = {"base": base.url, "good": good.url, "poor": poor.url}
            outcome, there, served = bench.run("there", opened, models=names, through=through(urls))
            assert {len(one.bodies) for one in (base, good, poor)} == {len(TEST)}
            body = good.bodies[0]
            assert all(isinstance(token, int) for token in body["prompt"])
            assert body["temperature"] == 0 and body["max_tokens"] == 24 and body["model"] == "good"
            assert body["stop_token_ids"] == [2]
        # The servers are gone: what was answered stands in the ledger.
        _, again, _ = bench.run("again", opened, models=names, through=through(urls))
    assert outcome.requests == {"planned": 18, "answered": 18, "failed": {}, "unsent": 0}
    for mine, theirs in zip(own, served, strict=True):
        assert mine == theirs
    assert here["models"] == there["models"]
    assert there["decoding"]["through"] == "address"
    assert "greedy through the server at base_url" in outcome.table
    assert (tmp_path / "there/metrics.json").read_bytes() == (tmp_path / "again/metrics.json").read_bytes()
    assert again == there


def test_a_student_that_was_trained_again_is_asked_again(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("good",))
    with sessions(tmp_path) as opened, ServingServer(checkpoints / "good") as server:
        bench.run("first", opened, models=("students",), through=through(server.url))
        asked = len(server.bodies)
        bench.run("same", opened, models=("students",), through=through(server.url))
        assert len(server.bodies) == asked == len(TEST)
        shutil.rmtree(tmp_path / "good/model")
        shutil.copytree(checkpoints / "poor", tmp_path / "good/model")
        bench.students = [
            folder_artefact(tmp_path, "good", "sft", "model", "model", config={"student": {"init": {}}})
        ]
        bench.run("trained_again", opened, models=("students",), through=through(server.url))
        assert len(server.bodies) == 2 * asked


def test_several_answers_to_each_question(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("poor",))
    with sessions(tmp_path) as opened, ServingServer(checkpoints / "poor") as server:
        _, metrics, answers = bench.run(
            "out",
            opened,
            models=("students",),
            through=through(server.url),
            decoding="sampled",
            samples=3,
            temperature=1.5,
        )
    assert {body.get("n") for body in server.bodies} == {3} and len(server.bodies) == len(TEST)
    assert {body["top_p"] for body in server.bodies} == {1.0}
    assert metrics["models"]["poor"]["replies"] == 18
    drawn = [[draw["text"] for draw in entry["answers"]["poor"]["draws"]] for entry in answers]
    assert all(len(one) == 3 for one in drawn) and any(len(set(one)) > 1 for one in drawn)
    assert set(metrics["models"]["poor"]["exact_match"]["pass"]) == {"1", "2", "3"}


@pytest.mark.parametrize(
    ("fault", "prompt", "said"),
    [
        ("adds a token", "tokens", "it has not read the token ids as they were sent"),
        ("counts one more, one less", "tokens", "counts other tokens in 6 of 6 prompts"),
        ("refuses one", "tokens", "gave no answer to a question"),
    ],
)
def test_a_server_that_does_otherwise_is_no_wrong_answer(tmp_path, checkpoints, fault, prompt, said):
    bench = Bench(tmp_path, checkpoints, students=("good",))
    with sessions(tmp_path) as opened, ServingServer(checkpoints / "good", fault) as server:
        with pytest.raises(StageFailed) as raised:
            bench.run("out", opened, models=("students",), through=through(server.url, prompt=prompt))
    assert said in str(raised.value)


def test_a_server_that_takes_no_token_ids(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("good",))
    with sessions(tmp_path) as opened, ServingServer(checkpoints / "good", "refuses ids") as server:
        with pytest.raises(TeacherFailed, match="expected a string") as raised:
            bench.run("out", opened, models=("students",), through=through(server.url))
    assert "if the server takes no token ids, say through: {prompt: chat}" in str(raised.value)


def test_a_chat_server_with_another_template_is_told_of(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("good",))
    other = TEMPLATE.replace("assistant\n", "assistant\n\n")
    with sessions(tmp_path) as opened:
        with ServingServer(checkpoints / "good") as server:
            own, metrics, _ = bench.run(
                "own", opened, models=("students",), through=through(server.url, prompt="chat")
            )
            assert "messages" in server.bodies[0] and "stop_token_ids" not in server.bodies[0]
        with ServingServer(checkpoints / "good", template=other) as server:
            changed, told, _ = bench.run(
                "other",
                opened,
                models=("students",),
                through=through(server.url, prompt="chat", served_as={"good": "again"}),
            )
    assert metrics["models"]["good"]["exact_match"]["value"] == 1.0 and "remarks" not in metrics
    assert "it is asked otherwise than it was trained" in changed.table
    assert told["remarks"][0].startswith("good: its server counts ")
    assert "otherwise" not in own.table


@pytest.mark.parametrize("fault", ["says no usage", "says usage of every other"])
def test_no_usage_tells_nothing_of_the_prompt(tmp_path, checkpoints, fault):
    bench = Bench(tmp_path, checkpoints, students=("good",))
    with sessions(tmp_path) as opened, ServingServer(checkpoints / "good", fault) as server:
        _, metrics, _ = bench.run("out", opened, models=("students",), through=through(server.url))
    assert metrics["models"]["good"]["exact_match"]["value"] == 1.0


def test_a_prompt_that_leaves_no_room_is_not_sent(tmp_path, checkpoints):
    test = [*TEST, {"id": "long", "instruction": "What is 1 and " * 30, "reference": "1"}]
    bench = Bench(tmp_path, checkpoints, test=test, students=("good",))
    with sessions(tmp_path) as opened, ServingServer(checkpoints / "good") as server:
        _, metrics, answers = bench.run("out", opened, models=("students",), through=through(server.url))
    assert len(server.bodies) == len(TEST) and metrics["models"]["good"]["prompt_too_long"] == 1
    assert answers[-1]["answers"]["good"]["ending"] == "prompt_too_long"


def test_a_server_is_started_for_one_model_after_the_other(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints)
    env = lay_out(tmp_path)
    with sessions(tmp_path) as opened:
        options = {"python": sys.executable, "env": env, "args": {"max_model_len": 128}}
        _, metrics, answers = bench.run("out", opened, models=("base", "students"), through=options)
        starts = lines(tmp_path, "starts.jsonl")
        assert [start["argv"][1] for start in starts] == [
            str(tmp_path / name) for name in ("good/base", "good/model", "poor/model")
        ]
        bench.run("again", opened, models=("base", "students"), through=options)
        assert len(lines(tmp_path, "starts.jsonl")) == 3  # all is in the ledger: none is started
    words = starts[0]["argv"]
    assert words[words.index("--tokenizer") + 1] == str(tmp_path / "good/model")
    assert words[words.index("--generation-config") + 1] == "vllm"
    assert words[words.index("--dtype") + 1] == "float32"
    assert words[words.index("--max-model-len") + 1] == "128"
    assert "--tokenizer" not in starts[1]["argv"]
    assert metrics["decoding"]["through"] == "vllm"
    assert answers[0]["answers"]["good"]["text"].startswith("The answer is ")


def test_addresses_and_models_have_to_fit(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints)
    with pytest.raises(ConfigError, match="poor has no address; good have") as raised:
        bench.run("out", models=("students",), through=through({"good": "http://127.0.0.1:1/v1"}))
    assert "add poor: http://" in str(raised.value)
    urls = {name: "http://127.0.0.1:1/v1" for name in ("good", "poor", "bad")}
    with pytest.raises(ConfigError, match="bad: no model that is asked has this name"):
        bench.run("two", models=("students",), through=through(urls))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"through": "sglang"}, "write transformers, vllm, or options"),
        ({"through": {"served_as": {"good": "x"}}}, "for servers at base_url"),
        ({"through": {"base_url": "http://x/v1", "args": {"dtype": "float32"}}}, "for a server that the run"),
        ({"through": {"base_url": "ftp://x"}}, "http:// or https://"),
        ({"through": {"base_url": {"a": "http://me:pw@x/v1"}}}, "no user, password or query"),
        ({"through": {"args": {"port": 1}}}, "set by synthgen itself"),
        ({"through": {"env": {"HF_TOKEN": "x"}}}, "no key belongs into a file"),
        ({"through": "vllm", "batch_size": 3}, "batch_size belongs to through: transformers"),
    ],
)
def test_options_that_do_not_fit(options, said):
    with pytest.raises(ValueError) as raised:
        evaluate.STAGE.config.model_validate(options)
    assert said in str(raised.value)


def test_how_it_is_written():
    config = evaluate.STAGE.config.model_validate
    assert config({}).through is None and config({"through": "transformers"}).through is None
    assert config({"through": "vllm"}).through == Through() == config({"through": {}}).through
    nobody = config({"through": {"python": "/no/such/python"}})
    (fault,) = evaluate.STAGE.faults(nobody)
    assert fault.what == "no such interpreter" and "through: {python:" in fault.next
    assert evaluate.STAGE.rehearsed(nobody).through is None


def test_the_teacher_that_was_trained_beside_its_student(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("good", "poor"))
    with pytest.raises(ConfigError, match="poor has published no teacher"):
        bench.run("none", models=("students", "poor.teacher"))
    tiny_model(tmp_path / "poor/teacher", {row["instruction"]: said(row) for row in TEST[:2]})
    _, metrics, answers = bench.run("out", models=("base", "poor.teacher", "good"))
    assert list(metrics["models"]) == ["base", "good", "poor.teacher"]
    peer = metrics["models"]["poor.teacher"]
    assert peer["role"] == "student" and peer["source"] == "the teacher of poor" and "base" not in peer
    assert answers[0]["answers"]["poor.teacher"]["right"] and answers[1]["answers"]["poor.teacher"]["right"]
    assert list(read_rows(tmp_path / "out/answers.jsonl")) == answers


def test_a_server_is_asked_afresh_for_the_noise_floor(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("good",))
    options = {"models": ("students",), "noise_floor": 4}
    with sessions(tmp_path) as opened, ServingServer(checkpoints / "good") as server:
        outcome, metrics, _ = bench.run("out", opened, through=through(server.url), **options)
        assert len(server.bodies) == len(TEST) + 4
        bench.run("again", opened, through=through(server.url), **options)
        assert len(server.bodies) == len(TEST) + 4
    floor = metrics["noise_floor"]["good"]
    assert (floor["how"], floor["rows"], floor["texts"]) == ("afresh", 4, 0)
    assert outcome.requests["answered"] == len(TEST) + 4
