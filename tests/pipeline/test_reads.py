"""What a stage needs is there, or the fault says in which line it is not."""

import pytest

from synthgen.core.errors import ConfigError
from synthgen.pipeline.file import load_pipeline

TEXT = """\
name: p
stages:
  - load: {sources: [rows.jsonl]}
  - split: {test: 5, validation: 5}
  - KIND:
      id: student
      input: split.train
      OPTIONS
"""
KINDS = {
    "sft": "student: {init: {hidden_size: 16}}",
    "prefer": "student: {model: some/model}",
    "distill": "student: {model: some/model}\n      teacher: {model: some/other}",
}


def load(folder, kind, option, split="validation: 5"):
    path = folder / "p.yaml"
    text = TEXT.replace("KIND", kind).replace("OPTIONS", f"{option}\n      {KINDS[kind]}")
    path.write_text(text.replace("validation: 5", split))
    return load_pipeline(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", ["publish: best", "early_stopping: {patience: 1}"])
def test_an_option_that_needs_validation_rows_is_refused_where_no_split_makes_any(tmp_path, kind, option):
    named = option.partition(": {")[0]
    assert load(tmp_path, kind, option).stage("student").reads["validation"] == ("split.validation",)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, kind, option, "validation: 0")
    (fault,) = caught.value.faults
    assert fault.what == f"student: {named} needs validation rows, but no split before it makes any"
    assert fault.where.endswith("p.yaml:8")
    assert fault.next == f"split: {{validation: N}} makes them; or leave {named} out"


def test_without_a_split_too_and_no_other_option_minds(tmp_path):
    path = tmp_path / "p.yaml"
    text = (
        "name: p\nstages:\n  - load: {sources: [a.jsonl]}\n  - sft: {student: {init: {}}, publish: PUBLISH}\n"
    )
    path.write_text(text.replace("PUBLISH", "best"))
    with pytest.raises(ConfigError, match="sft: publish: best needs validation rows"):
        load_pipeline(path)
    path.write_text(text.replace("PUBLISH", "last"))
    assert load_pipeline(path).stage("sft").reads["validation"] == ()


MODELS = """\
name: p
stages:
  - load: {sources: [rows.jsonl]}
  - split: {test: 5}
  - sft: {id: plain, input: split.train, student: {init: {hidden_size: 16}}}
  - distill: {id: pair, input: split.train, student: {init: {}}, teacher: {init: {}, online: true}}
  - evaluate: {models: [MODELS]}
"""


@pytest.mark.parametrize(
    ("models", "students", "named"),
    [
        ("base, students", ("plain", "pair"), None),
        ("pair.teacher, plain", ("pair", "plain"), None),
        ("students, pair.teacher", ("plain", "pair"), ("pair",)),
        ("students, run:old:sft", ("plain", "pair"), ("run:old:sft",)),
        ("students, 'run:old:sft@0123abcd'", ("plain", "pair"), ("run:old:sft@0123abcd",)),
    ],
)
def test_the_models_of_an_evaluation(tmp_path, models, students, named):
    (tmp_path / "p.yaml").write_text(MODELS.replace("MODELS", models))
    reads = load_pipeline(tmp_path / "p.yaml").stage("evaluate").reads
    assert (reads["students"], reads.get("named")) == (students, named)


@pytest.mark.parametrize("models", ["students, models/other", "base, models/other", "models/other"])
def test_a_model_that_is_no_stage_is_not_passed_over(tmp_path, models):
    (tmp_path / "p.yaml").write_text(MODELS.replace("MODELS", models))
    with pytest.raises(ConfigError) as caught:
        load_pipeline(tmp_path / "p.yaml")
    (fault,) = caught.value.faults
    assert fault.what == "no earlier stage 'models/other'" and "plain, pair" in fault.next
    assert fault.where.endswith("p.yaml:7")
