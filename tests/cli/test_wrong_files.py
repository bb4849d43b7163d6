"""One kind of file or folder where another is wanted: the message names both, and its advice works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROWS = (
    '{"instruction": "Name a colour.", "output": "Blue."}\n'
    '{"instruction": "Name a bird.", "output": "Wren."}\n'
)
OF_A_PIPELINE = (
    "run validate preview estimate merge ablate split generate sft evaluate select score load".split()
)
OF_A_RUN = ("status", "report", "diff", "why")


@pytest.fixture
def synthgen(synthgen):
    Path("rows.jsonl").write_text(ROWS)
    Path("rows.csv").write_text("instruction,output\na,b\n")
    Path("p.yaml").write_text(
        "name: p\nstages:\n  - load: {sources: [rows.jsonl]}\n  - filter: {rules: [refusal]}\n"
    )
    Path("new.yaml").write_text("name: new\nstages:\n  - load: {sources: [rows.jsonl]}\n")
    assert synthgen("run", "p.yaml")[0] == 0
    return synthgen


def refused(synthgen, *words: str) -> str:
    code, out, err = synthgen(*words)
    assert code == 2 and not out, (words, out)
    return str(err)


@pytest.mark.parametrize("command", OF_A_PIPELINE)
def test_what_is_no_pipeline_file_is_named_as_what_it_is(synthgen, command):
    for given, said in (
        ("rows.jsonl", "this is a data file, where a pipeline file is wanted"),
        ("rows.csv", "this is a data file, where a pipeline file is wanted"),
        ("data/runs/p", "this is a run's folder, where a pipeline file is wanted"),
        ("data/runs/p/load", "this is the folder of a stage's result"),
        ("data", "this is a folder, where a pipeline file is wanted"),
        ("nowhere.jsonl", "no such file"),
        ("pp.yaml", "did you mean p.yaml?"),
        ("p", "did you mean p.yaml?"),
    ):
        message = refused(synthgen, command, given)
        assert said in message and f"at {given}" in message and "YAML:" not in message, (command, message)


def test_the_stage_of_a_pipeline_that_is_advised_for_rows_can_be_written_down_and_runs(synthgen):
    for kind in ("select",):
        (text,) = re.findall(r"`(stages: [^`]*)`", refused(synthgen, kind, "rows.jsonl"))
        Path("written.yaml").write_text(f"name: {kind}\n{text}\n")
        code, _, err = synthgen("run", "written.yaml")
        assert code == 0, err
    assert "`generate` is a stage of a pipeline" in refused(synthgen, "generate", "rows.jsonl")


def test_the_pipeline_of_a_run_can_be_run(synthgen):
    (path,) = re.findall(r"is (\S+\.yaml)", refused(synthgen, "run", "data/runs/p"))
    code, _, err = synthgen("run", path)
    assert code == 0 and "unchanged" in err
    Path("p.yaml").unlink()
    assert "p is a run; its pipeline, as it ran, is data/runs/p/" in refused(synthgen, "run", "p")


@pytest.mark.parametrize("command", OF_A_RUN)
def test_what_is_no_run_is_named_as_what_it_is(synthgen, command):
    more = ["p"] if command == "diff" else ["some_id"] if command == "why" else []
    assert synthgen("filter", "rows.jsonl", "--rule", "refusal", "-o", "cleaned")[0] == 0
    for given, said in (
        ("rows.jsonl", "this is a data file, where a run is wanted"),
        ("data/runs/p/filter", "its run is data/runs/p"),
        ("cleaned", "it is part of no run: `synthgen inspect cleaned`"),
        ("data/runs", "runs in it: data/runs/p"),
        ("new.yaml", "synthgen run new.yaml"),
        ("nowhere.yaml", "no such file"),
        ("pq", "no run 'pq'"),
        ("", "no run ''"),
    ):
        assert said in refused(synthgen, command, given, *more), (command, given)


def test_status_of_a_run_that_was_only_estimated(synthgen):
    Path("data/runs/half").mkdir()
    Path("data/runs/half/estimate.json").write_text("{}")
    assert "nothing has run here yet" in refused(synthgen, "status", "half")


def test_inspect_takes_rows_stages_and_runs_and_says_what_is_missing(synthgen):
    for given in ("rows.jsonl", "rows.csv", "p", "p.yaml", "data/runs/p", "data/runs/p/load"):
        assert synthgen("inspect", given)[0] == 0
    assert "did you mean rows.jsonl?" in refused(synthgen, "inspect", "row.jsonl")
    assert "synthgen run new.yaml" in refused(synthgen, "inspect", "new.yaml")


def test_data_files_are_checked_before_anything_is_asked_for(synthgen):
    for kind in ("filter", "dedup", "decontaminate"):
        assert "did you mean rows.jsonl?" in refused(synthgen, kind, "row.jsonl")
        assert "a pipeline is given alone" in refused(synthgen, kind, "rows.jsonl", "p.yaml", "-o", "x")
        assert "an empty path" in refused(synthgen, kind, "", "-o", "x")
    assert not Path("x").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the values file is empty"),
        ("- filter: {action: tag}\n", "a values file is a mapping"),
        ("stages:\n  - filter: {action: tag}\n", "without `stages:`"),
        ("action: tag\n", "write filter.action"),
        ("filtr: {action: tag}\n", "did you mean 'filter'?"),
        ("filter: {acton: tag}\n", "did you mean 'action'?"),
    ],
)
def test_a_file_of_values_that_is_none(synthgen, text, said):
    Path("v.yaml").write_text(text)
    assert said in refused(synthgen, "validate", "p.yaml", "--values", "v.yaml")


def test_other_things_in_the_place_of_values(synthgen):
    message = refused(synthgen, "validate", "p.yaml", "--values", "filter.action=tag")
    (advised,) = re.findall(r"--set '(.*)'", message)
    assert synthgen("validate", "p.yaml", "--set", advised)[0] == 0
    assert "this is a data file" in refused(synthgen, "validate", "p.yaml", "--values", "rows.jsonl")
    assert "without `stages:`" in refused(synthgen, "validate", "p.yaml", "--values", "new.yaml")
    assert "did you mean new.yaml?" in refused(synthgen, "validate", "p.yaml", "--values", "nw.yaml")


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("filter.action", "the value stands behind the equals sign"),
        ("action=tag", "write filter.action"),
        ("stages.filter.action=tag", "leave `stages.` out: filter.action"),
        ("name.x=1", "'x' cannot be set"),
        ("filter=3", "expected options"),
    ],
)
def test_a_value_that_leads_nowhere(synthgen, item, said):
    assert said in refused(synthgen, "validate", "p.yaml", "--set", item)
