"""Which students are rehearsed: each once, after the one that it starts from."""

import pytest

from synthgen.core.errors import ConfigError
from synthgen.operations.rehearse.students import groups
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.store.manifest import Manifest, write_manifest

STAGES = """
version: 1
name: p
teacher: {provider: builtin}
stages:
  - load: {sources: rows.jsonl}
  - split: {test: 5, validation: 5}
  - sft: {id: plain, student: &s {init: {}}, input: split.train}
  - generate: {task: rationale, input: split.train}
  - sft: {id: seeded, student: *s, completion: answer_only, seeds: [0, 1]}
  - sft: {id: again, student: *s, completion: answer_only, input: load}
  - sft: {id: further, student: {from: seeded-seed1}}
  - prefer: {id: better, student: {from: further}}
  - evaluate: {models: [again, better]}
"""


@pytest.fixture
def chosen(in_tmp):
    (in_tmp / "p.yaml").write_text(STAGES)

    def choose(**options):
        return groups(load_pipeline(in_tmp / "p.yaml"), RunOptions(**options))

    return choose


def test_seeds_of_one_student_are_rehearsed_once_and_other_options_apart(chosen):
    found = chosen()
    assert [group.ids for group in found] == [
        ("plain",),
        ("seeded-seed0", "seeded-seed1"),
        ("again",),  # evaluate reads it
        ("further",),
        ("better",),
    ]
    assert [group.models.get("student", "") for group in found] == ["", "", "", "seeded-seed0", "further"]


def test_validation_rows_have_answers_unless_a_teacher_gives_them_behind_the_split(chosen):
    assert {group.spec.id: (group.measured, group.measured_by_answers) for group in chosen()} == {
        "plain": (True, False),
        "seeded-seed0": (True, True),
        "again": (True, False),
        "further": (True, True),
        "better": (True, True),
    }


def test_a_student_without_the_result_that_it_starts_from_brings_its_start(chosen, in_tmp):
    assert [group.spec.id for group in chosen(only=("better",))] == ["seeded-seed1", "further", "better"]
    folder = in_tmp / "data" / "runs" / "p" / "further"
    folder.mkdir(parents=True)
    made = {
        "stage": "further",
        "kind": "sft",
        "writes": "model",
        "key": "k",
        "key_parts": {},
        "config": {},
        "counts": {},
    }
    write_manifest(folder, Manifest.model_validate(made))
    (better,) = chosen(only=("better",))
    assert (better.spec.id, better.models) == ("better", {"student": "further"})
    assert [group.spec.id for group in chosen(until="seeded-seed0")] == ["plain", "seeded-seed0"]


def test_a_choice_without_a_student_is_refused(chosen):
    with pytest.raises(ConfigError, match="there is no student to rehearse"):
        chosen(until="split")


def test_a_student_is_rehearsed_after_its_teacher(in_tmp):
    (in_tmp / "p.yaml").write_text(
        STAGES.partition("  - evaluate")[0]
        + "  - distill: {id: small, student: {model: a/b}, teacher: {from: better}, input: split.train}\n"
    )
    small = groups(load_pipeline(in_tmp / "p.yaml"), RunOptions(only=("small",)))
    assert [group.spec.id for group in small] == ["seeded-seed1", "further", "better", "small"]
    assert small[-1].models == {"teacher": "better"}
