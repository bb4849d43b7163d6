"""Rehearsals of small real students: what they tell, what breaks in them, and that they leave nothing."""

import json
import os
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

import synthgen
from synthgen.cli import app
from synthgen.core.errors import ConfigError, StageFailed
from synthgen.core.progress import Reporter
from synthgen.operations.rehearse.figures import fault_of
from synthgen.operations.rehearse.leftovers import sweep
from synthgen.operations.rehearse.rehearse import rehearse
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from tests.training.families import TEMPLATE, family

HEAD = """
version: 1
name: p
teacher: {{provider: vllm, model: m, base_url: "http://127.0.0.1:{port}/v1"}}
stages:
  - load: {{sources: not_there.jsonl}}
  - split: {{test: 5, validation: 5}}
  - generate: {{task: rationale}}
"""
GOOD = """
  - sft:
      id: student
      student: &tiny {init: {hidden_size: 16, layers: 1, heads: 2, vocab_size: 400, positions: 512}}
      completion: rationale_then_answer
      max_length: 96
      batch_size: 4
      gradient_accumulation: 2
      threads: 1
      publish: best
      seeds: [0, 1]
  - prefer:
      {id: better, student: {from: student-seed1}, max_length: 64, batch_size: 2, threads: 1, method: lora}
  - evaluate:
      models: [base, students, teacher]
      metrics: [exact_match, judge]
      system: Be short.
      max_new_tokens: 8
"""


class Heard(Reporter):
    def __init__(self):
        super().__init__("silent")
        self.lines = []

    def say(self, text):
        self.lines.append(text)


@pytest.fixture
def teacher():
    """A port that takes connections, and says whether one came."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def written(stages, port=9, head=HEAD):
    Path("p.yaml").write_text(head.format(port=port) + stages)
    return load_pipeline(Path("p.yaml"), (), {})


def files():
    return sorted(path.as_posix() for path in Path().rglob("*"))


def test_students_are_trained_saved_and_asked_without_a_teacher_or_a_trace(in_tmp, teacher):
    pipeline = written(GOOD, teacher.getsockname()[1])
    (in_tmp / "data" / "runs" / "p").mkdir(parents=True)
    before, heard = files(), Heard()
    student, better = rehearse(pipeline, RunOptions(), heard)
    assert files() == before, "something was left behind"
    with pytest.raises(BlockingIOError):
        teacher.accept()  # nobody came

    assert student.stages == ("student-seed0", "student-seed1") and fault_of([student, better]) is None
    trained = student.training
    assert trained.base.startswith("Llama from scratch") and trained.parameters == trained.trained_parameters
    assert (trained.batch_rows, trained.batches, trained.longest) == (4, 2, 96)
    assert trained.tokens == 8 * 96, "a step is two batches of four rows"
    assert trained.step_seconds > 0 and trained.seconds > trained.step_seconds
    assert trained.memory_bytes > 1e8 and trained.model_bytes > 4 * trained.parameters
    assert trained.checkpoint_bytes > 3 * 4 * trained.parameters, "it holds what the optimizer keeps, too"
    (asked,) = student.askings
    assert (asked.stage, asked.models, asked.questions) == ("evaluate", ("base", "student-seed0"), 2)
    assert 0 < asked.tokens <= 2 * 2 * 8

    assert better.training.method == "lora" and better.training.trained_parameters > 0
    assert better.askings[0].models == ("base", "better")
    first, second = student.lines()[0], student.lines()[1]
    assert first.startswith("student-seed0, student-seed1: Llama from scratch") and first.endswith(", full")
    assert second.startswith("  a step of 2 batches of 4 rows (768 tokens, longest 96): ")
    assert any("preflight: 16 rows" in line for line in heard.lines), "the stage's own lines are shown"


BROKEN = """
  - sft: {{id: refuses, student: {{model: refuses}}, max_length: 64, batch_size: 2}}
  - sft: {{id: torn, student: {{model: torn}}, max_length: 64, batch_size: 2}}
  - sft: {{id: targets, student: {{model: good}}, method: lora, lora: {{targets: [c_attn]}}, max_length: 64}}
  - sft: {{id: further, student: {{from: torn}}, max_length: 64}}
  - sft: {{id: short, student: {{model: good}}, max_length: 64, batch_size: 2, threads: 1}}
  - evaluate: {{models: [short], max_new_tokens: 250}}
"""


def test_what_breaks_is_told_of_each_student_with_its_stage(in_tmp):
    good = family("llama", in_tmp / "good")
    for name in ("refuses", "torn"):
        (in_tmp / name).mkdir()
        for file in good.iterdir():
            (in_tmp / name / file.name).write_bytes(file.read_bytes())
    (in_tmp / "refuses" / "chat_template.jinja").write_text(
        "{% if '11 and 12' in messages[0].content %}{{ raise_exception('No sums, please') }}{% endif %}"
        + TEMPLATE
    )
    weights = in_tmp / "torn" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    pipeline = written(BROKEN.format(), port=9)
    before = files()
    found = {one.stages[0]: one for one in rehearse(pipeline, RunOptions(), Heard())}
    assert files() == before
    told = {name: str(one.fault) for name, one in found.items()}
    assert told["refuses"].startswith("refuses: ") and "No sums, please" in told["refuses"]
    assert told["torn"].startswith("torn: SafetensorError: ") and "a run would break" in told["torn"]
    assert "targets: lora: {targets: …}: the student has no module 'c_attn'" in told["targets"]
    assert "it has" in told["targets"], "what next"
    assert told["further"] == ("further: not rehearsed, since it needs torn, which broke\n  mend torn first")
    assert "short, asked by evaluate: short has no room for a question beside 250 new tokens" in told["short"]
    assert found["short"].training is not None and found["torn"].training is None
    fault = fault_of(list(found.values()))
    assert isinstance(fault, StageFailed) and fault.exit_code == 1 and len(fault.faults) == 5
    assert found["short"].lines()[-1].startswith("  broke: short, asked by evaluate: short has no room")


def run(*words):
    done = CliRunner().invoke(app, [*words])
    return done, done.stdout


def test_the_commands_rehearse_and_end_with_the_exit_code_of_what_broke(in_tmp):
    family("llama", in_tmp / "good")
    no_teacher = "version: 1\nname: p\nstages:\n  - load: {{sources: not_there.jsonl}}\n"
    stages = """
  - sft: {id: one, student: {model: good}, max_length: 64, batch_size: 2, threads: 1}
  - sft: {id: two, student: {model: good}, method: lora, lora: {targets: [c_attn]}, max_length: 64}
"""
    written(stages, head=no_teacher)
    done, out = run("sft", "p.yaml", "--rehearse", "--id", "one", "--json")
    (told,) = json.loads(out)
    assert done.exit_code == 0 and told["stages"] == ["one"] and told["faults"] == []
    assert told["evaluations"][0]["models"] == ["one"], "a student that no evaluate reads is asked, too"
    done, out = run("run", "p.yaml", "--rehearse", "--only", "two")
    assert isinstance(done.exception, ConfigError) and done.exception.exit_code == 2
    assert out.startswith("two:\n  broke: two: lora: {targets: …}: the student has no module 'c_attn'")
    assert not (in_tmp / "data").exists()
    assert run("run", "p.yaml", "--rehearse", "--dry-run")[0].exit_code == 2
    assert "--rehearse" in run("sft", "--help")[1] and "--rehearse" not in run("evaluate", "--help")[1]
    with pytest.raises(ConfigError, match="no student to rehearse"):
        synthgen.rehearse("p.yaml", only=["load"])


def test_a_signal_ends_a_rehearsal_and_removes_its_files(in_tmp, monkeypatch):
    pipeline = written(GOOD)
    before = files()

    class Interrupting(Heard):
        def say(self, text):
            os.kill(os.getpid(), 15)

    with pytest.raises(BaseException, match="interrupted"):
        rehearse(pipeline, RunOptions(), Interrupting())
    assert files() == before


def test_what_a_killed_rehearsal_left_is_removed_by_the_next_one(in_tmp):
    ours, ended = f".rehearsal-{socket.gethostname()}-", 2**22 + 1  # no process has such a number
    left, running, elsewhere = (
        Path(name) for name in (f"{ours}{ended}-a", f"{ours}{os.getpid()}-b", f".rehearsal-x-{ended}-c")
    )
    for folder in (left, running, elsewhere):
        folder.mkdir()
    sweep(Path())
    assert not left.exists() and running.exists() and elsewhere.exists()


def test_a_student_from_scratch_beside_a_teacher_from_scratch_is_not_tried_which_is_said(in_tmp):
    tiny = "{init: {hidden_size: 16, layers: 1, heads: 2, vocab_size: 400}}"
    rest = "input: split.train, max_length: 64, batch_size: 2, threads: 1"
    pipeline = written(
        f"""
  - sft: {{id: big, student: {tiny}, {rest}}}
  - distill: {{id: small, student: {tiny}, teacher: {{from: big}}, {rest}}}
  - sft: {{id: further, student: {{from: small}}, {rest}}}
"""
    )
    big, small, further = rehearse(pipeline, RunOptions(), Reporter("silent"))
    assert big.training is not None and not big.untried
    assert small.lines() == [
        "small:",
        "  not rehearsed: it is made of rows that are not there yet, so made-up ones would say nothing",
    ]
    assert further.untried == "it needs small, which is not rehearsed either"
    assert fault_of([big, small, further]) is None


def test_a_student_with_its_teachers_tokenizer_is_rehearsed_beside_a_teacher_from_scratch(in_tmp):
    tiny = "{init: {hidden_size: 16, layers: 1, heads: 2, vocab_size: 400}}"
    taken = "{init: {hidden_size: 16, layers: 1, heads: 2, tokenizer_of: big}}"
    rest = "input: split.train, max_length: 64, batch_size: 2, threads: 1"
    pipeline = written(
        f"""
  - sft: {{id: big, student: {tiny}, {rest}}}
  - distill: {{id: small, student: {taken}, teacher: {{from: big}}, {rest}}}
"""
    )
    heard = Heard()
    big, small = rehearse(pipeline, RunOptions(), heard)
    assert fault_of([big, small]) is None and not small.untried
    assert small.training is not None and small.training.parameters == big.training.parameters
    assert small.training.longest == 64
