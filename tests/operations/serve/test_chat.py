"""Base, student and a teacher behind HTTP, asked the same words."""

import json

import pytest

from synthgen.core.errors import ConfigError, InputError
from synthgen.operations.serve.chat import chat
from tests.stages.chat_server import ChatServer

pytestmark = pytest.mark.slow
TUTOR = "The answer is 3."


def pipeline(run, teacher=True, evaluate="{max_new_tokens: 16}", **more):
    """Writes the pipeline that a run was made by."""
    tree = {
        "version": 1,
        "name": "sums",
        "stages": [
            {"load": {"id": "load", "sources": [{"path": "x.jsonl"}]}},
            {"split": {"id": "split", "test": 1}},
            {"sft": {"id": "tutor", "student": {"init": {}}}},
            {"evaluate": {"id": "evaluate", "models": ["students"], **more}},
        ],
    }
    if teacher:
        tree["teacher"] = teacher
    (run / "pipeline.resolved.yaml").write_text(json.dumps(tree))


@pytest.fixture
def server():
    with ChatServer(lambda text, draw: f"You said: {text}\x1b[31m", same=True) as at:
        yield at


@pytest.fixture
def run(own_run, server, monkeypatch):
    monkeypatch.setenv("CHAT_KEY", "none")
    teacher = {"provider": "openai", "model": "m", "base_url": server.url, "api_key_env": "CHAT_KEY"}
    pipeline(own_run, {**teacher, "sampling": {"max_tokens": 300}})
    return own_run


def said(run, tmp_path, *words, names=(), **options):
    shown = []
    chat(run, names, words, shown.append, ledger=tmp_path / "ledger", max_tokens=24, threads=1, **options)
    return shown


def test_base_student_and_teacher_side_by_side(run, tmp_path, server):
    (shown,) = said(run, tmp_path, "What is 1 and 2?", "", "/quit", "What is 3 and 4?")
    lines = shown.split("\n")
    assert [name.strip() for name in lines[0].split("|")] == ["base", "tutor", "teacher"]
    columns = [" ".join(line.split(" | ")[at].strip() for line in lines[2:]).strip() for at in (1, 2)]
    assert columns[0] == TUTOR and columns[1].startswith("You said: What is 1 and 2?")
    assert "\x1b" not in shown and max(map(len, lines)) <= 80
    assert server.requests == 1


def test_what_was_asked_before_is_not_paid_for_again(run, tmp_path, server):
    first = said(run, tmp_path, "What is 1 and 2?", names=("teacher",))
    assert said(run, tmp_path, "What is 1 and 2?", names=("teacher",)) == first and server.requests == 1


def test_piped_words_stand_above_their_answers_and_no_command_is_sent_to_anybody(run, tmp_path, server):
    shown = said(run, tmp_path, "What is 1 and 2?", "/help me", names=("teacher",), echo=True)
    assert shown[0] == "> What is 1 and 2?" and len(shown) == 3
    assert shown[2].startswith("/help is no command: /new begins another conversation")
    assert server.requests == 1


def test_each_has_a_conversation_of_its_own_until_a_new_one(run, tmp_path, monkeypatch):
    sent = []
    with ChatServer(lambda text, draw: "ok", same=True) as at:
        answer = at.answer

        def kept(body):
            sent.append(body["messages"])
            return answer(body)

        monkeypatch.setattr(at, "answer", kept)
        tree = json.loads((run / "pipeline.resolved.yaml").read_text())
        tree["teacher"]["base_url"] = at.url
        tree["stages"][-1]["evaluate"]["system"] = "Be brief."
        (run / "pipeline.resolved.yaml").write_text(json.dumps(tree))
        said(run, tmp_path, "one", "two", "/new", "three", names=("teacher",))
    system = {"role": "system", "content": "Be brief."}
    assert sent == [
        [system, {"role": "user", "content": "one"}],
        [
            system,
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "ok"},
            {"role": "user", "content": "two"},
        ],
        [system, {"role": "user", "content": "three"}],
    ]


def test_who_cannot_answer_says_why_and_the_others_go_on(run, tmp_path, monkeypatch):
    monkeypatch.delenv("CHAT_KEY")
    (shown,) = said(run, tmp_path, "What is 1 and 2?", names=("tutor", "teacher"), columns=200)
    assert TUTOR in shown and "(no answer: the environment variable CHAT_KEY holds no key)" in shown
    (shown,) = said(run, tmp_path, "x" * 200, names=("tutor",), columns=200)
    assert "(no answer: the conversation is longer than the model's window" in shown


def test_a_run_without_a_teacher(run, tmp_path):
    pipeline(run, teacher=False)
    (shown,) = said(run, tmp_path, "What is 1 and 2?")
    assert "teacher" not in shown and TUTOR in shown
    with pytest.raises(ConfigError, match="the run's pipeline has no teacher"):
        said(run, tmp_path, "?", names=("teacher",))
    (run / "pipeline.resolved.yaml").unlink()
    assert TUTOR in said(run, tmp_path, "What is 1 and 2?", names=("tutor",))[0]


def test_a_model_that_is_not_there(run, tmp_path):
    with pytest.raises(InputError, match="the run has no model 'tuter'"):
        said(run, tmp_path, "?", names=("tuter",))
