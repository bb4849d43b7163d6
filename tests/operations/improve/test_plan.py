"""The pipelines of an improvement: what is asked for, where it goes, and what is refused."""

from pathlib import Path

import orjson
import pytest

from synthgen.core.errors import ConfigError
from synthgen.operations.improve.figures import IMPROVE
from synthgen.operations.improve.new_rows import new_rows
from synthgen.operations.improve.plan import EVOLVED, QUESTIONS, STAGE, ImprovePlan, Sizes
from synthgen.operations.improve.training import FRESH, TOGETHER, VALIDATION, training
from synthgen.pipeline.file import load_pipeline

TWO = """
name: two
seed: 3
teacher: {provider: builtin, sampling: {max_tokens: 500}}
stages:
  - generate: {id: sums, task: self_instruct, kind: question, seeds: seeds.jsonl, num_rows: 60}
  - generate: {id: puzzles, task: self_instruct, kind: question, seeds: seeds.jsonl, num_rows: 40}
  - split: {input: [sums, puzzles], test: 10, validation: 20}
  - generate: {id: answers, task: rationale}
  - filter: {rules: [answer_match]}
  - dedup: {methods: [exact]}
  - sft: {id: student, student: {init: {hidden_size: 32, layers: 1, heads: 2, vocab_size: 300}}}
  - evaluate: {models: [base, students, teacher]}
"""
GRID = """
name: grid
teacher: {provider: builtin, sampling: {max_tokens: 500}}
stages:
  - generate:
      id: tasks
      task: attributes
      attributes: {topic: [a, b, c], tone: [x, y]}
      num_rows: 90
  - split: {test: 10, validation: 20}
  - generate: {id: answers, task: respond}
  - sft: {id: student, student: {init: {hidden_size: 32, layers: 1, heads: 2, vocab_size: 300}}}
  - evaluate: {models: [students, teacher], metrics: [rouge_l], by: [length, meta.attributes.topic]}
"""
SIZES = Sizes({"sums": {"sums": 60}, "puzzles": {"puzzles": 40}})


@pytest.fixture
def made(in_tmp):
    """Loads a pipeline from its text."""
    seed = {"question": "Tom has 3 nuts. He finds 2 more. How many nuts does Tom have now?", "answer": "5"}
    Path("seeds.jsonl").write_bytes(orjson.dumps(seed))

    def load(text, **sets):
        Path("p.yaml").write_text(text)
        return load_pipeline(
            Path("p.yaml"), sets={name.replace("__", "."): value for name, value in sets.items()}
        )

    return load


def specs(pipeline):
    return {spec.id: spec for spec in pipeline.stages}


def test_the_start_measures_validation_rows_beside_the_test_rows(made):
    plan = ImprovePlan(made(TWO))
    start = training(plan, IMPROVE, 0, ())
    assert start.name == "two.improve" and plan.by == STAGE
    stages = specs(start)
    assert stages[VALIDATION].reads["questions"] == ("split.validation",)
    assert stages["evaluate"].reads["questions"] == ("split.test",)
    assert stages["evaluate"].config.models == ("student", "teacher"), "a base costs time and says nothing"
    assert FRESH not in stages and stages["student"].reads["rows"] == ("dedup",)


def test_new_questions_come_from_the_stage_of_their_slice_under_another_seed(made):
    plan = ImprovePlan(made(TWO))
    grown = new_rows(plan, "improve", 2, {"sums": 30}, SIZES)
    assert grown.name == "two.improve-2.rows" and grown.seed != plan.pipeline.seed
    assert grown.seed != new_rows(plan, "improve", 1, {"sums": 30}, SIZES).seed
    stages = specs(grown)
    assert list(stages) == ["sums", "improve-rows-0", QUESTIONS, "answers", "filter", "dedup"]
    assert stages["sums"].config.task.options.num_rows == 30
    assert stages["improve-rows-0"].config.sample.size == 30
    assert stages["answers"].reads["rows"] == (QUESTIONS,) and stages["filter"].config.rules


def test_students_learn_their_own_rows_and_the_new_ones_that_are_no_test_rows(made):
    plan = ImprovePlan(made(TWO))
    trained = specs(training(plan, "improve", 2, ["two.improve-1.rows", "two.improve-2.rows"]))
    assert trained[FRESH].reads["rows"] == ("run:two.improve-1.rows:dedup", "run:two.improve-2.rows:dedup")
    assert {"split.test", "split.validation"} <= {
        name for names in trained[FRESH].reads.values() for name in names
    }
    assert trained[TOGETHER].reads["rows"] == ("dedup", FRESH), "a new row that is near an old one goes"
    assert trained["student"].reads["rows"] == (TOGETHER,)


def test_without_dedup_there_is_none(made):
    plan = ImprovePlan(made(TWO.replace("  - dedup: {methods: [exact]}\n", "")))
    trained = specs(training(plan, "uniform", 1, ["two.uniform-1.rows"]))
    assert trained["student"].reads["rows"] == ("filter", FRESH) and TOGETHER not in trained


def test_the_pipelines_own_decontamination_waits_until_the_test_rows_are_there(made):
    text = TWO.replace("  - dedup:", "  - decontaminate: {drop_ngram: 9}\n  - dedup:")
    plan = ImprovePlan(made(text))
    grown = specs(new_rows(plan, "improve", 1, {"sums": 30}, SIZES))
    assert "decontaminate" not in grown and grown["dedup"].reads["rows"] == ("filter",)
    trained = specs(training(plan, "improve", 1, ["x"]))
    assert trained[FRESH].config.drop_ngram == 9
    assert specs(training(ImprovePlan(made(TWO)), "improve", 1, ["x"]))[FRESH].config.drop_ngram is None


def test_where_slices_are_attributes_the_grid_holds_those_alone(made):
    plan = ImprovePlan(made(GRID))
    assert plan.by == "meta.attributes.topic", "length is passed over: nobody can be asked for a length"
    sizes = Sizes({"tasks": {"a": 30, "b": 28, "c": 32}})
    grown = specs(new_rows(plan, "improve", 1, {"c": 40, "a": 20}, sizes))
    options = grown["tasks"].config.task.options
    assert options.attributes == {"topic": ("a", "c"), "tone": ("x", "y")}
    assert 60 < options.num_rows < 90
    assert [grown[f"improve-slice-{n}"].config.rules[0].options.values for n in (0, 1)] == [("c",), ("a",)]
    assert [grown[f"improve-rows-{n}"].config.sample.size for n in (0, 1)] == [40, 20]
    assert grown[QUESTIONS].reads["rows"] == ("improve-rows-0", "improve-rows-1")
    assert grown[QUESTIONS].config.sample.size == 60 and grown["answers"].reads["rows"] == (QUESTIONS,)


def test_where_nothing_restricts_the_questions_more_are_asked_for(made):
    plan = ImprovePlan(made(TWO), by="meta.topic")
    sizes = Sizes({"sums": {"a": 15, "b": 45}, "puzzles": {"b": 40}})
    grown = specs(new_rows(plan, "improve", 1, {"a": 10}, sizes))
    assert "puzzles" not in grown, "none of its questions is of the slice"
    assert 40 <= grown["sums"].config.task.options.num_rows <= 50
    assert grown["improve-slice-0"].reads["rows"] == ("sums",)


def test_a_slice_that_passes_a_filter_before_the_split_takes_more_questions(made):
    text = TWO.replace(
        "  - split: {input: [sums, puzzles]",
        "  - filter: {id: some, input: puzzles, rules: [length: {field: instruction, max_words: 20}]}\n"
        "  - split: {input: [sums, some]",
    )
    plan = ImprovePlan(made(text))
    grown = specs(
        new_rows(plan, "improve", 1, {"some": 20}, Sizes({"sums": {"sums": 60}, "some": {"some": 10}}))
    )
    assert "some" in grown and grown["improve-rows-0"].reads["rows"] == ("some",)
    assert grown["puzzles"].config.task.options.num_rows >= 80


@pytest.mark.parametrize(
    ("change", "by", "said"),
    [
        ((", validation: 20", ""), None, "there are none"),
        (("students, teacher]", "students]"), None, "does not ask the teacher"),
        (("[sums, puzzles]", "[sums]"), None, "reads one stage"),
        (("x", "x"), "length", "no stage can be asked for questions of a length"),
        (
            ("  - evaluate", "  - sft: {id: other, student: {model: m}}\n  - evaluate"),
            None,
            "--student student",
        ),
        (("  - evaluate: {models: [base, students, teacher]}\n", ""), None, "evaluate stage"),
    ],
)
def test_what_cannot_be_improved_is_told(made, change, by, said):
    with pytest.raises(ConfigError) as caught:
        ImprovePlan(made(TWO.replace(*change)), by)
    assert said in str(caught.value)


def loaded(made):
    Path("rows.jsonl").write_text('{"instruction": "q", "reference": "a", "meta": {"topic": "t"}}\n')
    text = TWO[: TWO.index("  - generate")] + "  - load: {sources: [rows.jsonl]}\n"
    return made(text + TWO[TWO.index("  - split") :].replace("input: [sums, puzzles], ", ""))


def test_questions_from_a_file_are_asked_again(made):
    plan = ImprovePlan(loaded(made), by="meta.topic")
    grown = specs(new_rows(plan, "improve", 2, {"t": 5}, Sizes({"load": {"t": 20}})))
    assert grown["improve-slice-0"].reads["rows"] == ("run:two.improve:split.train",)
    assert grown["answers"].config.draw == 3 and "load" not in grown
    two = "  - load: {sources: [rows.jsonl]}\n  - load: {id: b, sources: [rows.jsonl]}\n"
    text = TWO[: TWO.index("  - generate")] + two + TWO[TWO.index("  - split") :]
    with pytest.raises(ConfigError, match="--by meta.topic"):
        ImprovePlan(made(text.replace("sums, puzzles", "load, b")))


def test_they_can_be_evolved_first(made):
    plan = ImprovePlan(loaded(made), by="meta.topic", evolve=True)
    grown = specs(new_rows(plan, "improve", 1, {"t": 5}, Sizes({"load": {"t": 20}})))
    assert grown[EVOLVED].reads["rows"] == (QUESTIONS,) and grown[EVOLVED].config.draw == 2
    assert grown["answers"].reads["rows"] == (EVOLVED,)


def test_students_may_read_the_split_itself(made):
    text = GRID.replace("  - generate: {id: answers, task: respond}\n", "")
    plan = ImprovePlan(made(text))
    grown = specs(new_rows(plan, "improve", 1, {"c": 9}, Sizes({"tasks": {"c": 30}})))
    assert list(grown) == ["tasks", "improve-slice-0", "improve-rows-0", QUESTIONS]
    trained = specs(training(plan, "improve", 1, ["r"]))
    assert trained[FRESH].reads["rows"] == (f"run:r:{QUESTIONS}",)
    assert trained["student"].reads["rows"] == ("split.train", FRESH)


def test_rows_that_the_split_has_nothing_to_do_with_stay_as_they_are(made):
    Path("more.jsonl").write_text('{"instruction": "q", "reference": "a"}\n')
    text = TWO.replace("  - dedup:", "  - load: {id: more, sources: [more.jsonl]}\n  - dedup:")
    plan = ImprovePlan(made(text.replace("[exact]}", "[exact], input: [filter, more]}")))
    assert specs(new_rows(plan, "improve", 1, {"sums": 5}, SIZES))["dedup"].reads["rows"] == ("filter",)
    assert specs(training(plan, "improve", 1, ["x"]))["dedup"].reads["rows"] == ("filter", "more")


def test_every_seed_of_a_student_reads_the_new_rows(made):
    plan = ImprovePlan(made(TWO, student__seeds=[0, 1]))
    trained = specs(training(plan, "improve", 1, ["x"]))
    assert [spec.id for spec in plan.students] == ["student-seed0", "student-seed1"]
    assert {trained[spec.id].reads["rows"] for spec in plan.students} == {(TOGETHER,)}
    assert trained[VALIDATION].config.models == ("student-seed0", "student-seed1", "teacher")
