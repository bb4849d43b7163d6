"""Shards as processes on a shared folder that has no file locks: killed, requeued, started twice."""

import time

import pytest

from synthgen.operations.merge import merge
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from tests import sharded
from tests.servers.misbehaving import MisbehavingTeacher

ROWS, CONCURRENCY = 160, 8


def test_nothing_is_lost_written_twice_or_paid_twice(in_tmp, monkeypatch):
    no_locks = sharded.without_locks(in_tmp)
    if no_locks is None:
        pytest.skip("needs Linux and a C compiler")
    monkeypatch.setenv("SYNTHGEN_LEDGER_LOCKS", "no")
    with MisbehavingTeacher(latency=(0.01, 0.03)) as teacher:
        sharded.lay_out(in_tmp, teacher.url, ROWS, CONCURRENCY)
        pipeline = load_pipeline(in_tmp / "p.yaml")
        calm = RunOptions(run_dir=in_tmp / "runs/calm", ledger=in_tmp / "calm")
        run_pipeline(pipeline, calm)
        needed = teacher.requests
        options = RunOptions(run_dir=in_tmp / "runs/killed", ledger=in_tmp / "ledger")
        run_pipeline(pipeline, RunOptions(run_dir=options.run_dir, ledger=options.ledger, until="load"))

        first = sharded.start(in_tmp, "killed", *sharded.shard(1, 2), **no_locks)
        while teacher.requests < needed + 3 * CONCURRENCY:  # some are in the ledger by now
            assert first.poll() is None, said(in_tmp)
            time.sleep(0.005)
        first.kill()
        first.wait()
        (left,) = (in_tmp / "ledger").glob("ledger-*.log")
        before = teacher.requests
        twins = [sharded.start(in_tmp, "killed", *sharded.shard(1, 2), **no_locks) for _ in range(2)]
        other = sharded.start(in_tmp, "killed", *sharded.shard(2, 2), **no_locks)
        codes = sorted(process.wait(60) for process in twins)
        assert codes in ([0, 0], [0, 5]), said(in_tmp)  # 0 too where the first had done it all
        assert other.wait(60) == 0, said(in_tmp)
        assert teacher.requests - before <= needed and teacher.requests <= 2 * needed + CONCURRENCY
        assert not left.exists() and left.with_suffix(".sqlite").exists(), "the next one takes care of it"

        merge(pipeline, options)
        assert sharded.sha256(in_tmp, "killed") == sharded.sha256(in_tmp, "calm")
        asked = teacher.requests
        later = RunOptions(run_dir=in_tmp / "runs/later", ledger=in_tmp / "ledger")
        run_pipeline(pipeline, later)
        assert teacher.requests == asked and sharded.sha256(in_tmp, "later") == sharded.sha256(in_tmp, "calm")
    assert not list((in_tmp / "ledger").glob("*.log")) and not list((in_tmp / "ledger").glob("*-wal"))
    assert not list((in_tmp / "ledger" / "owners").glob(f"*-{other.pid}-*"))


def said(folder):
    return (folder / "killed.log").read_text()[-2000:]
