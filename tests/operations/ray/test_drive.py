"""The driver's way through a pipeline, with processes of this machine in Ray's place."""

from contextlib import contextmanager
from pathlib import Path

import pytest

from synthgen.core.errors import RunLocked
from synthgen.core.progress import Reporter
from synthgen.core.resources import shipped
from synthgen.operations.jobs.files import Work
from synthgen.operations.ray import drive
from synthgen.operations.ray.drive import FOLDER, Site, run_on_ray
from synthgen.operations.ray.plan import Need, Node
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.store.lock import RunLock
from tests import ROOT
from tests.operations.ray.processes import Processes

PIPELINE = """
version: 1
name: sums
teacher: {provider: builtin}
stages:
- load: {sources: [{path: SEEDS}]}
- generate: {task: rationale}
- filter: {rules: [truncated]}
- dedup: {methods: [exact]}
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    found = Processes([Node(4), Node(1)])

    @contextmanager
    def connected(address):
        assert address == "here:1"
        yield found

    monkeypatch.setattr(drive, "connected", connected)
    Path("sums.yaml").write_text(PIPELINE.replace("SEEDS", str(shipped("data/seeds/arithmetic.jsonl"))))
    return found


def run(**options):
    pipeline = load_pipeline(Path("sums.yaml"))
    work = Work(Path("sums.yaml"), pipeline.name, (), (), (), 5)
    return run_on_ray(pipeline, RunOptions(**options), work, Site("here:1", shards=2), Reporter("silent"))


def rows(folder):
    return [Path(folder, stage, "rows.jsonl").read_bytes() for stage in ("generate", "filter", "dedup")]


@pytest.mark.slow
def test_the_rows_are_those_of_one_run_and_a_second_run_sends_nothing(cluster):
    done = run(metrics_file=Path("sums.prom"))
    assert set(done.done.values()) == {"ran"} and list(done.stages) == ["load", "generate", "filter", "dedup"]
    shard = "generate-to-filter"
    assert [name for name, _ in cluster.sent] == [
        "load",
        f"{shard}.1-of-2",
        f"{shard}.2-of-2",
        f"{shard}.merge",
        "dedup",
    ]
    assert {need for _, need in cluster.sent} == {Need(1)}
    assert 'synthgen_run_exit_code{run="sums"} 0' in Path("sums.prom").read_text()
    whole = RunOptions(runs=Path("whole"), ledger=Path("whole/ledger"))
    run_pipeline(load_pipeline(Path("sums.yaml")), whole, Reporter("silent"))
    assert rows("data/runs/sums") == rows("whole/sums")
    cluster.sent.clear()
    assert set(run().done.values()) == {"skipped"} and not cluster.sent


def test_a_driver_at_work_keeps_a_second_one_away(cluster):
    with RunLock(Path("data/runs/sums") / FOLDER), pytest.raises(RunLocked):
        run()


def test_from_and_until_choose_parts(cluster):
    done = run(until="load")
    assert [name for name, _ in cluster.sent] == ["load"] and list(done.stages) == ["load"]
