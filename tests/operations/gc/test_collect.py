"""gc: only what nothing names goes, whole, and afterwards everything is as it was."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from synthgen.core.errors import InputError, RunLocked
from synthgen.core.progress import Reporter
from synthgen.operations.gc.collect import collect_garbage
from synthgen.operations.rehearse.leftovers import OURS
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.reports.garbage_text import garbage_text
from synthgen.store.jsonl import AppendLog
from synthgen.store.lock import RunLock
from synthgen.store.manifest import read_manifest, write_manifest
from synthgen.store.publish import recover

RUNS = Path("data/runs")
PIPELINE = """name: {name}
stages:
  - load: {{sources: rows.jsonl}}
  - filter: {{id: {kept}, rules: [{rule}]}}
  - dedup: {{methods: [exact]}}
"""
LONGER = "length: {min_words: 3, field: output}"


def run(name="one", kept="kept", rule=LONGER, **options):
    Path(f"{name}.yaml").write_text(PIPELINE.format(name=name, kept=kept, rule=rule))
    return run_pipeline(load_pipeline(Path(f"{name}.yaml")), RunOptions(**options), Reporter("silent"))


@pytest.fixture
def one(in_tmp):
    """A run whose pipeline no longer names its first filter."""
    rows = [{"instruction": f"q{number}", "output": "word " * number} for number in range(1, 9)]
    Path("rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    run(kept="old", rule="length: {min_words: 5, field: output}")
    run()
    return RUNS / "one"


def content(folder):
    """Every file of a folder's stages, by name."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.parent != folder)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def pieces(found):
    return {(one["path"], one["kind"]) for one in found.plain()["pieces"]}


def test_what_no_pipeline_names_goes_and_the_rest_is_as_it_was(one):
    before = content(one)
    listed = collect_garbage(RUNS)
    assert pieces(listed) == {("old", "rows")} and not listed.deleted
    assert content(one) == before
    done = collect_garbage(RUNS, delete=True)
    assert pieces(done) == {("old", "rows")} and done.bytes == listed.bytes > 0
    assert content(one) == {name: held for name, held in before.items() if not name.startswith("old/")}
    assert run().done == {"load": "skipped", "kept": "skipped", "dedup": "skipped"}
    assert content(one) == {name: held for name, held in before.items() if not name.startswith("old/")}
    assert not collect_garbage(RUNS, delete=True).pieces and not list(one.glob(".gone*"))


def test_all_that_looks_at_a_run_works_afterwards(one):
    from synthgen.reports.inspect import inspect_path
    from synthgen.reports.report.page import write_html_report
    from synthgen.reports.status import run_status, status_table
    from synthgen.reports.viewer.catalogue import row_files

    checked = load_pipeline(Path("one.yaml"))

    def looked_at():
        text = status_table(run_status(one, checked))
        return text, inspect_path(one)["rows"], write_html_report(one).read_bytes(), row_files(one)

    before = looked_at()
    collect_garbage(RUNS, delete=True)
    text, rows, report, files = looked_at()
    assert (text, rows) == before[:2] and report
    assert files == [file for file in before[3] if file.parent.name != "old"] != before[3]


def test_what_another_run_names_stays(one):
    Path("two.yaml").write_text("name: two\nstages:\n  - filter: {input: run:one:old, rules: [refusal]}\n")
    run_pipeline(load_pipeline(Path("two.yaml")), RunOptions(), Reporter("silent"))
    assert not collect_garbage(RUNS).pieces and not collect_garbage(one).pieces
    shutil.rmtree(RUNS / "two/filter")  # it was killed before it had a result
    assert not collect_garbage(RUNS).pieces
    shutil.rmtree(RUNS / "two")
    assert pieces(collect_garbage(one)) == {("old", "rows")}
    # By its path, as a source.
    Path("three.yaml").write_text("name: three\nstages:\n  - load: {sources: data/runs/one/old/rows.jsonl}\n")
    run_pipeline(load_pipeline(Path("three.yaml")), RunOptions(), Reporter("silent"))
    assert not collect_garbage(RUNS).pieces
    # By a manifest, where the pipeline that named it has been edited since.
    shutil.rmtree(RUNS / "three")
    manifest = read_manifest(one / "dedup")
    assert manifest is not None
    record = manifest.inputs["rows"][0].model_copy(update={"file": "old/rows.jsonl"})
    write_manifest(one / "dedup", manifest.model_copy(update={"inputs": {"rows": [record]}}))
    assert not collect_garbage(RUNS).pieces


def test_a_longer_name_names_no_shorter_one(one):
    (one / "old-2").mkdir()
    shutil.copy("rows.jsonl", one / "old-2/rows.jsonl")
    Path("two.yaml").write_text("name: two\nstages:\n  - load: {sources: data/runs/one/old-2/rows.jsonl}\n")
    run_pipeline(load_pipeline(Path("two.yaml")), RunOptions(), Reporter("silent"))
    assert pieces(collect_garbage(RUNS)) == {("old", "rows")}


def test_an_unreadable_pipeline_may_name_anything(one):
    run("two")
    (RUNS / "two/pipeline.resolved.yaml").write_text("stages: [")
    (one / ".new-x").mkdir()
    found = collect_garbage(RUNS)
    assert pieces(found) == {(".new-x", "unfinished")} and found.unreadable == ["two"]
    (RUNS / "two/pipeline.resolved.yaml").unlink()  # then what it has is kept, and it names nothing else
    found = collect_garbage(RUNS)
    assert pieces(found) == {(".new-x", "unfinished"), ("old", "rows")} and not found.unreadable


def test_files_and_edits_of_a_person_keep_a_stage(one):
    (one / "old/notes.txt").write_text("mine")
    assert not collect_garbage(RUNS).pieces
    (one / "old/notes.txt").unlink()
    (one / "old/rows.jsonl").write_text('{"instruction": "edited"}\n')
    assert not collect_garbage(RUNS).pieces


def test_a_student_goes_only_where_it_is_asked_for(one):
    manifest = read_manifest(one / "old")
    assert manifest is not None
    write_manifest(one / "old", manifest.model_copy(update={"writes": "model"}))
    found = collect_garbage(RUNS, delete=True)
    assert not found.pieces and [piece.garbage.path.name for piece in found.models] == ["old"]
    assert found.models[0].bytes > 0 == found.bytes and (one / "old").is_dir()
    assert pieces(collect_garbage(RUNS, delete=True, models=True)) == {("old", "model")}
    assert not (one / "old").exists()


def test_what_killed_processes_left_goes(one):
    rehearsal = RUNS / f"{OURS}{dead_process()}-x"
    alive = RUNS / f"{OURS}{os.getpid()}-x"
    for folder in (one / ".new-kept", one / ".old-kept", one / ".gone-x", RUNS / ".gone-y", rehearsal, alive):
        folder.mkdir()
        (folder / "rows.jsonl").write_bytes(b"x" * 7)
    (one / ".old-lost").mkdir()  # the only result that there is of this stage: the next run puts it back
    found = collect_garbage(RUNS, delete=True)
    left = {(name, "unfinished") for name in (".new-kept", ".old-kept", ".gone-x", ".gone-y", rehearsal.name)}
    assert pieces(found) == {*left, ("old", "rows")}
    assert (one / ".old-lost").is_dir() and alive.is_dir() and not rehearsal.exists()
    assert recover(one) == ["lost"]


def dead_process():
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def failed(one, stage, when):
    folder = one / f"{stage}.failed"
    folder.mkdir()
    record = {"stage": stage, "kind": "filter", "key": "", "error": "", "what": "", "counts": {}}
    (folder / "failure.json").write_bytes(orjson.dumps({**record, "failed_at": when}))


def test_what_a_failed_stage_left_goes_once_that_is_settled(one):
    failed(one, "kept", "2001-01-01")
    failed(one, "dedup", "2999-01-01")
    failed(one, "old", "2999-01-01")
    (one / "notes.failed").mkdir()
    found = collect_garbage(RUNS, delete=True)
    assert pieces(found) == {("kept.failed", "failed"), ("old.failed", "failed"), ("old", "rows")}
    assert (one / "dedup.failed").is_dir() and (one / "notes.failed").is_dir()


def test_checkpoints_go_once_their_stage_is_finished(one):
    for stage in ("kept", "dedup", "later"):
        (one / ".work" / stage / "key").mkdir(parents=True)
        (one / ".work" / stage / "key/weights").write_bytes(b"w")
    log = AppendLog(one / "run.log.jsonl")
    log.append({"event": "run", "at": "2999-01-01T00:00:00+00:00", "pid": 1, "stages": ["dedup"]})
    log.append({"event": "start", "at": "2999-01-01T00:00:00+00:00", "stage": "dedup"})
    log.close()
    found = collect_garbage(RUNS, delete=True)
    assert pieces(found) == {(".work/kept", "work"), ("old", "rows")}
    assert (one / ".work/dedup/key/weights").is_file()  # it was interrupted while it was made again
    assert (one / ".work/later/key/weights").is_file()  # it has no result yet


def test_checkpoints_stay_where_the_log_cannot_be_read(one):
    (one / ".work/kept/key").mkdir(parents=True)
    (one / "run.log.jsonl").write_bytes(b"{\n{}\n")
    assert pieces(collect_garbage(RUNS, delete=True)) == {("old", "rows")}


def test_replies_prompts_marks_and_other_peoples_folders_stay(one):
    (RUNS / "exported").mkdir()
    write_manifest(RUNS / "exported", read_manifest(one / "kept"))  # type: ignore[arg-type]
    (RUNS / "photos/.new-york").mkdir(parents=True)
    for name in (".plans", "batches", "drift", "mine"):
        (one / name).mkdir()
        (one / name / "file").write_text("x")
    (one / "reviews.jsonl").write_text("{}\n")
    (one / "report.html").write_text("x")
    assert pieces(collect_garbage(RUNS, delete=True)) == {("old", "rows")}
    assert (RUNS / "exported/manifest.json").is_file() and (RUNS / "photos/.new-york").is_dir()
    names = {path.name for path in one.iterdir()}
    assert names >= {".plans", "batches", "drift", "mine", "reviews.jsonl", "report.html"}


def test_symbolic_links_are_not_followed(one):
    outside = Path("elsewhere")
    run("two", kept="old", rule="length: {min_words: 5, field: output}", run_dir=outside)
    run("two", run_dir=outside)
    (RUNS / "linked").symlink_to(outside.resolve(), target_is_directory=True)
    (one / ".new-link").symlink_to(outside.resolve(), target_is_directory=True)
    (one / ".work").symlink_to(outside.resolve(), target_is_directory=True)
    before = content(outside)
    found = collect_garbage(RUNS, delete=True)
    assert pieces(found) == {("old", "rows")} and found.links == ["linked"]
    assert content(outside) == before and (one / ".new-link").is_symlink()


def test_a_run_behind_a_link_names_what_it_reads(one):
    outside = Path("elsewhere").resolve()
    Path("two.yaml").write_text("name: two\nstages:\n  - filter: {input: run:one:old, rules: [refusal]}\n")
    run_pipeline(load_pipeline(Path("two.yaml")), RunOptions(), Reporter("silent"))
    shutil.move(RUNS / "two", outside)
    (RUNS / "two").symlink_to(outside, target_is_directory=True)
    assert not collect_garbage(RUNS, delete=True).pieces and not collect_garbage(one, delete=True).pieces
    with pytest.raises(InputError, match="symbolic link"):
        collect_garbage(RUNS / "two", delete=True)


def test_a_run_in_use_is_left_alone(one):
    run("two", kept="old", rule="length: {min_words: 5, field: output}")
    run("two")
    before = content(one)
    with RunLock(one):
        for delete in (False, True):
            found = collect_garbage(RUNS, delete=delete)
            assert found.in_use == ["one"] and {piece.garbage.run.name for piece in found.pieces} == {"two"}
            with pytest.raises(RunLocked):
                collect_garbage(one, delete=delete)
    assert content(one) == before


def test_a_run_that_cannot_be_written_to_hides_no_other(one):
    run("two", kept="old", rule="length: {min_words: 5, field: output}")
    run("two")
    (one / ".fence").unlink()
    (one / ".fence").mkdir()
    before = content(one)
    found = collect_garbage(RUNS, delete=True)
    assert found.unwritable == {"one": "Is a directory"} and content(one) == before
    assert {piece.garbage.run.name for piece in found.pieces} == {"two"}
    assert "one: left as it is" in garbage_text(found.plain(), 80)


def test_merged_shards_go_and_the_merged_run_is_done(in_tmp):
    from synthgen.operations.merge import merge
    from tests.operations.test_shard import curation, run_shard
    from tests.operations.test_shard import run as run_whole

    pipeline = curation()
    run_whole(pipeline, until="split")
    for number in (1, 2):
        run_shard(pipeline, number, 2, only=("filter",))
    folder = RUNS / "small"
    assert not collect_garbage(RUNS).pieces  # not merged yet
    merge(pipeline, RunOptions(), reporter=None)
    with RunLock(folder / "shards/2-of-2"):
        assert not collect_garbage(RUNS, delete=True).pieces
    before = {name: held for name, held in content(folder).items() if not name.startswith("shards/")}
    found = collect_garbage(RUNS, delete=True)
    names = ("1-of-2", "2-of-2", ".stage-keys")
    assert pieces(found) == {(f"shards/{name}", "shards") for name in names}
    assert content(folder) == before and not (folder / "shards").exists()
    assert run_pipeline(pipeline, RunOptions(until="filter"), Reporter("silent")).done["filter"] == "skipped"


def test_a_result_that_two_runs_share_is_not_counted_as_freed(one):
    run("two", kept="old", rule="length: {min_words: 5, field: output}")  # linked from `one`, as far as it is
    assert (RUNS / "two/old/rows.jsonl").stat().st_nlink == 2
    size = (one / "old/manifest.json").stat().st_size
    assert collect_garbage(one).bytes == size


@pytest.mark.parametrize("place", ["nowhere", "rows.jsonl", ".", "data/runs/one/old", "data/runs/one/x"])
def test_a_place_without_runs_is_refused(one, place):
    with pytest.raises(InputError):
        collect_garbage(Path(place), delete=True)
    assert (one / "old").is_dir()


def test_a_part_of_a_run_is_refused(one):
    run("two", kept="old", rule="length: {min_words: 5, field: output}", run_dir=one / "shards/1-of-2")
    run("two", run_dir=one / "shards/1-of-2")
    for place in ("shards", "shards/1-of-2"):
        with pytest.raises(InputError, match="part of a run"):
            collect_garbage(one / place, delete=True)
    assert (one / "shards/1-of-2/old").is_dir()


KILLED = """
import os, signal, sys
from pathlib import Path
from synthgen.operations.gc.collect import collect_garbage
from synthgen.store import publish

calls = 0
def dying(function, before):
    def call(*given):
        global calls
        calls += 1
        if calls == int(sys.argv[1]) and before:
            os.kill(os.getpid(), signal.SIGKILL)
        function(*given)
        if calls == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
    return call

publish._delete = dying(publish._delete, before=sys.argv[2] == "before")
collect_garbage(Path("data/runs"), delete=True)
"""


@pytest.mark.parametrize(("call", "when"), [(2, "before"), (2, "after"), (4, "before")])
def test_kill_9_in_the_middle_leaves_a_sound_run(one, call, when):
    run(kept="older", rule="length: {min_words: 4, field: output}")
    run()
    kept = {name: held for name, held in content(one).items() if name.startswith(("load", "kept", "dedup"))}
    child = subprocess.run([sys.executable, "-c", KILLED, str(call), when])
    assert child.returncode == -signal.SIGKILL
    for stage in ("old", "older"):  # there, whole, or not there
        assert not (one / stage).exists() or read_manifest(one / stage) is not None
    assert list(one.glob(".gone-*")) or when == "after"
    found = collect_garbage(RUNS, delete=True)
    assert found.pieces and not found.in_use and not list(one.glob(".gone-*"))
    assert content(one) == kept
    assert set(run().done.values()) == {"skipped"}
