"""The gate: what it says of made scores, and what it asks whom."""

import json
import re
import sys
from pathlib import Path

import pytest

from synthgen.cli import main
from synthgen.core.errors import ConfigError
from synthgen.core.progress import Reporter
from synthgen.evaluation.verdict import Terms
from synthgen.operations.gate import gate_pipeline, judge
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from tests.evaluation.test_verdict import model
from tests.evaluation.tiny_models import tiny_model
from tests.stages.chat_server import ChatServer

TERMS = Terms("exact_match", True, 0.03, 0.95, 0.5)
QUIET = Reporter("silent")


def scores(right, rows=100):
    return [1.0] * right + [0.0] * (rows - right)


@pytest.mark.parametrize(
    ("teacher", "base", "shown", "word", "reason"),
    [
        (90, 10, 40, "PROCEED", "the teacher has 90.0%"),
        (90, None, None, "PROCEED", "the teacher has 90.0%"),
        (20, 10, 10, "RETHINK", "below the wanted 50.0%"),
        (90, 10, 90, "RETHINK", "+0.0 points above the base with 3 examples: there is little to learn"),
        (60, 70, 10, "RETHINK", "-10.0 points above the base: there is little to learn"),
        (55, 10, 10, "ITERATE", "on both sides of the wanted 50.0%"),
        (90, 86, 10, "ITERATE", "may be chance: more rows"),
    ],
)
def test_what_it_says(teacher, base, shown, word, reason):
    asked = [("base", base), ("base with 3 examples", shown)]
    bases = [model(name, "base", scores(right)) for name, right in asked if right is not None]
    gate = judge(model("teacher", "teacher", scores(teacher)), bases, TERMS)
    assert gate.word == word and reason in "; ".join(gate.reasons)
    assert gate.lines()[-1].startswith(f"{word}: ") and gate.plain()["rows"] == 100


def test_a_teacher_that_cannot_be_read_is_asked_better_first():
    gate = judge(model("teacher", "teacher", scores(30), parsed=None), [], TERMS)
    assert gate.word == "ITERATE" and "no answer could be read in 100 of" in gate.reasons[0]


def sums(text, _):
    one, other = map(int, re.findall(r"\d+", text)[-2:])
    return f"So it is. The answer is {one + other}."


def pipeline(url, student, evaluate="models: [base, students, teacher], max_new_tokens: 24", rows=40):
    questions = [
        {"instruction": f"What is {n} and {n + 1}?", "output": "x", "reference": str(2 * n + 1)}
        for n in range(rows)
    ]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))
    Path("gated.yaml").write_text(
        f'name: gated\nteacher: {{provider: openai, model: m-1, base_url: "{url}"}}\nstages:\n'
        "  - load: {sources: [rows.jsonl]}\n  - split: {test: 0.75}\n  - generate: {task: rationale}\n"
        f"  - sft: {{student: {student}}}\n  - evaluate: {{{evaluate}}}\n"
    )
    return load_pipeline(Path("gated.yaml"))


def test_the_teacher_is_asked_what_evaluate_will_ask_and_paid_once(in_tmp):
    with ChatServer(sums, slowest=0.0) as teacher:
        made = pipeline(teacher.url, "{init: {hidden_size: 16, layers: 1, heads: 2}}")
        gate = gate_pipeline(made, 20, None, QUIET)
        assert (gate.word, gate.rows, gate.levels["teacher"].value) == ("PROCEED", 20, 1.0)
        assert teacher.requests == 29  # twenty, and nine to take examples from
        assert "no base was asked" in gate.notes[-1]
        again = gate_pipeline(made, 20, None, QUIET)
        assert again.plain() == gate.plain() and teacher.requests == 29
        run_pipeline(made, RunOptions(until="generate"), QUIET)
        assert teacher.requests == 39
        text = Path("gated.yaml").read_text().replace("base, students, teacher", "teacher")
        Path("gated.yaml").write_text("".join(line for line in text.splitlines(True) if "sft" not in line))
        run_pipeline(load_pipeline(Path("gated.yaml")), RunOptions(), QUIET)
        assert teacher.requests == 40, "of thirty test questions one was left to be asked"


@pytest.mark.slow
def test_a_base_that_knows_the_answers_is_told(in_tmp):
    taught = {f"What is {n} and {n + 1}?": f"The answer is {2 * n + 1}." for n in range(19)}
    tiny_model(in_tmp / "base", taught, positions=512, steps=150)
    with ChatServer(sums, slowest=0.0) as teacher:
        evaluate = "models: [base, students, teacher], max_new_tokens: 12, threads: 1"
        made = pipeline(teacher.url, "{model: base}", evaluate, rows=19)
        gate = gate_pipeline(made, 10, None, QUIET)
    assert gate.word == "RETHINK" and "+0.0 points above the base" in gate.reasons[0]
    assert gate.levels["base"].value == 1.0
    assert list(gate.levels) == ["teacher", "base", "base with 3 examples"]


def test_a_base_that_cannot_be_asked_is_a_note(in_tmp):
    tiny_model(in_tmp / "base", template=None)
    with ChatServer(sums, slowest=0.0) as teacher:
        gate = gate_pipeline(pipeline(teacher.url, "{model: base}"), 20, None, QUIET)
    assert gate.word == "PROCEED" and "no chat template" in gate.notes[-1]


def test_what_cannot_be_gated_is_said(in_tmp):
    url, student = "http://127.0.0.1:9/v1", "{init: {hidden_size: 16, layers: 1, heads: 2}}"
    with pytest.raises(ConfigError, match="no evaluate stage that asks the teacher"):
        gate_pipeline(pipeline(url, student, "models: [base, students]"), 20, None, QUIET)
    with ChatServer(sums, slowest=0.0) as teacher:
        made = pipeline(teacher.url, student, "models: [students, teacher], reference: gold")
        with pytest.raises(ConfigError, match="no test row has a gold"):
            gate_pipeline(made, 20, None, QUIET)


def test_the_command(in_tmp, monkeypatch, capsys):
    with ChatServer(lambda text, draw: "The answer is 0.", slowest=0.0) as teacher:
        pipeline(teacher.url, "{init: {hidden_size: 16, layers: 1, heads: 2}}")
        for words in (["gate", "gated.yaml", "-n", "20", "--require"], ["run", "gated.yaml", "--gate", "20"]):
            monkeypatch.setattr(sys, "argv", ["synthgen", *words])
            with pytest.raises(SystemExit) as end:
                main()
            said = capsys.readouterr()
            assert end.value.code == 1 and "RETHINK: the teacher has 0.0%" in said.out + said.err
            assert "error: the gate says RETHINK" in said.err
        assert teacher.requests == 29 and not Path("data/runs/gated").exists()
