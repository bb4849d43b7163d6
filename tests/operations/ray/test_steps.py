"""Tasks that fail, are interrupted, or have no room: real processes, without Ray."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from synthgen.core.errors import Interrupted
from synthgen.core.interrupts import Stopping
from synthgen.core.progress import Reporter
from synthgen.operations.jobs.parts import Part
from synthgen.operations.ray import retries, steps
from synthgen.operations.ray.plan import Need, Node
from synthgen.operations.ray.progress import PartProgress
from synthgen.operations.ray.steps import Sending, Step, TaskFailed
from synthgen.operations.ray.task import MARK
from synthgen.pipeline.file import load_pipeline
from tests import ROOT
from tests.operations.ray.processes import Processes

STAYS = """
import pathlib, signal, sys, time
name = sys.argv[1]
def end(*_):
    pathlib.Path(name + ".interrupted").touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
pathlib.Path(name + ".began").touch()
until = pathlib.Path(name + ".go")
while not until.exists():
    time.sleep(0.01)
"""
BEGINS = (
    "import pathlib, time\nwhile not pathlib.Path('0.began').exists(): time.sleep(0.01)\nraise SystemExit({})"
)
FAILS_ONCE = (
    "import pathlib\npath = pathlib.Path('before')\nthere = path.exists()\npath.touch()\n"
    "raise SystemExit(0 if there else 1)"
)


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(retries, "SECONDS_LATER", 0.0)
    monkeypatch.setattr(steps, "LOOK_SECONDS", 0.1)
    (tmp_path / MARK).write_text("m")
    (tmp_path / "rows.jsonl").write_text("{}\n")
    (tmp_path / "one.yaml").write_text("version: 1\nname: one\nstages:\n- load: {sources: [rows.jsonl]}\n")
    return Processes()


def perform(cluster, *codes):
    """Does a step for each code of Python that is given."""
    made = [Step(str(number), ["-c", code, str(number)], Need(1)) for number, code in enumerate(codes)]
    part = Part(("load",), shards=len(codes))
    with (
        Stopping() as stopping,
        PartProgress(Reporter("silent"), load_pipeline(Path("one.yaml")), part, Path("run")) as progress,
    ):
        Sending(cluster, stopping, Reporter("silent"), Path(), "m", 5.0).perform(made, progress)


def test_all_end_well(cluster):
    perform(cluster, "pass", "pass")
    assert [name for name, _ in cluster.sent] == ["0", "1"]


def test_a_failure_is_sent_again(cluster):
    perform(cluster, FAILS_ONCE, "pass")
    assert sorted(name for name, _ in cluster.sent) == ["0", "0", "1"]


@pytest.mark.parametrize("code", [3, 4])
def test_a_share_that_is_spent_stops_no_other_shard(cluster, code):
    then = f"import pathlib\npathlib.Path('0.go').touch()\n{BEGINS.format(code)}"
    with pytest.raises(TaskFailed) as told:
        perform(cluster, STAYS, then)
    assert told.value.exit_code == code and not cluster.cancelled


def test_what_is_wrong_for_all_interrupts_the_others(cluster):
    with pytest.raises(TaskFailed) as told:
        perform(cluster, STAYS, BEGINS.format(2))
    assert told.value.exit_code == 2 and Path("0.interrupted").exists()
    assert told.value.faults[0].what.startswith("1 on ")


def test_deaths_that_do_not_end_are_a_failure(cluster):
    with pytest.raises(TaskFailed) as told:
        perform(cluster, "import os; os.kill(os.getpid(), 9)")
    assert told.value.exit_code == 1 and len(cluster.sent) == retries.FAILURES


def test_a_signal_interrupts_all_and_waits_for_them(cluster):
    def signal_when_begun():
        while not (Path("0.began").exists() and Path("1.began").exists()):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=signal_when_begun).start()
    with pytest.raises(Interrupted) as told:
        perform(cluster, STAYS, STAYS)
    assert told.value.exit_code == 143
    assert Path("0.interrupted").exists() and Path("1.interrupted").exists()


def test_where_no_node_is_left_with_room_that_is_a_failure(cluster, monkeypatch):
    monkeypatch.setattr(steps, "ROOM_SECONDS", 0.0)
    cluster.have = [Node(0.5)]
    with pytest.raises(TaskFailed) as told:
        perform(cluster, STAYS)
    assert "no node that is left has 1 CPU" in str(told.value)
