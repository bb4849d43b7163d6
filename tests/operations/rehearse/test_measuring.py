"""The time of a step by what a training shows, and memory that is measured from a moment on."""

import sys

import numpy
import pytest

from synthgen.core.progress import Reporter
from synthgen.operations.rehearse import measuring
from synthgen.operations.rehearse.measuring import Peak, Watching
from synthgen.store.machine import peak_memory_bytes
from synthgen.training.watched import WRITING


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test sets."""
    seconds = [0.0]
    monkeypatch.setattr(measuring, "now", lambda: seconds[0])
    return seconds


@pytest.mark.parametrize("measured", [True, False], ids=["measured", "not measured"])
def test_the_step_is_timed_alone(clock, measured):
    watching = Watching(Reporter("silent"), step=2)
    with watching.stage("student", 2, "steps") as progress:
        clock[0] = 50  # measured at the start, and the first step
        progress.update(done=1, note="loss 3")
        progress.update(note=WRITING)
        clock[0] = 54
        if measured:
            progress.update(note="measuring on the validation rows")
            clock[0] = 90
        progress.update(done=2, note="loss 2")
        clock[0] = 99
    assert watching.step_seconds == 4


def test_other_progress_is_no_step_and_all_is_handed_on(clock):
    class Shown(Reporter):
        def __init__(self):
            super().__init__("silent")
            self.heard = []

        def say(self, text):
            self.heard.append(text)

        def show(self, progress, force=False):
            self.heard.append(progress.line().partition(" ")[0])

    shown = Shown()
    watching = Watching(shown, step=2)
    watching.say("hello")
    with watching.stage("rows", 5) as progress:
        progress.update(done=1)
        progress.update(done=2)
    assert watching.step_seconds is None and shown.heard == ["hello", "rows", "rows", "rows"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a peak")
def test_a_peak_is_that_since_it_was_begun():
    numpy.ones(60_000_000)  # 480 MB, given back at once
    before = peak_memory_bytes()
    peak = Peak()
    assert peak.resident() < before - 400_000_000
    numpy.ones(30_000_000)
    assert before - 300_000_000 < peak.resident() < before
