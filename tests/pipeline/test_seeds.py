"""`seeds` of a stage that trains: a stage for each, and everything in its place."""

from pathlib import Path

import pytest

from synthgen.core.errors import ConfigError
from synthgen.pipeline.file import check_pipeline, load_pipeline

TEXT = """\
name: seeded
stages:
  - load: {sources: [{path: rows.jsonl}]}
  - split: {test: 5}
  - sft:
      id: student
      student: {init: {hidden_size: 32}}
      seeds: [0, 7]
      epochs: 2
  - sft: {id: other, input: split.train, student: {init: {hidden_size: 16}}}
  - evaluate: {models: [base, student], max_new_tokens: 6}
  - evaluate: {id: some, models: [student-seed7, other]}
"""


def load(folder, text=TEXT, sets=()):
    path = folder / "seeded.yaml"
    path.write_text(text)
    return load_pipeline(path, (), sets)


def test_a_stage_for_each_seed(tmp_path):
    made = load(tmp_path)
    assert [spec.id for spec in made.stages] == [
        "load",
        "split",
        "student-seed0",
        "student-seed7",
        "other",
        "evaluate",
        "some",
    ]
    zero, seven = made.stage("student-seed0").config, made.stage("student-seed7").config
    assert (zero.seed, seven.seed, zero.seed_of, seven.seed_of) == (0, 7, "student", "student")
    assert zero.epochs == 2 and zero.seeds == ()
    assert made.stage("student-seed7").reads["rows"] == ("split.train",)


def test_models_names_all_of_them_or_one(tmp_path):
    text = TEXT.replace("models: [base, student]", "models: [base, teach]").replace(
        "id: student\n", "id: teach\n"
    )
    made = load(tmp_path, text.replace("[student-seed7, other]", "[teach-seed7, other]"))
    assert made.stage("evaluate").config.models == ("base", "teach-seed0", "teach-seed7")
    assert made.stage("some").config.models == ("teach-seed7", "other")
    assert made.stage("evaluate").reads["students"] == ("teach-seed0", "teach-seed7")
    made = load(
        tmp_path, text.replace("[base, teach]", "[base, teach.teacher]").replace("student-", "teach-")
    )
    assert made.stage("evaluate").config.models == ("base", "teach-seed0.teacher", "teach-seed7.teacher")


LATER = "  - prefer: {id: better, input: pairs, student: {from: student}, seeds: [7, 0]}\n  - sft: {id: other"


def test_a_later_stage_with_the_same_seeds_starts_from_each(tmp_path):
    text = TEXT.replace("  - sft: {id: other", LATER).replace("input: pairs", "input: split.train")
    made = load(tmp_path, text.replace("[base, student]", "[base, better]"))
    starts = {name: made.stage(name).config.student.start for name in ("better-seed7", "better-seed0")}
    assert starts == {"better-seed7": "student-seed7", "better-seed0": "student-seed0"}
    assert made.stage("better-seed7").reads["student"] == ("student-seed7",)
    assert made.stage("evaluate").config.models == ("base", "better-seed7", "better-seed0")
    for other in ("seeds: [7, 1]", "epochs: 1"):
        with pytest.raises(ConfigError, match="student-seed"):
            load(tmp_path, text.replace("seeds: [7, 0]", other))


def test_a_later_stage_with_the_same_seeds_reads_the_tokenizer_and_the_teacher_of_each(tmp_path):
    taught = (
        "  - distill: {id: taught, input: split.train, teacher: {from: student}, seeds: [7, 0], student: "
        "{init: {hidden_size: 16, tokenizer_of: student}}}\n  - sft: {id: other"
    )
    made = load(tmp_path, TEXT.replace("  - sft: {id: other", taught))
    for seed in (7, 0):
        spec = made.stage(f"taught-seed{seed}")
        assert spec.reads["tokenizer"] == spec.reads["teacher"] == (f"student-seed{seed}",)
        assert spec.config.student.tokenizer_of == spec.config.teacher.stage == f"student-seed{seed}"
    with pytest.raises(ConfigError, match="student-seed"):
        load(tmp_path, TEXT.replace("  - sft: {id: other", taught.replace("seeds: [7, 0]", "seeds: [1]")))


def test_a_student_with_the_same_seeds_learns_from_the_teacher_of_each(tmp_path):
    text = TEXT.replace(
        "  - sft: {id: other",
        "  - distill: {id: small, input: split, student: {init: {}}, teacher: {from: student, "
        "dtype: float32}, seeds: [7, 0]}\n  - sft: {id: other",
    )
    made = load(tmp_path, text)
    taught = {name: made.stage(name) for name in ("small-seed7", "small-seed0")}
    assert [spec.reads["teacher"] for spec in taught.values()] == [("student-seed7",), ("student-seed0",)]
    assert {spec.config.teacher.dtype for spec in taught.values()} == {"float32"}
    with pytest.raises(ConfigError, match="give this stage the same, seeds: .0, 7., and each goes on"):
        load(tmp_path, text.replace("seeds: [7, 0]", "seeds: [7, 1]"))


def test_what_was_spread_is_read_again_as_it_is(tmp_path):
    made = load(tmp_path)
    again = check_pipeline(made.path, made.resolved(), lambda path: "")
    assert again.resolved() == made.resolved()


def test_seeds_can_be_set_from_the_command_line(tmp_path):
    made = load(tmp_path, sets=["other.seeds=[1,2,3]", "student.epochs=1"])
    assert [spec.id for spec in made.stages][4:7] == ["other-seed1", "other-seed2", "other-seed3"]
    assert made.stage("student-seed7").config.epochs == 1


def test_faults_stand_where_they_were_written(tmp_path):
    text = TEXT.replace("epochs: 2", "epochs: -2").replace("max_new_tokens", "max_tokns")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert {Path(fault.where).name for fault in caught.value.faults} == {"seeded.yaml:9", "seeded.yaml:11"}


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ("[0, 0]", "each once"),
        ("[-1, 2]", "from 0 on"),
        ("[a]", "integer"),
        ("3", "seeds"),
        ("[0, 1]\n      seed: 3", "seed or seeds, not both"),
    ],
)
def test_seeds_that_cannot_be_used(tmp_path, seeds, said):
    with pytest.raises(ConfigError, match=said) as caught:
        load(tmp_path, TEXT.replace("[0, 7]", seeds))
    assert "seeded.yaml:" in str(caught.value)


def test_a_stage_that_trains_nothing_has_no_seeds(tmp_path):
    with pytest.raises(ConfigError, match="unknown option 'seeds'"):
        load(tmp_path, TEXT.replace("{test: 5}", "{test: 5, seeds: [0, 1]}"))


def test_a_stage_from_one_with_seeds_is_told_how_to_go_on(tmp_path):
    further = "  - sft: {id: further, input: split.train, student: {from: START}}\n  - sft: {id: other"
    text = TEXT.replace("  - sft: {id: other", further)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text.replace("START", "student"))
    (fault,) = caught.value.faults
    assert fault.what == "no earlier stage 'student'"
    assert "seeds: [0, 7]" in fault.next and "name one, student-seed0" in fault.next
    load(tmp_path, text.replace("START", "student-seed0"))
    with pytest.raises(ConfigError, match="has no seeds: write student, or give it seeds: .3.") as caught:
        load(
            tmp_path,
            text.replace("START", "student-seed3").replace("      seeds: [0, 7]\n", "").split("  - ev")[0],
        )


def test_a_fault_of_all_seeds_is_told_once(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, TEXT.replace("epochs: 2", "epochs: -2"))
    assert len(caught.value.faults) == 1
    template = TEXT.replace("{hidden_size: 32}", "{hidden_size: 32}, chat_template: none.jinja")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, template)
    (fault,) = caught.value.faults
    assert fault.what.count("chat_template") == 1 and "neither Jinja text nor a file" in fault.what
