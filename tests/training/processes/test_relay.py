"""Rank 0's progress and words are shown by the process of the run, once and in order."""

import os

from synthgen.core.progress import Reporter
from synthgen.training.processes.relay import Relay, RelayReporter


class Shown(Reporter):
    def __init__(self):
        super().__init__("silent")
        self.lines, self.figures, self.finished = [], [], 0

    def say(self, text):
        self.lines.append(text)

    def show(self, progress, force=False):
        self.figures.append((progress.stage, progress.done, progress.total, progress.unit, progress.note))
        self.line = progress.line()

    def finish(self, progress):
        self.finished += 1


def test_words_and_figures_come_through():
    shown = Shown()
    relay = Relay(shown, "student")
    end = os.dup(relay.writing)
    relay.started()
    reporter = RelayReporter(end)
    reporter.say("continuing\nfrom step 4")
    with reporter.stage("student", 10, "steps") as progress:
        progress.update(done=5, total=10, note="loss 1.0", seconds=2.0, left=90.0)
    os.close(end)
    relay.close()
    assert shown.lines == ["continuing\nfrom step 4"]
    assert shown.figures[-1] == ("student", 5, 10, "steps", "loss 1.0")
    assert shown.line == "student 5/10 · 2.5 steps/s · 2 min left · loss 1.0"
    assert shown.finished == 1


def test_a_run_that_has_ended_does_not_end_a_rank_by_its_pipe():
    relay = Relay(Shown(), "student")
    end = os.dup(relay.writing)
    relay.close()
    RelayReporter(end).say("nobody hears this")
    os.close(end)


def test_a_rank_that_ends_leaves_the_run_waiting_for_nothing():
    relay = Relay(Shown(), "student")
    relay.started()
    relay.show(5)
    relay.show(0.01)
    relay.close()
