"""Rows of published stages, from Python: what there is, and what is said where there is none."""

import json

import pytest

import synthgen
from synthgen.core.errors import SynthgenError


@pytest.fixture
def result(in_tmp):
    (in_tmp / "rows.jsonl").write_text(
        "".join(
            json.dumps({"instruction": f"question {number}", "output": "a" * number}) + "\n"
            for number in range(10)
        )
    )
    (in_tmp / "p.yaml").write_text(
        "version: 1\nname: p\nstages:\n  - load: {sources: rows.jsonl}\n  - filter: {rules: "
        "[length]}\n  - split: {test: 2}\n  - export: {format: jsonl}\n"
    )
    return synthgen.run("p.yaml")


def test_rows_of_a_stage_of_a_part_and_those_set_aside(result):
    assert len(list(result.rows("filter"))) == 9
    assert [row["output"] for row in result.rows("filter", "rejected")] == [""]
    assert (
        list(result.rows("split", "test")) == list(result.rows("split.test"))
        and len(list(result.rows("split", "test"))) == 2
    )
    assert len(list(result.rows("split.train"))) == 7


def test_the_last_rows_are_those_of_no_name(result):
    assert list(result.rows()) == list(result.rows("split", "train"))
    assert len(result.to_pandas()) == 7 and result.to_dataset("filter").num_rows == 9
    assert list(result.to_pandas("split", "test")["output"]) == [
        row["output"] for row in result.rows("split.test")
    ]


def test_rows_that_were_made_to_measure_by_are_not_what_a_run_came_to(result):
    from synthgen.pipeline.result import last_rows
    from synthgen.store.manifest import InputRecord, read_manifest, write_manifest

    split = read_manifest(result.run_dir / "split")
    assert last_rows(result.run_dir) == "split.train"

    def finished(name, kind, writes, when, need="rows", read=()):
        folder = result.run_dir / name
        folder.mkdir()
        inputs = {need: [InputRecord(artefact=one, file=f"{one}/rows.jsonl", sha256="") for one in read]}
        more = {"stage": name, "kind": kind, "writes": writes, "finished_at": when, "inputs": inputs}
        write_manifest(folder, split.model_copy(update=more))

    finished("held_out", "generate", "rows", "2999-01-01T00:00:00Z")
    assert last_rows(result.run_dir) == "held_out"
    finished("evaluate", "evaluate", "metrics", "2999-01-02T00:00:00Z", "held_out", ["held_out"])
    assert last_rows(result.run_dir) == "split.train"
    finished("later", "generate", "rows", "2999-01-03T00:00:00Z")
    finished("student", "sft", "model", "2999-01-04T00:00:00Z", read=["filter"])
    assert last_rows(result.run_dir) == "filter", "what its last student was trained on"


def test_metrics_are_those_of_stages_that_measured(result):
    from types import SimpleNamespace

    assert result.metrics == {}
    (result.run_dir / "evaluate").mkdir()
    (result.run_dir / "evaluate" / "metrics.json").write_text('{"models": {"base": 0.5}}')
    result.stages["evaluate"] = SimpleNamespace(outputs={"metrics.json": None})
    assert result.metrics == {"evaluate": {"models": {"base": 0.5}}}


def test_a_notebook_shows_stages_and_tables(result):
    shown = result._repr_html_()
    assert "<td>filter</td>" in shown and "length 1" in shown and "exported 7 of 7 rows" in shown
    assert shown.count("<tr>") == 5


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("split",), ["split makes rows in parts", "rows('split', 'train')", "rows('split', 'test')"]),
        (("split", "tset"), ["split has no 'tset'", "rows('split', 'train')"]),
        (("filtr",), ["no result of a stage 'filtr'", "did you mean 'filter'?"]),
        (("nope",), ["no result of a stage 'nope'", "there are: export, filter, load, split"]),
        (("",), ["no result of a stage ''"]),
        (("filter.train",), ["filter has no 'train'", "rows('filter', 'rows')"]),
    ],
)
def test_what_is_not_there_is_told_at_once(result, asked, told):
    with pytest.raises(SynthgenError) as caught:
        result.rows(*asked)
    assert all(words in str(caught.value) for words in told), str(caught.value)
