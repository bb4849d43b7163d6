"""A student's name that was meant for something here is told before anybody looks on the hub."""

import logging

import pytest

from synthgen.core.errors import ConfigError
from synthgen.operations.validate.checks import findings
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.training.folder_names import mistaken_name, unfit_folder
from synthgen.training.student import quiet_libraries


@pytest.fixture
def here(in_tmp):
    """Folders of models: base, gpt2, student-v2 and models/base."""
    for name in ("base", "gpt2", "student-v2", "models/base"):
        (in_tmp / name).mkdir(parents=True)
        (in_tmp / name / "config.json").write_text("{}")
    (in_tmp / "empty").mkdir()
    (in_tmp / "notes").write_text("")
    return in_tmp


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("bsae", "did you mean 'base'?"),
        ("bases", "did you mean 'base'?"),
        ("models/bas", "did you mean 'models/base'?"),
        ("mine.jsonl", "a data file"),
        ("some/model.gguf", "a file of weights"),
        ("notes", "a file, and no model's folder"),
    ],
)
def test_a_name_that_is_meant_for_something_here(here, name, says):
    fault = mistaken_name(name)
    assert fault is not None and says in f"{fault.what} {fault.next}" and fault.where == name


@pytest.mark.parametrize(
    "name",
    ["base", "gpt2", "student-v3", "gpt2-medium", "distilgpt2", "basement", "emtpy", "some/bsae"],
)
def test_a_folder_and_a_hub_id_pass(here, name):
    assert mistaken_name(name) is None


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("empty", "the tokenizer's folder holds no config.json"),
        ("./bsae", "the tokenizer's folder does not exist"),
        ("a/b/c", "the tokenizer's folder does not exist"),
    ],
)
def test_a_folder_that_holds_no_model_is_told_by_its_role(here, name, says):
    fault = unfit_folder(name, "tokenizer")
    assert fault is not None and fault.what == says and str(fault.next).startswith("tokenizer: {model: …}")


@pytest.mark.parametrize("name", ["base", "./base", "models/base", "owner/name", "gpt3"])
def test_a_folder_with_a_config_and_a_hub_id_are_fit(here, name):
    assert unfit_folder(name) is None


def test_a_model_in_the_cache_passes(here, monkeypatch):
    folder = here / "cache" / "models--bsae"
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "snapshots" / "abc" / "config.json").write_text("{}")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(here / "cache"))
    assert mistaken_name("bsae") is None


def test_validate_and_run_name_student_and_teacher(here):
    (here / "rows.jsonl").write_text('{"instruction": "a", "output": "b"}\n')
    (here / "p.yaml").write_text(
        "name: p\nstages:\n  - load: {sources: rows.jsonl}\n"
        "  - sft: {student: {model: bsae}, seeds: [0, 1]}\n"
        "  - distill: {input: load, student: {init: {}}, teacher: {model: mine.csv}}\n"
    )
    pipeline = load_pipeline(here / "p.yaml")
    listed = findings(pipeline, offline=True)
    assert [(one.level, one.fault.what) for one in listed] == [
        ("error", "sft: no such folder here"),
        ("error", "distill: the teacher is a data file, and no model's folder"),
    ]
    with pytest.raises(ConfigError) as caught:
        run_pipeline(pipeline, RunOptions())
    assert [fault.what for fault in caught.value.faults] == [one.fault.what for one in listed]
    assert not (here / "data" / "runs" / "p" / "load").exists()


def test_the_hub_client_does_not_say_that_it_tries_again():
    pytest.importorskip("trl")
    hub = logging.getLogger("huggingface_hub.utils._http")
    before = hub.isEnabledFor(logging.WARNING)
    with quiet_libraries():
        assert not hub.isEnabledFor(logging.WARNING)
    assert hub.isEnabledFor(logging.WARNING) == before
