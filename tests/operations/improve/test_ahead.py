"""--dry-run of an improvement: what it would train, ask and spend at most; nothing is written."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from synthgen.cli import app
from synthgen.core.errors import ConfigError
from synthgen.core.progress import Reporter
from synthgen.core.text import width
from synthgen.operations.improve import run as rounds_of
from synthgen.operations.improve.ahead import improvement_ahead
from synthgen.operations.improve.run import improve
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.store.manifest import read_manifest
from tests.operations.improve.test_run import PIPELINE, seeds


@pytest.fixture
def small(in_tmp):
    seeds()
    Path("small.yaml").write_text(PIPELINE.replace("num_rows: 60", "num_rows: 40"))
    return load_pipeline(Path("small.yaml"))


def files():
    return {path: path.stat().st_mtime_ns for path in Path().rglob("*") if path.is_file()}


def by_run(ahead):
    found = {}
    for piece in ahead.pieces:
        found.setdefault(piece.run, []).append((piece.does, piece.stage, piece.rows, piece.calls))
    return found


def test_what_is_known_before_anything_has_run(small):
    before = files()
    ahead = improvement_ahead(small, RunOptions(), rounds=2, usd=0.5, control=True)
    found = by_run(ahead)
    assert list(found) == [
        "small.improve",
        *(f"small.{one}{rows}" for one in ("improve-1", "improve-2", "uniform-1") for rows in (".rows", "")),
    ]
    start = found["small.improve"]
    assert ("asks", "answers", 20, 20) in start and ("trains", "student", 20, None) in start
    assert ("asks", "improve-validation", 40, 40) in start and ("asks", "evaluate", 20, 20) in start
    assert found["small.improve-2"] == [("trains", "student", None, None)]
    assert [one[1] for one in found["small.improve-1.rows"]] == ["sums", "puzzles", "answers"]
    plain = ahead.plain()
    assert plain["trains"] == 4 and plain["usd_at_most_for_new_rows"] == 1.0 and plain["calls"] is None
    assert files() == before and not Path("data").exists()


def test_rows_bound_what_dollars_leave_open(small):
    found = by_run(improvement_ahead(small, RunOptions(), rounds=2, rows=30))
    assert ("asks", "answers", 30, 30) in found["small.improve-1.rows"]
    assert [found[f"small.improve-{n}"][0][2] for n in (1, 2)] == [50, 80]


def test_the_command_prints_it_and_refuses_what_improve_refuses(small):
    done = CliRunner().invoke(app, ["improve", "small.yaml", "--usd", "0.5", "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "new rows cost at most $0.50" in done.stdout and "nothing was written" in done.stdout
    assert max(map(width, done.stdout.splitlines())) <= 80
    with pytest.raises(ConfigError, match="dollars for all rounds or questions"):
        improvement_ahead(small, RunOptions(), rounds=1)


@pytest.mark.slow
def test_the_next_round_is_known_once_the_start_is_there(small, monkeypatch):
    """After the start it tells what the round then asks; after the round, that nothing is left."""

    def stopped(pipeline, options, reporter):
        if pipeline.name != "small.improve":
            raise KeyboardInterrupt
        return run_pipeline(pipeline, options, reporter)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(rounds_of, "run_pipeline", stopped)
        improve(small, RunOptions(), rounds=1, rows=12, reporter=Reporter("silent"))
    before = files()
    ahead = improvement_ahead(small, RunOptions(), rounds=1, rows=12)
    found = by_run(ahead)
    assert files() == before
    assert list(found) == ["small.improve-1.rows", "small.improve-1"], "the start is done"
    assert "questions of" in ahead.notes[0]

    made = improve(small, RunOptions(), rounds=1, rows=12, reporter=Reporter("silent"))
    asked = sum(made["rounds"][1]["asked"].values())
    planned = read_manifest(RunOptions().runs / "small.improve-1.rows" / "answers").requests["planned"]
    (answers,) = [one for one in found["small.improve-1.rows"] if one[1] == "answers"]
    assert answers[2] == asked == planned == answers[3]
    (trained,) = found["small.improve-1"]
    assert made["rounds"][1]["rows_trained"] <= trained[2] <= made["rounds"][0]["rows_trained"] + asked
    done = CliRunner().invoke(app, ["improve", "small.yaml", "--rows", "12", "--dry-run", "--json"])
    plain = orjson.loads(done.stdout)
    assert plain["pieces"] == [] and plain["trains"] == 0 and made["stopped"] in plain["notes"][0]
