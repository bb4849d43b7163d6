"""`runs`: a line a run, the newest first, from its files alone; what is broken is named."""

import datetime
import os

import orjson
import pytest

from synthgen.core.errors import InputError
from synthgen.core.text import width
from synthgen.reports.run_folder import dataset_of, stages_of
from synthgen.reports.runs import list_runs, runs_table
from synthgen.store.jsonl import AppendLog
from synthgen.store.ledger.ledger import open_ledger
from synthgen.store.ledger.writes import ReserveWrite
from synthgen.store.lock import RunLock
from tests.reports.made_runs import make_run, stage
from tests.store.ledger.test_ledger import reply

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


def made(folder, *events, at="2026-02-28T00:00:00+00:00", stages=None):
    """A run as `make_run` makes it, with its record and its log."""
    run = make_run(folder)
    ids = stages or [stage.id for stage in stages_of(run)]
    lines = "".join(f"  - filter: {{id: {one}}}\n" for one in ids)
    (run / "pipeline.resolved.yaml").write_text(f"name: {run.name}\nstages:\n{lines}")
    log = AppendLog(run / "run.log.jsonl")
    log.append({"event": "run", "at": at, "pid": 1, "stages": ids})
    for event in events or ({"event": "done"},):
        log.append({"at": at, **event})
    log.close()
    return run


START = {"event": "start", "stage": "filter"}


def stopped(error, code):
    return {"event": "stopped", "error": error, "what": "w", "exit_code": code}


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([{"event": "done"}], "done"),
        ([START], "stopped"),
        ([], "stopped"),
        ([START, stopped("Interrupted", 130)], "stopped"),
        ([START, stopped("BudgetReached", 3)], "stopped"),
        ([START, stopped("StageFailed", 1)], "failed"),
        ([START, stopped("StageFailed", 0)], "waits"),
        ([START, stopped("StageFailed", 1), {"event": "run"}, {"event": "done"}], "done"),
    ],
)
def test_the_state_of_a_run(tmp_path, events, state):
    made(tmp_path / "one", *(events or [{"event": "note"}]))
    (run,) = list_runs(tmp_path)["runs"]
    assert run["state"] == state
    with RunLock(tmp_path / "one"):
        assert list_runs(tmp_path)["runs"][0]["state"] == "running"


def test_stages_that_nobody_has_started_are_counted(tmp_path):
    made(tmp_path / "one", stages=["load", "split", "later"])
    (run,) = list_runs(tmp_path)["runs"]
    assert (run["state"], run["done"], run["stages"]) == ("part", 2, 3)
    assert "2 of 3" in runs_table(list_runs(tmp_path), 80, NOW)


def test_the_newest_comes_first_and_a_file_of_two_runs_counts_once(tmp_path):
    made(tmp_path / "a", at="2026-01-01T00:00:00+00:00")
    made(tmp_path / "b", at="2026-02-27T22:00:00+00:00")
    made(tmp_path / "c", at="2026-02-28T23:59:20+00:00")
    os.link(tmp_path / "a/load/rows.jsonl", tmp_path / "b/linked.jsonl")
    listed = list_runs(tmp_path)
    assert [run["run"] for run in listed["runs"]] == ["c", "b", "a"]
    shared = (tmp_path / "a/load/rows.jsonl").stat().st_size
    assert listed["bytes"] == sum(run["bytes"] for run in listed["runs"]) - shared
    lines = runs_table(listed, 80, NOW).splitlines()
    assert [line.split()[2:4] for line in lines[1:4]] == [["40", "s"], ["1", "d"], ["59", "d"]]
    assert lines[-1].startswith("3 runs, ") and "paid" not in lines[-1]


def test_rows_and_their_version_are_those_that_the_run_came_to(tmp_path):
    run = made(tmp_path / "a")
    dataset = dataset_of(stages_of(run))
    (listed,) = list_runs(tmp_path)["runs"]
    assert listed["dataset"] == dataset and dataset is not None
    lines = (run / dataset["stage"] / "rows.jsonl").read_bytes().splitlines()
    assert dataset["rows"] == len(lines)
    # Another folder, another time, the same rows: the same version.
    assert dataset_of(stages_of(make_run(tmp_path / "b"))) == dataset
    assert dataset["version"] in runs_table(list_runs(tmp_path), 120, NOW)
    assert dataset["version"] not in runs_table(list_runs(tmp_path), 50, NOW)


def test_what_a_run_and_its_shards_paid(tmp_path):
    made(tmp_path / "runs/one")
    made(tmp_path / "runs/one.shard")
    ledger = open_ledger(tmp_path / "ledger")
    charged = [("one", 0.5), ("one.shard-1-of-2", 0.25), ("one.shard-2-of-2", 0.25), ("other", 8.0)]
    for number, (run, usd) in enumerate(charged):
        reservation = ledger.new_reservation()
        ledger.commit(ReserveWrite(reservation, run, 9.0, 100))
        ledger.commit(reply(number, usd=usd, run=run, reservation=reservation))
    ledger.commit(ReserveWrite(ledger.new_reservation(), "one", 9.0, 100))  # in flight
    beside = open_ledger(tmp_path / "ledger")  # another process's file
    reservation = beside.new_reservation()
    beside.commit(ReserveWrite(reservation, "one", 9.0, 100))
    beside.commit(reply(99, usd=2.0, run="one", reservation=reservation))
    ledger.close()
    beside.close()
    listed = list_runs(tmp_path / "runs", tmp_path / "ledger")
    assert {run["run"]: run["paid_usd"] for run in listed["runs"]} == {"one": 3.0, "one.shard": 0.0}
    assert listed["paid_usd"] == 3.0 and "$3.00 paid" in runs_table(listed, 80, NOW)
    assert listed["paid_elsewhere"] == {"other": 8.0}
    assert runs_table(listed, 80, NOW).endswith("$3.00 paid, and $8.00 as other")
    alone = list_runs(tmp_path / "runs/one", tmp_path / "ledger")
    assert alone["paid_elsewhere"] == {} and alone["paid_usd"] == 3.0
    assert list_runs(tmp_path / "runs", tmp_path / "none")["paid_usd"] is None


def scored(run, models, verdicts=(), stage="evaluate"):
    file = run / stage / "metrics.json"
    report = {
        "metrics": ["exact_match"],
        "models": {
            name: {"role": role, "exact_match": {"value": value, "interval": [0, 1]}}
            for name, (role, value) in models.items()
        },
        "verdict": {"students": {name: {"verdict": word} for name, word in verdicts}},
    }
    file.write_bytes(orjson.dumps(report))


def test_the_score_is_that_of_the_best_student(tmp_path):
    run = made(tmp_path / "one")
    models = {"base": ("base", 0.1), "a": ("student", 0.4), "b": ("student", 0.9), "t": ("teacher", 1.0)}
    scored(run, models, [("a", "RETUNE"), ("b", "DEPLOY")])
    line = runs_table(list_runs(tmp_path), 80, NOW).splitlines()[1]
    assert "90.0%" in line and "DEPLOY" in line
    (run / "evaluate/metrics.json").write_bytes(b'{"models": 3, "verdict": {"students": 1}}')
    assert list_runs(tmp_path)["runs"][0]["best"] is None


@pytest.mark.parametrize(
    ("file", "content", "fault"),
    [
        ("pipeline.resolved.yaml", b"stages: [", "pipeline.resolved.yaml cannot be read"),
        ("pipeline.resolved.yaml", b"\xff", "pipeline.resolved.yaml cannot be read"),
        ("pipeline.resolved.yaml", b"stages: " + 5000 * b"[", "pipeline.resolved.yaml cannot be read"),
        ("pipeline.resolved.yaml", b"stages: 2026-99-99", "pipeline.resolved.yaml cannot be read"),
        ("pipeline.resolved.yaml", b"stages: {}", "pipeline.resolved.yaml cannot be read"),
        ("pipeline.resolved.yaml", None, "pipeline.resolved.yaml is gone"),
        ("filter/manifest.json", b"{", "filter/manifest.json cannot be read"),
        ("filter/manifest.json", b"[]", "filter/manifest.json cannot be read"),
    ],
)
def test_a_broken_run_is_named_and_hides_no_other(tmp_path, file, content, fault):
    run, _ = made(tmp_path / "one"), made(tmp_path / "two")
    (run / file).unlink()
    if content is not None:
        (run / file).write_bytes(content)
    listed = list_runs(tmp_path)
    found = {one["run"]: one for one in listed["runs"]}
    assert found["one"]["state"] == "broken" and found["one"]["fault"] == fault
    assert found["two"]["state"] == "done"
    assert f"one is broken: {fault}" in runs_table(listed, 80, NOW)


@pytest.mark.parametrize("content", [b"\xff\n", b"[]\n", b"{\n{}\n", None])
def test_a_log_that_cannot_be_read_is_named(tmp_path, content):
    run = made(tmp_path / "one")
    if content is None:  # nor a disk's error
        (run / "run.log.jsonl").unlink()
        (run / "run.log.jsonl").mkdir()
    else:
        (run / "run.log.jsonl").write_bytes(content)
    (run / ".lock").write_bytes(b"[]")
    (listed,) = list_runs(tmp_path)["runs"]
    assert (listed["state"], listed["fault"]) == ("broken", "run.log.jsonl cannot be read")
    assert listed["at"] and listed["dataset"]


def test_what_is_no_run_is_left_out(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden/run.log.jsonl").touch()
    (tmp_path / "file").touch()
    assert runs_table(list_runs(tmp_path), 80, NOW) == f"no runs in {tmp_path}"
    with pytest.raises(InputError, match="no such folder"):
        list_runs(tmp_path / "none")
    made(tmp_path / "one")
    assert [run["run"] for run in list_runs(tmp_path / "one")["runs"]] == ["one"]


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_it_fits_the_terminal_in_a_line_a_run(tmp_path, columns):
    run = made(tmp_path / ("a-long-name-of-a-run" * 5))
    scored(run, {"s": ("student", 0.123)}, [("s", "INCONCLUSIVE")])
    made(tmp_path / "short")
    listed = list_runs(tmp_path)
    for one in listed["runs"]:
        one["dataset"]["rows"], one["bytes"], one["paid_usd"] = 1_234_567, 123_400_000_000, 1234.5
    lines = runs_table(listed, columns, NOW).splitlines()
    assert lines[3] == "" and (columns < 80 or max(map(width, lines[:3])) <= columns)
    assert "INCONCLUSIVE" in lines[1] + lines[2]


def test_runs_of_one_pipeline_keep_the_ends_of_their_names(tmp_path):
    ends = [".curve-50", ".curve-25"]
    for end in ends:
        scored(
            made(tmp_path / f"a-pipeline-of-mine{end}"),
            {"s": ("student", 0.1)},
            [("s", "INCONCLUSIVE")],
        )
    listed = list_runs(tmp_path)
    for one in listed["runs"]:
        one["dataset"]["rows"], one["paid_usd"] = 1_234_567, 0.0
    header, *lines = runs_table(listed, 80, NOW).splitlines()
    assert "paid" not in header and {line.split()[0] for line in lines[:2]} == {
        f"a-pipeline-of-mine{end}" for end in ends
    }
    for one in listed["runs"]:
        one["paid_usd"] = 1234.5
    header, *lines = runs_table(listed, 80, NOW).splitlines()
    names = [line.split()[0] for line in lines[:2]]
    assert "paid" in header and all("…" in name and name.startswith("a-pi") for name in names)
    assert {name[-8:] for name in names} == {end[1:] for end in ends}


def test_no_column_is_empty(tmp_path):
    run = tmp_path / "one"
    stage(run, "filter", "filter", "rows", {"rows.jsonl": [{"id": "a"}]})
    (run / "pipeline.resolved.yaml").write_text("name: one\nstages: [{filter: {}}]\n")
    header = runs_table(list_runs(tmp_path), 80, NOW).splitlines()[0]
    assert header.split() == ["run", "state", "age", "rows", "version", "size"]
