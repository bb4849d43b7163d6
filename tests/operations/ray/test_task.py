"""What runs on a node, without Ray: a real process, its exit code and its last words."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import cast

import pytest

from synthgen.operations.ray.task import MARK, Order, perform
from synthgen.store.lock import is_alive
from synthgen.version import __version__
from tests import ROOT


@pytest.fixture
def order(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / MARK).write_text("m")

    def make(*words, **other):
        given = {"folder": str(tmp_path), "log": str(tmp_path / "a.log"), "mark": "m", "version": __version__}
        return cast(Order, {"words": list(words), **given, **other})

    return make


def test_the_command_is_given_in_the_drivers_folder_and_logged(order, tmp_path):
    ended = perform(order("-c", "import os; print(os.getcwd())"))
    assert ended["code"] == 0
    assert (tmp_path / "a.log").read_text() == f"{tmp_path}\n"


def test_what_the_command_says_at_its_end_comes_back(order):
    perform(order("-c", "print('of the try before')"))
    ended = perform(order("-m", "synthgen", "run", "nowhere.yaml"))
    assert ended["code"] == 2
    assert "nowhere.yaml" in ended["faults"][0]["where"]


def test_a_death_is_told_as_a_shell_tells_it_with_the_last_line(order):
    ended = perform(order("-c", "import os; print('so far', flush=True); os.kill(os.getpid(), 9)"))
    assert (ended["code"], ended["faults"][0]["what"]) == (137, "so far")


@pytest.mark.parametrize("other", [{"mark": "another"}, {"folder": "/nowhere"}, {"log": "/nowhere/a.log"}])
def test_a_disk_that_is_not_shared_is_told(order, other):
    ended = perform(order("-c", "raise SystemExit(7)", **other))
    assert ended["code"] == 2 and "does not see the run's folder" in ended["faults"][0]["what"]


def test_another_version_is_told(order):
    ended = perform(order("-c", "raise SystemExit(7)", version="0.0.0"))
    assert ended["code"] == 2 and "0.0.0" in ended["faults"][0]["what"]


def test_a_cancelled_task_interrupts_its_process_and_waits_for_it(order, tmp_path):
    code = (
        "import signal, sys, pathlib\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "pathlib.Path('ready').touch()\nsignal.pause()"
    )

    def cancel():
        while not (tmp_path / "ready").exists():
            time.sleep(0.01)
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=cancel).start()
    assert perform(order("-c", code))["code"] == 143


@pytest.mark.timeout(60)
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's, on Linux")
def test_the_process_dies_with_the_worker_that_started_it(order, tmp_path):
    code = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(120)"
    worker = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"from synthgen.operations.ray.task import perform; perform({order('-c', code)!r})",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    pid = tmp_path / "pid"
    while not (pid.exists() and pid.read_text()):
        assert worker.poll() is None
        time.sleep(0.01)
    worker.kill()
    worker.wait()
    while is_alive(int(pid.read_text())):
        time.sleep(0.01)
    assert Path(tmp_path, "a.log").exists()
