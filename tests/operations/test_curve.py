"""Learning curves: nested shares, twins without rationales, nothing made twice."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from synthgen.cli import app
from synthgen.core.errors import ConfigError
from synthgen.core.progress import Reporter
from synthgen.evaluation.intervals import paired_difference
from synthgen.operations.curve import NAME, CurvePlan, curve
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.reports.curve import curve_table
from synthgen.reports.report.page import html_report
from synthgen.store.jsonl import read_rows
from synthgen.store.manifest import read_manifest

PIPELINE = """
name: small
stages:
  - load: {sources: [{path: rows.jsonl}]}
  - split: {test: 12}
  - dedup: {methods: [exact: {field: question}]}
  - sft: &how
      id: student
      student: {init: {hidden_size: 32, layers: 1, heads: 2, vocab_size: 300}}
      completion: rationale_then_answer
      epochs: 1
      batch_size: 8
      max_length: 128
      threads: 1
  - evaluate: {models: [base, students], max_new_tokens: 6, threads: 1}
"""


@pytest.fixture
def small(in_tmp):
    rows = [
        {
            "instruction": f"What is {n % 9} and {n // 9}?",
            "rationale": f"{n % 9} + {n // 9} = {n % 9 + n // 9}.",
            "final_answer": str(n % 9 + n // 9),
            "reference": str(n % 9 + n // 9),
        }
        for n in range(60)
    ]
    Path("rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return write(PIPELINE)


def write(text):
    Path("small.yaml").write_text(text)
    return load_pipeline(Path("small.yaml"))


def specs(pipeline):
    return {spec.id: spec for spec in pipeline.stages}


def test_each_share_is_a_pipeline_of_its_own(small):
    plan = CurvePlan(small, [25, 12.5])
    assert plan.shares == [12.5, 25, 100], "all rows are always one"
    part, whole = specs(plan.at(12.5)), specs(plan.at(100))
    assert plan.at(12.5).name == "small.curve-12.5" and plan.at(100).name == "small.curve"
    assert part["student-share"].config.sample.size == 0.125
    assert part["student-share"].reads["rows"] == ("dedup",)
    assert part["student"].reads["rows"] == part["student-answers"].reads["rows"] == ("student-share",)
    assert "student-share" not in whole and whole["student"].reads["rows"] == ("dedup",)
    assert part["evaluate"].config.models == ("student", "student-answers"), "without the base"


def test_the_twin_is_the_same_student_on_answers_alone(small):
    made = specs(CurvePlan(small, [50]).at(50))
    same = {"id": None, "completion": "output"}
    assert made["student-answers"].config.completion == "answer_only"
    assert made["student-answers"].config.model_copy(update=same) == made["student"].config.model_copy(
        update=same
    )
    assert "student-answers" not in specs(CurvePlan(small, [50], bare=False).at(50))


def test_a_pipeline_that_has_such_a_student_gets_no_other(small):
    twin = "  - sft: {<<: *how, id: bare, completion: answer_only}\n  - evaluate"
    plan = CurvePlan(write(PIPELINE.replace("  - evaluate", twin)), [50])
    assert set(plan.curves) == {"student", "bare"} and plan.bare == {"student": "bare"}
    alone = CurvePlan(write(PIPELINE.replace("  - evaluate", twin)), [50], student="student")
    assert alone.bare == {"student": "student-answers"}, "the other one is not measured"
    other = twin.replace("answer_only}", "answer_only, epochs: 2}")
    plan = CurvePlan(write(PIPELINE.replace("  - evaluate", other)), [50])
    assert set(plan.curves) == {"student", "bare", "student-answers"}
    assert plan.bare == {"student": "student-answers"}


def test_a_student_without_rationales_has_no_twin(small):
    plan = CurvePlan(write(PIPELINE.replace("rationale_then_answer", "answer_only")), [50])
    assert plan.curves == {"student": "student"} and not plan.bare


def test_seeds_are_one_curve(small):
    plan = CurvePlan(write(PIPELINE.replace("      epochs: 1", "      epochs: 1\n      seeds: [0, 1]")), [50])
    assert plan.curves == {
        "student-seed0": "student",
        "student-seed0-answers": "student-answers",
        "student-seed1": "student",
        "student-seed1-answers": "student-answers",
    }
    made = specs(plan.at(50))
    assert made["student-seed1"].reads["rows"] == ("student-seed1-share",)
    assert made["student-seed1-answers"].config.seed == 1


@pytest.mark.parametrize("shares", [[], [0], [-5], [120], [float("nan")]])
def test_shares_that_are_none_are_refused(small, shares):
    with pytest.raises(ConfigError, match="percentages above 0"):
        CurvePlan(small, shares)


def test_what_has_no_curve_is_told(small):
    with pytest.raises(ConfigError, match="evaluate stage"):
        CurvePlan(write(PIPELINE[: PIPELINE.index("  - evaluate")]), [50])
    weighed = PIPELINE.replace("      epochs: 1", "      epochs: 1\n      input: [dedup]\n      weights: [2]")
    with pytest.raises(ConfigError, match="weighs its inputs"):
        CurvePlan(write(weighed), [50])
    done = CliRunner().invoke(app, ["curve", "small.yaml", "--shares", "a,b"])
    assert isinstance(done.exception, ConfigError) and "25,50,100" in str(done.exception)


@pytest.mark.slow
def test_a_curve_from_end_to_end(small):
    options = RunOptions()
    found = curve(small, options, shares=[25, 50], reporter=Reporter("silent"))
    assert [(point["curve"], point["share"], point["rows"]) for point in found["points"]] == [
        (name, share, rows)
        for share, rows in ((25, 12), (50, 24), (100, 48))
        for name in ("student", "student-answers")
    ]
    assert found["test_rows"] == 12 and found["teacher"] is None

    def drawn(share):
        return {
            row["id"]
            for row in read_rows(options.runs / f"small.curve-{share}" / "student-share" / "rows.jsonl")
        }

    assert drawn(25) < drawn(50), "a larger share holds the rows of a smaller one"
    assert read_manifest(options.runs / "small.curve-25" / "dedup").linked_from == "small.curve"

    def scores(run, name):
        lines = read_rows(options.runs / run / "evaluate" / "answers.jsonl")
        return [row["answers"][name]["scores"]["exact_match"] for row in lines]

    half = next(point for point in found["points"] if point["share"] == 50)
    pair = scores("small.curve-50", "student"), scores("small.curve-50", "student-answers")
    assert half["vs_answers"] == paired_difference(*pair).figures()
    assert half["value"] == pytest.approx(sum(pair[0]) / 12)

    folder = options.runs / "small.curve"
    finished = read_manifest(folder / "student").finished_at
    assert curve(small, options, shares=[25, 50], reporter=Reporter("silent")) == found
    assert read_manifest(folder / "student").finished_at == finished
    assert orjson.loads((folder / NAME).read_bytes()) == found
    assert "student-answers" in curve_table(found) and "<svg" in html_report(folder)
