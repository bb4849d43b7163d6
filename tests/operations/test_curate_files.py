"""Curation of files without a pipeline: one folder and one account, from the files' lines to kept rows."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from synthgen import decontaminate
from synthgen.cli import app
from synthgen.core.errors import ConfigError, EmptyResult, SynthgenError
from synthgen.operations.curate_files import curate
from synthgen.store.jsonl import read_rows
from synthgen.store.manifest import read_manifest

FRANCE = {"instruction": "What is the capital of France?", "output": "Paris"}
APPLES = {
    "instruction": (
        "How many apples does Tom have if he buys three bags of four apples each and eats two of them?"
    ),
    "output": "10",
}


@pytest.fixture
def files(in_tmp):
    (in_tmp / "rows.jsonl").write_bytes(orjson.dumps(FRANCE) + b"\n" + orjson.dumps(APPLES) + b"\n{torn\n")
    (in_tmp / "test.jsonl").write_text('{"q": "what is the capital of  france"}\n')
    return in_tmp


def command(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def instructions(folder):
    return [orjson.loads(line)["instruction"] for line in (folder / "rows.jsonl").read_bytes().splitlines()]


def test_decontaminate_files_accounts_for_every_line(files):
    done = command("decontaminate", "rows.jsonl", "-o", "clean", "--against", "test.jsonl:field=q", "--json")
    assert done.exit_code == 0, done.output
    counts = orjson.loads(done.stdout)["counts"]
    assert (
        counts["in"] == 3
        and counts["kept"] == 1
        and counts["rejected"]["whole"] == 1
        and sum(counts["rejected"].values()) == 2
    )
    assert instructions(files / "clean") == [APPLES["instruction"]]
    manifest = read_manifest(files / "clean")
    assert {name: record.rows for name, record in manifest.outputs.items()} == {
        "rows.jsonl": 1,
        "rejected.jsonl": 2,
        "report.jsonl": 3,
    }


def test_other_options_of_the_stage_can_be_set(files):
    done = command(
        "decontaminate",
        "rows.jsonl",
        "-o",
        "clean",
        "--against",
        "test.jsonl:field=q",
        "--set",
        "decontaminate.action=report",
    )
    assert done.exit_code == 0 and len(instructions(files / "clean")) == 2
    done = command("dedup", "rows.jsonl", "-o", "other", "--set", "dedup.acros_samples=true")
    assert (
        isinstance(done.exception, ConfigError)
        and "--set dedup.acros_samples=true" in str(done.exception)
        and "'across_samples'" in str(done.exception)
    )


def test_python_takes_the_field_beside_the_path(files):
    assert (
        decontaminate("rows.jsonl", out="clean", against=[{"path": "test.jsonl", "field": "q"}]).counts[
            "kept"
        ]
        == 1
    )
    with pytest.raises(EmptyResult):
        (files / "one.jsonl").write_bytes(orjson.dumps(FRANCE) + b"\n")
        decontaminate("one.jsonl", out="none", against=[{"path": "test.jsonl", "field": "q"}])
    assert not (files / "none").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rows.jsonl", "-o", "clean"], "decontaminate needs --against"),
        (["rows.jsonl", "-o", "clean", "--against", "tset.jsonl"], "no such evaluation file"),
        (["rows.jsonl", "-o", "clean", "--against", "test.jsonl:fild=q"], "did you mean 'field'?"),
        (["rows.jsonl", "--against", "test.jsonl"], "where to?"),
        (["rows.jsonl", "-o", "clean", "--against", "test.jsonl", "--id", "x"], "--id"),
        (["pipeline.yaml", "-o", "clean", "--against", "test.jsonl"], "are for files"),
    ],
)
def test_mistakes_are_told(files, words, said):
    done = command("decontaminate", *words)
    assert isinstance(done.exception, ConfigError) and said in str(done.exception)


def test_decontaminate_is_a_stage_of_a_pipeline_too(files):
    (files / "p.yaml").write_text(
        "stages:\n  - load: {sources: [{path: rows.jsonl}]}\n  - decontaminate: {against: [{path: "
        "test.jsonl, field: q}]}\n"
    )
    assert command("run", "p.yaml", "--until", "load").exit_code == 0
    done = command("decontaminate", "p.yaml")
    assert done.exit_code == 0, done.exception
    assert "1 dropped for it" in done.output and instructions(files / "data/runs/p/decontaminate") == [
        APPLES["instruction"]
    ]


def test_the_table_starts_from_all_lines_of_the_files(files):
    done = command("dedup", "rows.jsonl", "-o", "clean")
    assert done.exit_code == 0, done.output
    assert "read 3, not usable 1 (broken_line 1), kept 2 = 66.7%" in done.stdout


def test_a_mapping_is_for_the_files_that_have_its_columns(files):
    (files / "b.csv").write_text("question,gold\nWho wrote Faust?,Goethe\n")
    done = command(
        "dedup", "rows.jsonl", "b.csv", "--columns", "instruction=question,reference=gold", "-o", "clean"
    )
    assert done.exit_code == 0, done.output
    written = [orjson.loads(line) for line in (files / "clean/rows.jsonl").read_bytes().splitlines()]
    assert [row["instruction"] for row in written] == [
        FRANCE["instruction"],
        APPLES["instruction"],
        "Who wrote Faust?",
    ]
    assert written[2]["reference"] == "Goethe" and written[0]["output"] == "Paris"


@pytest.mark.parametrize(
    ("other", "columns", "said"),
    [
        ("question\nWho?\n", "instruction=qestion", "did you mean 'question'?"),
        ("query\nWho?\n", "instruction=output", "it has query"),
        ("question\nWho?\n", "instruction=question,referense=x", "did you mean 'reference'?"),
        ("question\nWho?\n", "question", "--columns wants field=column"),
    ],
)
def test_a_mapping_that_does_not_fit_is_told(files, other, columns, said):
    (files / "b.csv").write_text(other)
    done = command("dedup", "rows.jsonl", "b.csv", "--columns", columns, "-o", "clean")
    assert isinstance(done.exception, SynthgenError) and said in str(done.exception)


def test_a_comma_in_the_name_of_a_column_is_no_separator(files):
    (files / "b.csv").write_text('"Question, in full",gold\nWho wrote Faust?,Goethe\n')
    done = command(
        "dedup", "b.csv", "--columns", "instruction=Question, in full,reference=gold", "-o", "clean"
    )
    assert done.exit_code == 0 and instructions(files / "clean") == ["Who wrote Faust?"]


def test_what_was_dropped_is_kept_beside_where_nothing_is_left(in_tmp):
    Path("a.jsonl").write_text('{"instruction": "a", "output": "b"}\n' * 3)
    for _ in range(2):
        with pytest.raises(EmptyResult) as caught:
            curate("filter", [Path("a.jsonl")], Path("kept/out"), choices=["length:min_words=9,field=output"])
        assert caught.value.faults[0].where == "kept/out.failed/rejected.jsonl"
        assert [row["rejection"]["rule"] for row in read_rows(Path("kept/out.failed/rejected.jsonl"))] == [
            "length"
        ] * 3
        assert [path.name for path in Path("kept").iterdir()] == ["out.failed"]
    curate("filter", [Path("a.jsonl")], Path("kept/out"), choices=["length:min_words=1,field=output"])
    assert [path.name for path in Path("kept").iterdir()] == ["out"]


def test_a_folder_in_that_place_that_is_not_ours_is_left_alone(in_tmp):
    Path("a.jsonl").write_text('{"instruction": "a", "output": "b"}\n')
    Path("kept/out.failed").mkdir(parents=True)
    Path("kept/out.failed/mine").write_text("x")
    with pytest.raises(EmptyResult) as caught:
        curate("filter", [Path("a.jsonl")], Path("kept/out"), choices=["length:min_words=9,field=output"])
    assert not caught.value.faults[0].where and (Path("kept/out.failed/mine")).exists()


OWN = """
from typing import ClassVar
from pydantic import BaseModel
from synthgen.filters.contract import Decision

class Options(BaseModel):
    most: int = 0
    words: list[str] = []

class Questions:
    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[BaseModel]] = Options

    def __init__(self, config):
        self.config = config

    def check(self, rows):
        return [Decision(self._is_odd(row["output"]), None) for row in rows]

    def _is_odd(self, output):
        return output.count("?") > self.config.most or output in self.config.words
"""


def test_a_rule_of_ones_own_takes_options(in_tmp):
    (in_tmp / "own_marks.py").write_text(OWN)
    (in_tmp / "rows.jsonl").write_text(
        "".join(
            f'{{"instruction": "a", "output": "{text}"}}\n' for text in ("what?", "why? why?", "no", "yes")
        )
    )
    kept = {}
    for options in ("", ":most=1", ":most=2,words=[no, yes]"):
        out = in_tmp / f"out{len(kept)}"
        curate("filter", [Path("rows.jsonl")], out, choices=[f"own_marks:Questions{options}"])
        kept[options] = [row["output"] for row in read_rows(out / "rows.jsonl")]
    assert list(kept.values()) == [["no", "yes"], ["what?", "no", "yes"], ["what?", "why? why?"]]
    with pytest.raises(ConfigError, match="expected key=value, found 'most'"):
        curate("filter", [Path("rows.jsonl")], in_tmp / "none", choices=["own_marks:Questions:most"])


def test_a_missing_option_is_told_with_its_place_and_an_example(in_tmp):
    (in_tmp / "rows.jsonl").write_bytes(orjson.dumps(FRANCE) + b"\n")
    message = str(
        command("dedup", "rows.jsonl", "-o", "clean", "--method", "exact", "--method", "semantic").exception
    )
    assert (
        "missing option 'embeddings'" in message
        and "--method semantic (options: semantic:key=value,…)" in message
        and "for example embeddings: {model: " in message
    )
    message = str(
        command(
            "dedup",
            "rows.jsonl",
            "-o",
            "clean",
            "--method",
            "semantic:embeddings={model: m, base_url: 'ftp://x'}",
        ).exception
    )
    assert "an address starts with http" in message


def test_questions_without_an_output_are_told_apart_from_rows_that_are_too_short(in_tmp):
    (in_tmp / "rows.jsonl").write_text('{"instruction": "Who?"}\n{"instruction": "Why?"}\n')
    assert (
        "they have no output" in (message := str(command("filter", "rows.jsonl", "-o", "kept").exception))
        and "--rule length:field=instruction" in message
    )
    for rule in ("length:field=instruction,min_chars=9", "length:min_words=9"):
        (in_tmp / "rows.jsonl").write_text('{"instruction": "Who?", "output": "Me."}\n')
        assert "loosen length" in str(
            command("filter", "rows.jsonl", "-o", "kept", "--rule", rule, "--overwrite").exception
        )


def test_evaluation_rows_that_were_not_compared_are_told_everywhere(files):
    (files / "part.jsonl").write_text(
        '{"question": "who wrote it"}\n{"q": "What is the capital of France?"}\n{"question": ""}\n'
    )
    done = command("decontaminate", "rows.jsonl", "-o", "clean", "--against", "part.jsonl")
    said = (
        "2 of 3 evaluation rows of part.jsonl have no text in 'question' and were not compared (lines 2, 3)"
    )
    assert (
        done.exit_code == 0
        and f"WARNING: {said}" in " ".join(done.stdout.split())
        and f"warning: {said}" in done.stderr
    )
    assert "2 rows against 1 evaluation row," in done.stdout
    extra = read_manifest(files / "clean").extra
    assert extra["evaluation_rows"] == 1 and extra["not_compared"] == [
        {"source": "part.jsonl", "field": "question", "rows": 2, "of": 3, "lines": [2, 3]}
    ]


def test_an_evaluation_file_without_the_field_is_answered_in_the_commands_own_form(files):
    done = command("decontaminate", "rows.jsonl", "-o", "clean", "--against", "test.jsonl")
    assert "--against test.jsonl:field=NAME; the file's columns are q" in str(done.exception)
    (files / "p.yaml").write_text(
        "stages:\n  - load: {sources: [rows.jsonl]}\n  - decontaminate: {against: test.jsonl}\n"
    )
    done = command("run", "p.yaml")
    assert "against: [{path: test.jsonl, field: NAME}]; the file's columns are q" in str(done.exception)
    with pytest.raises(SynthgenError, match=r"against: \[\{path: test.jsonl, field: NAME\}\]"):
        decontaminate("rows.jsonl", out="clean", against=[{"path": "test.jsonl"}])


@pytest.mark.parametrize("out", ["other", "below/other"])
def test_an_error_names_the_users_own_file_and_line(files, out):
    (files / "broken.jsonl").write_text("{torn\n\n" + orjson.dumps(FRANCE).decode() + "\n")
    done = command("dedup", "broken.jsonl", "rows.jsonl", "-o", out, "--method", "rouge_l:field=outputt")
    assert "broken.jsonl:3" in str(done.exception) and "run/load" not in str(done.exception)
    done = command("dedup", "rows.jsonl", "-o", files / out, "--method", "rouge_l:field=outputt")
    assert "\n  at rows.jsonl:1\n" in str(done.exception)
