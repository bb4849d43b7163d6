"""What follows an exit code, and how often."""

import pytest

from synthgen.core.exit_codes import codes
from synthgen.operations.ray.retries import FAILURES, HELD_SECONDS, INTERRUPTIONS, Tries
from synthgen.store.lock import STALE_SECONDS


@pytest.mark.parametrize("code", [0, 141, *codes("changed")])
def test_what_only_a_change_mends_is_not_tried_again(code):
    assert Tries().after(code, 0.0) is None


@pytest.mark.parametrize("code", [1, 137, 139])
def test_a_failure_and_a_death_are_tried_again_a_few_times(code):
    tries = Tries()
    assert [tries.after(code, 0.0) is None for _ in range(FAILURES)] == [False] * (FAILURES - 1) + [True]


@pytest.mark.parametrize("code", codes("at once"))
def test_an_interruption_by_somebody_else_is_begun_again_at_once(code):
    tries = Tries()
    assert tries.after(code, 0.0) == 0.0
    assert [tries.after(code, 0.0) for _ in range(INTERRUPTIONS - 1)][-1] is None


def test_who_holds_the_work_is_waited_for_until_its_lock_is_stale():
    tries = Tries()
    assert tries.after(5, 100.0) and tries.after(5, 100.0 + STALE_SECONDS + 10)
    assert tries.after(5, 100.0 + HELD_SECONDS) is None
    tries = Tries()
    tries.after(5, 0.0)
    tries.after(143, 1.0)
    assert tries.after(5, HELD_SECONDS + 1), "it was free in between"
