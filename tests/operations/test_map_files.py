"""`synthgen map` on files, in a pipeline and from Python."""

import json

import pytest
from typer.testing import CliRunner

import synthgen
from synthgen.cli import app
from synthgen.core.errors import ConfigError, EmptyResult
from synthgen.store.jsonl import read_rows
from synthgen.store.manifest import read_manifest

WORK = "{% if work is defined %}{{ work }}\nThe answer is {{ result }}.{% else %}{{ output }}{% endif %}"
MAPPED = ("--columns", "instruction=prompt")
GSM = [
    {"question": "3 pens and 4 pens?", "answer": "3+4 = <<3+4=7>>7 pens.\n#### 7"},
    {"question": "Half of 48?", "answer": "48/2 = <<48/2=24>>24.\n#### 24"},
    {"question": "How many?", "answer": "Nobody knows how many, or so it seems."},
]
OTHER = [{"prompt": "2 plus 2?", "work": "Two and two.", "result": 4}]


@pytest.fixture
def files(in_tmp):
    (in_tmp / "gsm.jsonl").write_text("".join(json.dumps(row) + "\n" for row in GSM))
    (in_tmp / "other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in OTHER))
    return in_tmp


def command(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_worked_solutions_of_a_file(files):
    done = command(
        "map", "gsm.jsonl", "--columns", "instruction=question,output=answer", "--solution", "output",
        "--field", "reference={{ final_answer }}", "-o", "worked",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    rows = list(read_rows(files / "worked/rows.jsonl"))
    assert [(row["rationale"], row["final_answer"], row["reference"]) for row in rows] == [
        ("3+4 = 7 pens.", "7", "7"),
        ("48/2 = 24.", "24", "24"),
    ]
    assert read_manifest(files / "worked").counts == {
        "in": 3, "kept": 2, "rejected": {"no_answer": 1}, "failed": {},
    }  # fmt: skip
    assert "no_answer" in done.stdout and "Nobody knows how" in done.stdout


def test_files_with_other_columns_become_one(files):
    done = command(
        "map", "gsm.jsonl", "other.jsonl", "-o", "one",
        "--columns", "gsm.jsonl:instruction=question,output=answer",
        "--columns", "other.jsonl:instruction=prompt",
        "--field", f"output={WORK}",
        "--set", "map.drop=[work, result]",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    rows = list(read_rows(files / "one/rows.jsonl"))
    assert [set(row) for row in rows] == [{"id", "instruction", "output", "meta"}] * 4
    assert rows[3]["output"] == "Two and two.\nThe answer is 4."


def test_a_pipeline_maps_and_ids_stay(files):
    (files / "p.yaml").write_text(
        "stages:\n  - load: {sources: [{path: gsm.jsonl, "
        "columns: {instruction: question, output: answer}}]}\n"
        "  - map: {solution: output}\n"
    )
    done = command("run", "p.yaml")
    assert done.exit_code == 0, done.output
    ids = [row["id"] for row in read_rows(files / "data/runs/p/load/rows.jsonl")]
    assert [row["id"] for row in read_rows(files / "data/runs/p/map/rows.jsonl")] == ids[:2]
    done = command("map", "p.yaml", "--force", "map")
    assert done.exit_code == 0 and "2 made" in done.output


def test_python_maps_rows_in_memory():
    result = synthgen.map(GSM, columns={"instruction": "question", "output": "answer"}, solution="output")
    assert [row["final_answer"] for row in result.rows()] == ["7", "24"]
    assert next(result.rejected())["rejection"]["rule"] == "no_answer"


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (["gsm.jsonl", "-o", "x"], ConfigError, "what is to be made"),
        (["gsm.jsonl", "--solution", "output"], ConfigError, "where to?"),
        (["other.jsonl", "-o", "x", *MAPPED, "--field", "a"], ConfigError, "name=template"),
        (["other.jsonl", "-o", "x", *MAPPED, "--field", "a={{"], ConfigError, "--field"),
        (["other.jsonl", "-o", "x", *MAPPED, "--function", "no:no"], ConfigError, "cannot load"),
        (["other.jsonl", "-o", "x", *MAPPED, "--solution", "output"], EmptyResult, "no_answer"),
        (["other.jsonl", "-o", "x", "--drop", "a", "--id", "a"], ConfigError, "are for a pipeline"),
        (["p.yaml", "--solution", "output"], ConfigError, "are for files"),
    ],
)  # fmt: skip
def test_mistakes_are_told(files, words, kind, said):
    done = command("map", *words)
    assert isinstance(done.exception, kind) and said in str(done.exception)
    assert not (files / "x").exists()
