"""The time left follows from steps and measurements of this process, without its first step."""

import pytest

from synthgen.training.pace import Pace


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_the_first_step_is_left_out_and_two_more_tell_the_time_left():
    clock = Clock()
    pace = Pace(103, 0, clock)
    told = []
    for step, seconds in ((1, 60.0), (2, 2.0), (3, 4.0)):
        clock.now += seconds
        pace.step()
        told.append(pace.left(step))
    assert told == [None, None, 300.0] and (pace.steps, pace.seconds) == (2, 6.0)


def test_a_resumed_training_counts_its_own_steps_only():
    clock = Clock()
    pace = Pace(1000, 0, clock)
    for _ in range(3):  # 901 to 903
        clock.now += 1.0
        pace.step()
    assert pace.left(903) == 97.0


def measured(pace, clock, seconds):
    with pace.measuring() as rest:
        clock.now += seconds / 4
        assert rest(0.25) == pytest.approx(seconds * 3 / 4) and rest(0.0) == 0.0
        clock.now += seconds * 3 / 4


def test_measurements_are_timed_apart_and_those_to_come_are_added():
    clock = Clock()
    pace = Pace(10, 4, clock)
    measured(pace, clock, 20.0)  # before the first step
    for _ in (1, 2, 3, 4):
        clock.now += 1.0
        pace.step()
    assert pace.left(4) == 6.0 + 2 * 20.0  # at 8 and at 10
    measured(pace, clock, 40.0)
    clock.now += 1.0
    pace.step()
    assert pace.seconds == 4.0 and pace.left(5) == 5.0 + 2 * 30.0
    assert pace.left(8) == 2.0 + 30.0 and pace.left(10) == 0.0
