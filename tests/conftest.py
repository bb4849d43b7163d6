"""What all tests share: no hub, child processes that import this checkout, and a folder to run in.

No test leaves a process behind, whether it passes or not: what it started itself ends with it, and the
session fails where anything else is left at its end. Such a process is found by its parents: on Linux, a
process whose parent has ended becomes a child of the session's, whatever it calls itself. Elsewhere it is
found by a variable in its environment, which a process that renames itself may lose.
"""

import ctypes
import gc
import os
import subprocess
import sys
from unittest.mock import patch

import psutil
import pytest
from hypothesis import HealthCheck, settings

from tests import ROOT

SESSION = "SYNTHGEN_TEST_SESSION"
"""In the environment of every process that a test starts; holds the pid of the session's process."""
GRACE = 10
"""Seconds that a process has for ending by itself."""

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
os.environ[SESSION] = str(os.getpid())


if sys.platform == "linux":
    ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER

# No test may fail because the machine is busy.
settings.register_profile(
    "unhurried",
    deadline=None,
    derandomize="CI" in os.environ,  # there the same examples each time; elsewhere new ones
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items):
    """Files with slow tests come first, so that no worker ends long after the other."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    """A test that runs in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module", autouse=True)
def collections_are_short():
    """What is there by now, modules above all, is not looked through again at each collection."""
    gc.collect()
    gc.freeze()
    yield


@pytest.fixture(autouse=True)
def processes_end_with_their_test():
    """Kills what a test started and did not end, so that one that fails midway slows no others."""
    started = []
    start = subprocess.Popen.__init__

    def noted(process, *args, **options):
        start(process, *args, **options)
        started.append(process)

    with patch.object(subprocess.Popen, "__init__", noted):
        yield
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left_behind():
    """Kills what tests left running, and fails the session with their commands and folders."""
    yield
    _, left = psutil.wait_procs(started_processes(), timeout=GRACE)
    described = [describe(process) for process in left]
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=GRACE)
    assert not described, "tests left processes running:\n" + "\n".join(described)


def started_processes():
    """The living descendants of this process, also those whose parent is gone; not Python's own helper."""
    descendants = psutil.Process().children(recursive=True)
    orphans = [process for process in psutil.process_iter() if session_of(process) == str(os.getpid())]
    return [process for process in {*descendants, *orphans} if not is_helper(process)]


def session_of(process):
    try:
        return process.environ().get(SESSION)
    except (psutil.Error, OSError):
        return None


def is_helper(process):
    """Whether it is a zombie or multiprocessing's resource tracker, which ends with this process."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE or "resource_tracker" in " ".join(process.cmdline())
    except psutil.Error:
        return True


def describe(process):
    try:
        return f"  {process.pid}: {' '.join(process.cmdline())[:300]} in {process.cwd()}"
    except psutil.Error:
        return f"  {process.pid}"
