"""What later stages cannot do is known before the first one runs."""

import json

import pytest

from synthgen.core.errors import ConfigError
from synthgen.operations.validate.checks import findings
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from tests.training import templates_bench as bench

STAGES = """
name: p
teacher: {provider: builtin}
stages:
  - load: {sources: [rows.jsonl]}
  - generate: {task: respond, prompt: question.yaml}
"""


def test_a_student_that_cannot_be_asked_as_evaluate_asks_stops_the_run_at_its_start(in_tmp):
    bench.model_for(bench.STRICT, in_tmp / "m")
    (in_tmp / "rows.jsonl").write_text('{"instruction": "Hm?", "output": "Oak."}\n')
    (in_tmp / "p.yaml").write_text(
        "version: 1\nname: p\nstages:\n  - load: {sources: [rows.jsonl]}\n"
        "  - load: {id: test, sources: [rows.jsonl]}\n"
        "  - sft: {id: student, input: load, student: {model: m}}\n"
        "  - evaluate: {input: test, models: [students], system: Be brief.}\n"
    )
    pipeline = load_pipeline(in_tmp / "p.yaml")
    says = "student: the student's chat template refuses `system` (template): No system turns, please"
    with pytest.raises(ConfigError) as caught:
        run_pipeline(pipeline, RunOptions())
    assert says in str(caught.value)
    assert not (in_tmp / "data" / "runs" / "p" / "load").exists()
    errors = [item.fault.what for item in findings(pipeline, offline=True) if item.level == "error"]
    assert errors == [says]
    run_pipeline(pipeline, RunOptions(until="test"))


@pytest.fixture
def pipeline_with(in_tmp):
    (in_tmp / "rows.jsonl").write_text(json.dumps({"id": "1", "instruction": "Why?"}) + "\n")
    (in_tmp / "question.yaml").write_text("purpose: p\nsource: here\nuser: |\n  {{ question }}\n")

    def made(stage):
        (in_tmp / "p.yaml").write_text(f"{STAGES}  - {stage}\n")
        return load_pipeline(in_tmp / "p.yaml")

    return made


@pytest.mark.parametrize(
    ("stage", "says"),
    [
        ("sft: {student: {model: data/models/not-here}}", "sft: the student's folder does not exist"),
        ("sft: {student: {init: {}}, trainer: {learnin_rate: 1}}", "sft: trainer: unknown option"),
        ("load: {id: other, sources: [not-here.jsonl]}", "other: "),
    ],
)
def test_what_a_later_stage_lacks_is_told_before_anything_is_asked(stage, says, pipeline_with, in_tmp):
    with pytest.raises(ConfigError) as told:
        run_pipeline(pipeline_with(stage), RunOptions())
    assert [fault.what for fault in told.value.faults if fault.what.startswith(says)], told.value.faults
    assert not (in_tmp / "data/runs/p/load").exists() and not list((in_tmp / "data").rglob("*.sqlite*"))


def test_stages_that_are_not_to_come_are_not_looked_at(pipeline_with, in_tmp):
    run_pipeline(pipeline_with("sft: {student: {model: not/here/at/all}}"), RunOptions(until="load"))
    assert (in_tmp / "data/runs/p/load/rows.jsonl").exists()


@pytest.mark.parametrize("stage_id", ["student", "sft"])
def test_a_teacher_that_is_not_trained_cannot_be_asked(in_tmp, stage_id):
    bench.model_for(bench.STRICT, in_tmp / "m")
    (in_tmp / "rows.jsonl").write_text('{"instruction": "Hm?", "output": "Oak."}\n')
    given = f"id: {stage_id}, " if stage_id != "sft" else ""
    (in_tmp / "p.yaml").write_text(
        "version: 1\nname: p\nstages:\n  - load: {sources: [rows.jsonl]}\n"
        "  - load: {id: test, sources: [rows.jsonl]}\n"
        f"  - sft: {{{given}input: load, student: {{model: m}}}}\n"
        f"  - evaluate: {{input: test, models: [students, {stage_id}.teacher]}}\n"
    )
    pipeline = load_pipeline(in_tmp / "p.yaml")
    with pytest.raises(ConfigError) as caught:
        run_pipeline(pipeline, RunOptions())
    assert f"models names {stage_id}.teacher, but {stage_id} trains no teacher" in str(caught.value)
