"""What several runs would train and ask for: what is linked is not counted, and shares count once."""

import random
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from synthgen.builtin_teacher.arithmetic import make_problem
from synthgen.cli import app
from synthgen.core.progress import Reporter
from synthgen.operations.ahead import Ahead, Piece, pieces_of
from synthgen.operations.curve import curve_ahead
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline

PIPELINE = """
name: NAME
teacher: {provider: builtin, sampling: {max_tokens: 200}}
teachers: {judge: {provider: builtin, sampling: {max_tokens: 20}}}
stages:
  - load: {sources: [{path: rows.jsonl}]}
  - split: {test: 10, validation: 0.1}
  - generate: {id: answers, task: rationale}
  - sft:
      id: student
      student: {init: {hidden_size: 32, layers: 1, heads: 2, vocab_size: 300}}
      completion: rationale_then_answer
  - evaluate: {models: [base, students, teacher], metrics: [exact_match, judge: {teacher: judge}]}
"""


@pytest.fixture
def small(in_tmp):
    draw = random.Random(0)
    made = {one.question: one.reference for one in (make_problem(draw) for _ in range(80))}
    rows = [{"instruction": text, "reference": answer} for text, answer in list(made.items())[:40]]
    Path("rows.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return write("small")


def write(name, text=PIPELINE):
    Path(f"{name}.yaml").write_text(text.replace("NAME", name))
    return load_pipeline(Path(f"{name}.yaml"))


def plain(pieces):
    return [(piece.does, piece.stage, piece.rows, piece.calls) for piece in pieces]


def test_rows_are_counted_through_files_and_splits(small):
    assert plain(pieces_of(small, RunOptions())) == [
        ("asks", "answers", 26, 26),
        ("trains", "student", 26, None),
        ("asks", "evaluate", 10, 10 + 3 * 10),
    ]
    assert not Path("data").exists()


def test_what_another_run_has_made_is_not_counted(small):
    run_pipeline(small, RunOptions(until="answers"), Reporter("silent"))
    assert plain(pieces_of(small, RunOptions()))[0] == ("trains", "student", 26, None)
    other = write("other")
    assert plain(pieces_of(other, RunOptions()))[0] == ("trains", "student", 26, None), "it would be linked"
    assert not Path("data/runs/other").exists()
    changed = write("other", PIPELINE.replace("task: rationale", "task: rationale, samples: 2"))
    assert plain(pieces_of(changed, RunOptions()))[0] == ("asks", "answers", 26, 26)
    Path("data/runs/small/answers/rows.jsonl").unlink()
    assert plain(pieces_of(write("other"), RunOptions()))[0][:2] == ("trains", "student"), "the ledger has it"
    empty = RunOptions(ledger=Path("elsewhere"))
    assert plain(pieces_of(write("other"), empty))[0] == ("asks", "answers", 26, 26), "it is not intact"


def test_a_curve_asks_the_teacher_once(small):
    found = curve_ahead(small, RunOptions(), shares=[50])
    assert [(piece.run, *one) for piece, one in zip(found.pieces, plain(found.pieces), strict=True)] == [
        ("small.curve", "asks", "answers", 26, 26),
        ("small.curve", "trains", "student", 26, None),
        ("small.curve", "trains", "student-answers", 26, None),
        ("small.curve", "asks", "evaluate", 10, 10 + 3 * 10),
        ("small.curve-50", "trains", "student", 13, None),
        ("small.curve-50", "trains", "student-answers", 13, None),
        ("small.curve-50", "asks", "evaluate", 10, 3 * 10),
    ]
    done = CliRunner().invoke(app, ["curve", "small.yaml", "--shares", "50", "--dry-run"])
    assert "in all 4 trainings, about 96 new calls, free of charge" in done.stdout, done.output
    assert not Path("data").exists()


def test_caps_are_told():
    piece = Piece("a", "s", "asks", 5, 5, 0.5)
    assert "nothing caps what they cost" in Ahead([piece]).text()
    assert "they cost at most $3.00, the pipeline's budget" in Ahead([piece], budget=3.0).text()
    both = Ahead([piece], capped=1.0, budget=3.0).text()
    assert "new rows cost at most $1.00" in both and "all else costs at most $3.00" in both
    assert "about 5 new calls, about $0.50" in both
