"""run:NAME:STAGE@VERSION: read only if it is that one, in every place that names another run."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from synthgen.core.errors import ConfigError
from synthgen.core.hashing import file_sha256
from synthgen.core.progress import Reporter
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.store.manifest import read_manifest, write_manifest

ROW = '{"instruction": "%s", "output": "b"}\n'
SECOND = "name: second\nstages:\n  - filter: {input: '%s', rules: [refusal]}\n"


def run(text, name):
    Path(f"{name}.yaml").write_text(text)
    return run_pipeline(load_pipeline(Path(f"{name}.yaml")), RunOptions(), Reporter("silent"))


def first(*questions, name="first"):
    Path("rows.jsonl").write_text("".join(ROW % question for question in questions))
    run(f"name: {name}\nstages:\n  - load: {{sources: rows.jsonl}}\n  - split: {{test: 1}}\n", name)
    return {
        part: file_sha256(Path(f"data/runs/{name}/{part}.jsonl")) for part in ("load/rows", "split/train")
    }


def refused(reference):
    with pytest.raises(ConfigError) as caught:
        run(SECOND % reference, "second")
    (fault,) = caught.value.faults
    return fault


@pytest.mark.parametrize("digits", [8, 12, 64])
def test_the_version_that_is_there_is_read(in_tmp, digits):
    made = first("a", "c")
    assert run(SECOND % f"run:first:load@{made['load/rows'][:digits]}", "second").done == {"filter": "ran"}
    assert run(SECOND % f"run:first:split.train@{made['split/train'][:digits]}", "third").done
    # What is read decides, not how it is named.
    assert run(SECOND % f"run:first:load@{made['load/rows'][:9]}", "second").done == {"filter": "ran"}
    assert run(SECOND % "run:first:load", "second").done == {"filter": "skipped"}


def test_a_changed_dataset_is_an_error_that_names_both_versions(in_tmp):
    old = first("a", "c")["load/rows"][:12]
    run(SECOND % f"run:first:load@{old}", "second")
    shutil.copytree("data/runs/first", "data/runs/copied")
    new = first("a", "d")["load/rows"][:12]
    fault = refused(f"run:first:load@{old}")
    assert f"'load' of run 'first' has version {new}, where {old} is wanted" in fault.what
    assert fault.next == (
        f"run:first:load@{new} names the one that is there; the one that is wanted is run:copied:load@{old}"
    )
    shutil.rmtree("data/runs/copied")
    # The filter of `second` kept every row, but nobody is told to read what he made himself.
    assert refused(f"run:first:load@{old}").next.endswith("names the one that is there")


def test_status_and_dry_run_say_so_too(in_tmp):
    from synthgen.operations.dry_run import dry_run
    from synthgen.reports.status import run_status, status_table

    old = first("a", "c")["load/rows"][:12]
    run(SECOND % f"run:first:load@{old}", "second")
    first("a", "d")
    pipeline = load_pipeline(Path("second.yaml"))
    status = run_status(Path("data/runs/second"), pipeline)
    text = status_table(status)
    assert status["stages"][0]["exit_code"] == 2
    assert "waits" in text and f"{old} is wanted" in " ".join(text.split()) and "version" in text
    with pytest.raises(ConfigError, match=f"where {old} is wanted"):
        dry_run(pipeline, RunOptions())
    shutil.rmtree("data/runs/first")
    text = status_table(run_status(Path("data/runs/second"), pipeline))
    assert "there is no run 'first'" in " ".join(text.split())


def test_without_a_version_the_hash_of_what_was_read_is_recorded_and_a_change_runs_again(in_tmp):
    made = first("a", "c")
    record = run(SECOND % "run:first:load", "second").stages["filter"].inputs["rows"][0]
    assert (record.file, record.sha256) == ("../first/load/rows.jsonl", made["load/rows"])
    assert run(SECOND % "run:first:load", "second").done == {"filter": "skipped"}
    made = first("a", "d")
    done = run(SECOND % "run:first:load", "second")
    assert done.done == {"filter": "ran"}
    assert done.stages["filter"].inputs["rows"][0].sha256 == made["load/rows"]


def test_a_file_that_was_edited_is_not_what_its_version_says(in_tmp):
    version = first("a", "c")["load/rows"]
    rows = Path("data/runs/first/load/rows.jsonl")
    rows.write_bytes(rows.read_bytes().replace(b'"a"', b'"A"'))
    for reference in (f"run:first:load@{version}", "run:first:load"):
        fault = refused(reference)
        assert "'load' of run 'first' was changed after it was published (rows.jsonl)" in fault.what
    assert run(SECOND % "run:first:split.test", "third").done  # another file


def test_a_copied_run_is_hashed_once_and_is_the_same(in_tmp):
    version = first("a", "c")["load/rows"][:12]
    shutil.copytree("data/runs/first", "data/runs/copied")
    assert run(SECOND % f"run:copied:load@{version}", "second").done


@pytest.mark.parametrize(
    "version", ["", "abc", "ABCDEF12", "0123456g", "latest", "a" * 65, "12345678.train", "12345678@12345678"]
)
def test_what_is_no_version_is_refused_with_its_line(in_tmp, version):
    first("a", "c")
    fault = refused(f"run:first:load@{version}")
    assert "no reference to another run" in fault.what and fault.where.endswith("second.yaml:3")
    assert "@VERSION" in fault.next


def test_a_split_has_a_version_for_each_part(in_tmp):
    first("a", "c")
    path = Path("p.yaml")
    path.write_text(
        "name: p\nstages:\n  - decontaminate: {input: run:first:load, split: 'run:first:split@12345678'}\n"
    )
    with pytest.raises(ConfigError, match="no reference to another run"):
        load_pipeline(path)


def test_a_student_of_another_run_is_held_to_its_version_too(in_tmp):
    first("a", "c")
    folder = Path("data/runs/first/load")
    manifest = read_manifest(folder)
    assert manifest is not None
    (folder / "model").mkdir()
    (folder / "model/weights").write_bytes(b"w")
    record = manifest.outputs["rows.jsonl"]
    outputs = {"model/weights": record.model_copy(update={"sha256": file_sha256(folder / "model/weights")})}
    write_manifest(folder, manifest.model_copy(update={"writes": "model", "kind": "sft", "outputs": outputs}))
    Path("p.yaml").write_text(
        "name: p\nstages:\n  - load: {sources: rows.jsonl}\n"
        "  - sft: {student: {from: 'run:first:load@12345678'}, completion: output}\n"
    )
    pipeline = load_pipeline(Path("p.yaml"))
    config: Any = pipeline.stage("sft").config
    assert config.student.start_name == "run:first:load"
    with pytest.raises(ConfigError, match="was changed after it was published"):
        run_pipeline(pipeline, RunOptions(), Reporter("silent"))
    size = {"bytes": 1}
    outputs = {name: one.model_copy(update=size) for name, one in outputs.items()}
    write_manifest(folder, manifest.model_copy(update={"writes": "model", "kind": "sft", "outputs": outputs}))
    with pytest.raises(ConfigError, match=r"has version [0-9a-f]{12}, where 12345678 is wanted"):
        run_pipeline(pipeline, RunOptions(), Reporter("silent"))
