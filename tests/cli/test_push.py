"""`synthgen push` against a hub on loopback: huggingface_hub's own client sends, and we look at what came."""

import json
import os
import subprocess
import sys

import pytest

from tests.operations.serve.conftest import made_run, own_run, published
from tests.servers.hub import Hub

pytestmark = pytest.mark.slow
__all__ = ["made_run", "own_run"]


@pytest.fixture
def with_card(own_run):
    (own_run / "tutor" / "model" / "README.md").write_text("---\ntags: [synthgen]\n---\n\n# tutor\n")
    published(own_run, "tutor", finished="2026-01-02T00:00:00")
    return own_run


def push(hub, run, *arguments, key="hf_test"):
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": key, "HF_HOME": str(run / "hf")}
    environment.pop("HF_HUB_OFFLINE", None)
    command = [sys.executable, "-m", "synthgen", "push", str(run), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)


def test_the_folder_and_its_card_are_one_commit_in_a_private_repository(with_card):
    with Hub() as hub:
        done = push(hub, with_card, "me/tutor", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        told = json.loads(done.stdout)
    folder = with_card / "tutor" / "model"
    sent = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    assert hub.files == sent and b"# tutor" in hub.files["README.md"]
    assert hub.repos["me/tutor"]["visibility"] == "private" and hub.commits == ["tutor, by synthgen"]
    assert {path.split("/")[2] for path in hub.paths} <= {"repos", "models", "validate-yaml"}, hub.paths
    assert (told["name"], told["files"], told["repo"]) == ("tutor", len(sent), "me/tutor")


def test_a_hub_that_refuses_is_one_line_without_the_key(with_card):
    with Hub() as hub:
        done = push(hub, with_card, "me/tutor", key="hf_wrong_and_secret")
    assert done.returncode == 1 and not hub.files
    assert "the hub did not take it" in done.stderr and "HF_TOKEN" in done.stderr
    assert "secret" not in done.stderr + done.stdout and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["tutor"], "'tutor' is no repository of a hub"),
        (["../me/x"], "is no repository of a hub"),
        (["me/tutor", "--model", "base"], "base was not trained here"),
        (["me/tutor", "--model", "first"], "the model has no card"),
        (["me/tutor", "--model", "zzz"], "the run has no model 'zzz'"),
    ],
)
def test_what_is_not_pushed(synthgen, with_card, arguments, told):
    code, _, said = synthgen("push", str(with_card), *arguments)
    assert code == 2 and told in said


@pytest.fixture
def dataset(in_tmp):
    (in_tmp / "rows.jsonl").write_text('{"instruction": "2 + 2?", "output": "4"}\n')
    from synthgen.operations.export_rows import export_rows

    export_rows([in_tmp / "rows.jsonl"], in_tmp / "out", {"format": "messages", "file": "saved"})
    return in_tmp / "out"


def test_a_dataset_and_its_card_are_one_commit_and_nothing_else_goes(dataset):
    with Hub() as hub:
        done = push(hub, dataset, "me/sums")
        assert (done.returncode, done.stderr) == (0, "")
    assert sorted(hub.files) == [
        "README.md",
        "saved/data-00000-of-00001.arrow",
        "saved/dataset_info.json",
        "saved/state.json",
    ]
    assert (hub.repos["me/sums"]["type"], hub.repos["me/sums"]["visibility"]) == ("dataset", "private")
    assert any("/api/datasets/me/sums/commit/" in path for path in hub.paths)


def test_a_dataset_that_was_changed_is_not_pushed_but_its_card_may_be(synthgen, dataset):
    (dataset / "README.md").write_text("---\nlicense: mit\n---\n# mine\n")
    with Hub() as hub:
        assert push(hub, dataset, "me/sums").returncode == 0 and b"# mine" in hub.files["README.md"]
    (dataset / "saved" / "state.json").write_text("{}")
    code, _, said = synthgen("push", str(dataset), "me/sums")
    assert code == 2 and "saved/state.json is no longer what was published" in said
