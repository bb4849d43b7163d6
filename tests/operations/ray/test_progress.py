"""The line of a part that is under way on many machines."""

import time
from dataclasses import replace

import orjson
import pytest

from synthgen.core.progress import Reporter
from synthgen.core.resources import shipped
from synthgen.operations.jobs.parts import Part
from synthgen.operations.ray.progress import PartProgress
from synthgen.pipeline.file import load_pipeline
from synthgen.store.lock import RunLock
from synthgen.teachers.config import Budget

SHARDED = Part(("rationales", "filter"), shards=3)
FIGURES = {"unit": "rows", "reused": 5, "tokens": 100, "cost_usd": 0.5, "failed": 1}


@pytest.fixture
def pipeline():
    return replace(load_pipeline(shipped("pipelines/quickstart.yaml")), budget=Budget(usd=4))


def report(folder, stage, done, total, at=1.0):
    folder.mkdir(parents=True, exist_ok=True)
    status = {"at": time.time() + at, "stage": stage, "done": done, "total": total, **FIGURES}
    (folder / "status.json").write_bytes(orjson.dumps(status))


def look(progress, *given):
    progress.look(*given)
    return progress._line


def test_shards_are_added_up(tmp_path, pipeline):
    with PartProgress(Reporter("silent"), pipeline, SHARDED, tmp_path) as progress:
        one, two = (tmp_path / f"shards/{number}-of-3" for number in (1, 2))
        report(one, "rationales", 10, 40)
        report(two, "rationales", 20, 40)
        with RunLock(one), RunLock(two):
            line = look(progress, 3, 0, 3)
        assert (line.done, line.total, line.tokens, line.cost, line.cap, line.failed) == (
            30,
            None,  # what the third has to do is not known yet
            200,
            1.0,
            4,
            2,
        )
        assert line.note == "2 of 3 shards at work, 0 done, 1 queued"
        report(tmp_path / "shards/3-of-3", "rationales", 0, 41)
        line = look(progress, 1, 1, 3)
        assert (line.done, line.total, line.note) == (
            30,
            121,
            "0 of 3 shards at work, 1 done, 1 queued, 1 tried again soon",
        )
        assert look(progress, 1, 0, 1).note == "merging"


def test_what_a_run_before_reported_does_not_count(tmp_path, pipeline):
    with PartProgress(Reporter("silent"), pipeline, SHARDED, tmp_path) as progress:
        report(tmp_path / "shards/1-of-3", "rationales", 10, 40, at=-60)
        assert look(progress, 3, 0, 3).done == 0


def test_a_whole_part_shows_the_stage_that_it_is_at(tmp_path, pipeline):
    part = Part(("questions", "split"))
    with PartProgress(Reporter("silent"), pipeline, part, tmp_path) as progress:
        assert look(progress, 1, 0, 1).note == "queued"
        report(tmp_path, "split", 7, 9)
        line = look(progress, 1, 0, 1)
        assert (line.stage, line.done, line.total, line.note) == ("split", 7, 9, "")
