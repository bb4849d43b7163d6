"""What a person sees of a training: rate, time left and how far a measurement is; by a clock of the test."""

import pytest
import torch
from transformers import TrainerControl, TrainerState

from synthgen.core.progress import Reporter
from synthgen.training import pace
from synthgen.training.follow import Counters, Follower, Measure
from synthgen.training.watched import tell_measured


class Arguments:
    device = torch.device("cpu")
    per_device_train_batch_size = 1


class Listener(Reporter):
    def __init__(self):
        super().__init__("silent")
        self.lines = []

    def show(self, progress, force=False):
        self.lines.append(progress.line())


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(pace.Pace.__init__, "__defaults__", (lambda: now[0],))
    return now


def trained(tmp_path, clock, first, last, measure=None):
    """The lines of the steps after `first`, the first of them in 100 s and the others in 2 s."""
    reporter = Listener()
    progress = reporter.stage("sft", last, "steps")
    follower = Follower(
        tmp_path, tmp_path / "metrics.jsonl", Counters(first * 10), progress, lambda: 0, measure, 5, None
    )
    state = TrainerState(global_step=first, max_steps=last, epoch=0.0)
    follower.on_train_begin(Arguments, state, TrainerControl())
    for step in range(first + 1, last + 1):
        clock[0] += 100.0 if step == first + 1 else 2.0
        state.global_step, state.num_input_tokens_seen = step, step * 10
        follower.on_step_end(Arguments, state, TrainerControl())
        logs = {"loss": 1.5, "learning_rate": 0.1, "num_tokens": (step - first) * 10}
        follower.on_log(Arguments, state, TrainerControl(), logs)
    follower.close()
    return reporter.lines


def test_the_time_left_is_known_after_the_first_steps(tmp_path, clock):
    lines = trained(tmp_path, clock, 0, 10)
    assert "left" not in "".join(line for line in lines if line.startswith(("sft 1/", "sft 2/")))
    assert "sft 3/10 · 0.5 steps/s · 5 tok/s · 14 s left · loss 1.500" in lines


def test_after_a_resume_only_the_steps_of_this_process_tell_the_rate(tmp_path, clock):
    assert "sft 93/100 · 0.5 steps/s · 5 tok/s · 14 s left · loss 1.500" in trained(tmp_path, clock, 90, 100)


def test_a_measurement_shows_how_far_it_is_and_counts_as_no_step(tmp_path, clock):
    def of(model):
        for done in (25, 50, 75, 100):
            clock[0] += 10.0
            tell_measured(done, 100)
        return {"validation_loss": 1.0}

    lines = trained(tmp_path, clock, 0, 10, Measure("validation_loss", False, of))
    assert "sft 0/10 · measured 25/100 validation rows" in lines
    # Five steps of 2 s and the measurement behind the last one; before that the rest of this measurement.
    assert any("5/10" in line and "80 s left · measured 25/100" in line for line in lines)
    assert any("6/10" in line and "0.5 steps/s" in line and "48 s left" in line for line in lines)
