"""Ablation: variants train on equally many rows, are measured on the same ones, and nothing runs twice."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from synthgen.cli import app
from synthgen.core.errors import ConfigError
from synthgen.core.progress import Reporter
from synthgen.evaluation.intervals import paired_difference
from synthgen.operations.ablate.plan import FULL, AblationPlan
from synthgen.operations.ablate.run import VariantScore, ablate, compared
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.reports.ablation import ablation_table
from synthgen.store.jsonl import read_rows
from synthgen.store.manifest import read_manifest

PIPELINE = """
name: small
stages:
  - load: {sources: [{path: rows.jsonl}]}
  - split: {test: 12}
  - filter: {rules: [length: {field: output, max_words: 5}, refusal]}
  - dedup: {methods: [exact: {field: question}]}
  - sft:
      id: student
      student: {init: {hidden_size: 32, layers: 1, heads: 2, vocab_size: 300}}
      epochs: 1
      batch_size: 8
      learning_rate: 2e-3
      max_length: 128
      threads: 1
  - evaluate: {models: [base, students], max_new_tokens: 6, threads: 1}
"""


@pytest.fixture
def small(in_tmp):
    """Sums as rows; ten of them answered at length, five refused."""
    with open("rows.jsonl", "wb") as file:
        for number in range(90):
            a, b = number % 9, number // 9
            output = (
                "I cannot help with that request, sorry."
                if number % 18 == 0
                else "Well, let me think about this one for a moment"
                if number % 9 == 4
                else f"The answer is {a + b}"
            )
            file.write(
                orjson.dumps(
                    {"instruction": f"What is {a} and {b}?", "output": output, "reference": str(a + b)}
                )
                + b"\n"
            )
    return write(PIPELINE)


def write(text, name="small.yaml"):
    with open(name, "w") as file:
        file.write(text)
    return load_pipeline(Path(name))


def stages(pipeline):
    return {spec.id: spec for spec in pipeline.stages}


def test_every_rule_and_curating_stage_in_turn(small):
    plan = AblationPlan(small)
    assert [variant.name for variant in plan.variants] == [
        FULL,
        "without filter.length",
        "without filter.refusal",
        "without dedup",
    ]
    assert [variant.pipeline.name for variant in plan.variants] == [
        "small.matched",
        "small.without-filter.length",
        "small.without-filter.refusal",
        "small.without-dedup",
    ]
    full, no_length, _, no_dedup = (stages(variant.pipeline) for variant in plan.variants)
    assert [choice.name for choice in no_length["filter"].config.rules] == ["refusal"]
    assert (
        "dedup" not in no_dedup
        and no_dedup["student"].reads["rows"] == ("filter",)
        and full["student"].reads["rows"] == ("dedup",)
    )
    assert full["evaluate"].config.models == ("student",)


def test_readers_of_a_stage_that_is_gone_read_what_it_read(in_tmp, small):
    made = write(
        PIPELINE.replace(
            "  - dedup: {methods: [exact: {field: question}]}",
            "  - filter: {id: aside, input: load, rules: [echo]}\n  - dedup: {input: filter, "
            "methods: [exact]}",
        )
    )
    (_, without) = AblationPlan(made, ["dedup"]).variants
    assert stages(without.pipeline)["student"].reads["rows"] == (
        "filter",
    )  # not `aside`, though that is the nearest
    assert "aside" not in stages(without.pipeline)


def test_the_last_rule_takes_its_stage_with_it(in_tmp, small):
    (_, without) = AblationPlan(write(PIPELINE.replace(", refusal]", "]")), ["filter.length"]).variants
    assert "filter" not in stages(without.pipeline) and stages(without.pipeline)["dedup"].reads["rows"] == (
        "split.train",
    )


def test_a_rule_that_is_there_twice_is_named_by_its_place(in_tmp, small):
    made = write(PIPELINE.replace(", refusal]", ", length: {field: output, min_words: 1}]"))
    assert [variant.name for variant in AblationPlan(made).variants][1:3] == [
        "without filter.0",
        "without filter.1",
    ]
    assert (
        stages(AblationPlan(made, ["filter.1"]).variants[1].pipeline)["filter"]
        .config.rules[0]
        .options.max_words
        == 5
    )
    with pytest.raises(ConfigError, match=r"filter\.0 or filter\.1"):
        AblationPlan(made, ["filter.length"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("filtr.length", "did you mean 'filter.length'?"),
        ("filter.lenth", "did you mean 'filter.length'?"),
        ("filter.9", "it has: length, refusal"),
        ("split", "it is a split stage"),
        ("load", "it is a load stage"),
        ("student", "it is a sft stage"),
        ("evaluate", "it is a evaluate stage"),
        ("dedup.minhash", "it has: exact"),
    ],
)
def test_names_that_cannot_be_taken_out(small, name, said):
    with pytest.raises(ConfigError) as caught:
        AblationPlan(small, [name])
    assert said in str(caught.value) and f"--without {name}" in str(caught.value)


def test_what_decides_the_test_rows_cannot_be_taken_out(in_tmp, small):
    moved = PIPELINE.replace("  - split: {test: 12}\n", "").replace(
        "  - sft:", "  - split: {test: 12}\n  - sft:"
    )
    with pytest.raises(ConfigError, match="put `split` before it"):
        AblationPlan(write(moved), ["dedup"])
    with pytest.raises(ConfigError, match="nothing to take out"):
        AblationPlan(write(moved))


def test_a_pipeline_without_student_or_references_is_refused(in_tmp, small):
    with pytest.raises(ConfigError, match="needs a stage that trains one \\(sft\\) and an evaluate stage"):
        AblationPlan(write(PIPELINE[: PIPELINE.index("  - sft")]))
    with pytest.raises(ConfigError, match="no student 'studnt'"):
        AblationPlan(small, student="studnt")
    with open("rows.jsonl", "rb+") as file:
        rows = [
            {key: value for key, value in orjson.loads(line).items() if key != "reference"} for line in file
        ]
        file.seek(0)
        file.truncate()
        file.writelines(orjson.dumps(row) + b"\n" for row in rows)
    with pytest.raises(ConfigError, match="no test row has a reference"):
        ablate(small, RunOptions(), without=["dedup"], reporter=Reporter("silent"))


def test_who_asks_about_rows_that_were_dropped_is_said(in_tmp, small):
    asking = PIPELINE.replace("name: small", "name: small\nteacher: {provider: builtin}").replace(
        "  - dedup:", "  - generate: {id: answers, task: rationale}\n  - dedup:"
    )
    by_name = {variant.name: variant.asks for variant in AblationPlan(write(asking)).variants}
    assert (
        by_name["without filter.length"] == ("answers",)
        and by_name["without dedup"] == ()
        and by_name[FULL] == ()
    )


def test_what_makes_rows_cannot_be_taken_out(in_tmp, small):
    asking = PIPELINE.replace("name: small", "name: small\nteacher: {provider: builtin}").replace(
        "  - dedup:", "  - generate: {id: answers, task: rationale}\n  - dedup:"
    )
    with pytest.raises(ConfigError, match="answers cannot be taken out: it is a generate stage"):
        AblationPlan(write(asking), ["answers"])


TAUGHT = """  - filter: {id: checked, input: split.train, rules: [refusal]}
  - sft: &how
      id: big
      student: {init: {hidden_size: 32, layers: 1, heads: 2, vocab_size: 300}}
      epochs: 1
      batch_size: 8
      max_length: 128
      threads: 1
  - distill:
      <<: *how
      id: student
      input: dedup
      student: {init: {hidden_size: 16, layers: 1, heads: 2, tokenizer_of: big}}
      teacher: {from: big}
  - evaluate"""
WITH_TEACHER = PIPELINE[: PIPELINE.index("  - sft")] + TAUGHT + PIPELINE.partition("  - evaluate")[2]


def test_a_rule_that_feeds_the_students_teacher_alone_changes_that_teacher(small):
    plan = AblationPlan(write(WITH_TEACHER, "taught.yaml"), student="student")
    assert [spec.id for spec in plan.students] == ["big", "student"]
    assert "without checked.refusal" in [variant.name for variant in plan.variants]
    (full, without) = AblationPlan(write(WITH_TEACHER, "taught.yaml"), ["checked"], "student").variants
    assert stages(full.pipeline)["big"].reads["rows"] == ("checked",)
    made = stages(without.pipeline)
    assert made["big"].reads["rows"] == ("split.train",) and made["student"].reads["teacher"] == ("big",)
    matched = stages(plan.matched(without, {"big": 9, "student": 8}))
    assert matched["big"].reads["rows"] == ("big-rows",), "teachers learn equally many rows, too"
    assert matched["big-rows"].config.sample.size == 9


def test_what_a_stored_teacher_was_asked_about_is_on_the_way_too(small):
    stored = """  - filter: {id: short, input: dedup, rules: [length: {field: output, max_words: 9}]}
  - logprobs: {id: heard, input: short, tokenizer: {model: m}}
  - distill: {id: student, input: dedup, student: {model: m}, teacher: {logprobs: heard}}
  - evaluate"""
    text = PIPELINE[: PIPELINE.index("  - sft")] + stored + PIPELINE.partition("  - evaluate")[2]
    teacher = "teacher: {provider: vllm, model: m, base_url: 'http://127.0.0.1:1/v1'}"
    plan = AblationPlan(write(text.replace("name: small", f"name: small\n{teacher}"), "heard.yaml"))
    without = {variant.name: variant for variant in plan.variants}["without short.length"]
    assert stages(without.pipeline)["heard"].reads["rows"] == ("dedup",) and without.asks == ("heard",)


def test_all_rows_are_made_before_the_teacher_is_trained(small, monkeypatch):
    started = []

    def run_data_only(pipeline, options, reporter):
        if not options.only:
            raise KeyboardInterrupt  # the first student
        started.append((pipeline.name, options.only))
        return run_pipeline(pipeline, options, reporter)

    monkeypatch.setattr("synthgen.operations.ablate.run.run_pipeline", run_data_only)
    pipeline = write(WITH_TEACHER, "taught.yaml")
    with pytest.raises(KeyboardInterrupt):
        ablate(pipeline, RunOptions(), without=["checked"], student="student", reporter=Reporter("silent"))
    assert [name for name, _ in started] == ["small.matched", "small.without-checked"]
    assert not {"big", "student"} & {stage for _, stages in started for stage in stages}


def test_variants_are_listed_without_running_any(small):
    done = CliRunner().invoke(app, ["ablate", "small.yaml", "--without", "dedup", "--dry-run", "--json"])
    assert done.exit_code == 0 and [entry["run"] for entry in orjson.loads(done.stdout)] == [
        "data/runs/small.matched",
        "data/runs/small.without-dedup",
    ]
    assert not Path("data").exists()
    done = CliRunner().invoke(app, ["ablate", "small.yaml", "--without", "dedupe"])
    assert isinstance(done.exception, ConfigError) and "did you mean 'dedup'?" in str(done.exception)


def test_rows_of_another_run_count_too(in_tmp, small):
    run_pipeline(small, RunOptions(until="dedup"), Reporter("silent"))
    made = write(
        PIPELINE.replace("name: small", "name: other").replace(
            "      id: student", "      id: student\n      input: [dedup, 'run:small:filter']"
        ),
        "other.yaml",
    )
    (full, _) = AblationPlan(made, ["dedup"]).variants
    assert stages(full.pipeline)["student"].reads["rows"] == ("dedup", "run:small:filter")
    matched = stages(AblationPlan(made, ["dedup"]).matched(full, {"student": 9}))
    assert matched["student-rows"].reads["rows"] == ("dedup", "run:small:filter") and matched[
        "student"
    ].reads["rows"] == ("student-rows",)


def test_rows_left_out_for_one_variant_are_left_out_for_all(small):
    plan = AblationPlan(small, ["dedup"])
    full, without = plan.variants
    made = {f"r{number}": float(number % 2) for number in range(40)}
    fewer = {row: 1.0 for row in list(made)[:30]}
    figures = compared(
        plan,
        [VariantScore(full, "student", 50, 50, made), VariantScore(without, "student", 60, 50, fewer)],
        RunOptions(),
    )
    assert (figures["test_rows"], figures["test_rows_left_out"]) == (30, 10)
    assert [entry["score"] for entry in figures["variants"]] == [0.5, 1.0]
    assert (
        figures["variants"][1]["vs_full"]["value"] == 0.5
        and figures["variants"][1]["vs_full"]["interval"][0] > 0
    )
    text = ablation_table(figures)
    assert "+50.0" in text and "10 test rows" in text and "no difference" not in text


@pytest.mark.parametrize(("given", "account"), [("", "small"), ("shared", "shared")])
def test_every_variant_is_charged_to_the_account_of_the_full_pipeline(small, monkeypatch, given, account):
    charged = []

    def run_data_only(pipeline, options, reporter):
        charged.append((pipeline.name, options.charged_run))
        if not options.only:
            raise KeyboardInterrupt  # the first student: all variants' data is there
        return run_pipeline(pipeline, options, reporter)

    monkeypatch.setattr("synthgen.operations.ablate.run.run_pipeline", run_data_only)
    with pytest.raises(KeyboardInterrupt):
        ablate(small, RunOptions(charged_run=given), without=["filter.length"], reporter=Reporter("silent"))
    names = ["small.matched", "small.without-filter.length", "small.matched"]
    assert charged == [(name, account) for name in names]


@pytest.mark.slow
def test_students_with_and_without(small):
    options = RunOptions()
    figures = ablate(small, options, without=["filter.length", "filter.refusal"], reporter=Reporter("silent"))
    full, no_length, no_refusal = figures["variants"]
    assert figures["test_rows"] == 12 and "vs_full" not in full
    assert full["rows_before_matching"] < no_length["rows_before_matching"]
    assert {entry["rows_trained"] for entry in figures["variants"]} == {full["rows_before_matching"]}

    def folder(entry):
        return options.runs / Path(entry["run"]).name

    def scores(entry):
        return [
            row["answers"]["student"]["scores"]["exact_match"]
            for row in read_rows(folder(entry) / "evaluate" / "answers.jsonl")
        ]

    assert no_length["vs_full"]["value"] == pytest.approx(
        paired_difference(scores(no_length), scores(full)).value, abs=1e-6
    )
    assert (
        read_manifest(folder(no_length) / "split").linked_from == "small.matched"
        and read_manifest(folder(no_length) / "student").linked_from is None
    )
    kept = [
        {row["id"] for row in read_rows(folder(entry) / "student-rows" / "rows.jsonl")}
        for entry in (full, no_length)
    ]
    assert (
        0.7 * full["rows_trained"] < len(kept[0] & kept[1]) < full["rows_trained"]
    )  # most rows are the same, some are those that the rule drops

    # what refusal drops, length would drop too: the same rows, and so the same student, which is not trained
    # again
    assert (
        no_refusal["vs_full"]["value"] == 0.0
        and read_manifest(folder(no_refusal) / "student").linked_from == "small.matched"
    )
    assert "no difference that these test rows can show: " in ablation_table(
        figures
    ) and "without filter.refusal" in ablation_table(figures)

    finished = [read_manifest(folder(entry) / "student").finished_at for entry in figures["variants"]]
    assert (
        ablate(small, options, without=["filter.length", "filter.refusal"], reporter=Reporter("silent"))
        == figures
    )
    assert finished == [read_manifest(folder(entry) / "student").finished_at for entry in figures["variants"]]


@pytest.mark.slow
def test_students_of_several_seeds_are_one_line_a_variant(in_tmp, small):
    made = write(PIPELINE.replace("      epochs: 1", "      epochs: 1\n      seeds: [0, 1]"), "seeds.yaml")
    plan = AblationPlan(made, ["filter.length"], student="student")
    assert [spec.id for spec in plan.students] == ["student-seed0", "student-seed1"]
    figures = ablate(made, RunOptions(), without=["filter.length"], reporter=Reporter("silent"))
    full, without = figures["variants"]
    assert [entry["student"] for entry in (full, without)] == ["student", "student"]
    assert full["seeds"] == without["seeds"] == 2 and "vs_full" in without
    assert "the 2 seeds that each was trained with" in ablation_table(figures)
    folders = [Path(full["run"]) / name for name in ("student-seed0", "student-seed1")]
    weights = [(folder / "model" / "model.safetensors").read_bytes() for folder in folders]
    assert weights[0] != weights[1]
    assert read_manifest(folders[0]).config["seed_of"] == "student"
