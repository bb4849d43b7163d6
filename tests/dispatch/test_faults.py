import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from synthgen.core.errors import TeacherFailed
from tests.dispatch.questions import question
from tests.servers.misbehaving import FAULTS, MisbehavingTeacher

pytestmark = pytest.mark.slow

ROWS = 1000
TRANSIENT = (
    "429",
    "429_after",
    "429_date",
    "500",
    "503",
    "reset",
    "hang",
    "half_body",
    "invalid_json",
    "invalid_utf8",
    "error_in_200",
)


OF_CHOICES = ("fewer_choices", "shuffled_choices")
PATIENCE = 60.0
"""Seconds without a request at the server that would be a hang: pauses are cut to hundredths here,
timeouts to a few seconds.
"""


@contextmanager
def watched(teacher: MisbehavingTeacher) -> Iterator[None]:
    """Fails where the server saw nothing for too long while the requests were made."""
    done = threading.Event()
    longest = 0.0

    def watch() -> None:
        nonlocal longest
        changed, seen = time.monotonic(), teacher.requests
        while not done.wait(0.05):
            longest = max(longest, time.monotonic() - changed)
            if teacher.requests != seen:
                changed, seen = time.monotonic(), teacher.requests

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    assert longest < PATIENCE


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in OF_CHOICES])
def test_under_each_fault_nothing_is_missing_and_nothing_is_twice(sessions, fault):
    # A minute is long enough for a busy machine.
    limits = {"concurrency": 128, "timeout": 4.0} if fault == "hang" else {"concurrency": 32, "timeout": 60.0}
    with MisbehavingTeacher({fault: 0.05}, latency=(0.0, 0.005)) as teacher:
        session = sessions(teacher.url, limits=limits).open()
        with watched(teacher):
            counts = session.fetch([question(i) for i in range(ROWS)], total=ROWS, stage="g")
        assert teacher.given[fault] > ROWS // 40
        rendered = list(session.render(question(i) for i in range(ROWS)))
        assert len(rendered) == ROWS == len(teacher.seen)
        assert len({key for one in rendered for key in one.keys}) == counts.answered
        if fault == "400":
            refused = [one for one in rendered if one.state == "failed"]
            assert len(refused) == teacher.given["400"] == counts.failed["http_400"] == ROWS - counts.answered
            assert all(one.reason == "http_400" and "was refused" in one.detail for one in refused)
        else:
            assert counts.answered == ROWS and {one.state for one in rendered} == {"answered"}
        before = teacher.requests
        assert before == ROWS + (teacher.given[fault] if fault in TRANSIENT else 0)
        assert session.fetch([question(i) for i in range(ROWS)], total=ROWS, stage="g").sent == 0
        assert teacher.requests == before


@pytest.mark.parametrize("fault", OF_CHOICES)
def test_samples_are_whole_and_in_order_whatever_becomes_of_a_replys_choices(sessions, fault):
    with MisbehavingTeacher({fault: 0.05}, latency=(0.0, 0.005)) as teacher:
        session = sessions(teacher.url, limits={"concurrency": 32}).open()
        with watched(teacher):
            assert (
                session.fetch([question(i, n=3) for i in range(ROWS)], total=ROWS, stage="g").answered == ROWS
            )
        # After the first of "fewer_choices", samples are asked for one by one.
        assert teacher.given[fault] > (0 if fault == "fewer_choices" else ROWS // 40)
        rendered = list(session.render(question(i, n=3) for i in range(ROWS)))
        assert len({key for one in rendered for key in one.keys}) == 3 * ROWS and all(
            len(one.result) == 3 for one in rendered
        )
        if fault == "shuffled_choices":
            assert teacher.requests == ROWS
            assert all(
                text.split()[1].endswith(f".{sample}")
                for one in rendered
                for sample, text in enumerate(one.result)
            )


def test_replies_out_of_order_go_to_whoever_asked(sessions):
    with MisbehavingTeacher(out_of_order=16) as shuffled, MisbehavingTeacher() as plain:
        results = []
        for number, teacher in enumerate((shuffled, plain)):
            session = sessions(
                teacher.url, limits={"concurrency": 32}, run=f"run {number}", identity=f"teacher {number}"
            ).open()
            with watched(teacher):
                assert (
                    session.fetch([question(i) for i in range(ROWS)], total=ROWS, stage="g").answered == ROWS
                )
            results.append([one.result for one in session.render(question(i) for i in range(ROWS))])
            assert teacher.requests == ROWS
        assert results[0] == results[1] and shuffled.reordered > ROWS // 2


@pytest.mark.parametrize("latency", [0.002, (0.0, 0.02), ("lognormal", 0.002, 1.5)])
def test_whatever_the_latencies_all_is_answered_once(sessions, latency):
    with MisbehavingTeacher(latency=latency) as teacher:
        session = sessions(teacher.url, limits={"concurrency": 64}).open()
        with watched(teacher):
            assert session.fetch([question(i) for i in range(ROWS)], total=ROWS, stage="g").answered == ROWS
        assert teacher.requests == ROWS == teacher.served


def test_under_all_faults_at_once_the_run_ends_with_every_row_accounted_for(sessions):
    with MisbehavingTeacher(
        {fault: 0.05 for fault in FAULTS if fault != "slow"}, latency=(0.0, 0.005)
    ) as teacher:
        session = sessions(teacher.url, limits={"concurrency": 64, "timeout": 1.0, "max_attempts": 30}).open()
        with watched(teacher):
            counts = session.fetch((question(i) for i in range(ROWS)), total=ROWS, stage="g")
        rendered = list(session.render(question(i) for i in range(ROWS)))
        states = [one.state for one in rendered]
        assert len(rendered) == ROWS == len(teacher.seen)
        assert counts.planned == ROWS == counts.answered + sum(counts.failed.values())
        assert states.count("answered") == counts.answered and states.count("failed") == sum(
            counts.failed.values()
        )
        assert all(one.reason and one.detail for one in rendered if one.state == "failed")
        assert len({key for one in rendered for key in one.keys}) == counts.answered


def test_a_request_whose_tries_are_spent_fails_with_its_reason_and_is_asked_again_only_on_demand(sessions):
    with MisbehavingTeacher({"500": 0.1}, permanent=True) as teacher:
        options = {"limits": {"max_attempts": 3, "concurrency": 8}}
        conversations = [question(i) for i in range(200)]
        session = sessions(teacher.url, **options).open()
        counts = session.fetch(conversations, total=200, stage="g")
        broken = counts.failed["http_500"]
        assert broken > 5 and counts.answered == 200 - broken and teacher.given["500"] == 3 * broken
        failed = [one for one in session.render(conversations) if one.state == "failed"]
        assert (
            len(failed) == broken
            and {one.reason for one in failed} == {"http_500"}
            and "The server had an error" in failed[0].detail
        )

        before = teacher.requests
        plain = sessions(teacher.url, **options).open()
        assert plain.fetch(conversations, total=200, stage="g").failed == {"http_500": broken}
        assert teacher.requests == before

        teacher.faults = {}
        repaired = sessions(teacher.url, retry_failed=True, **options).open()
        assert repaired.fetch(conversations, total=200, stage="g").sent == broken
        assert teacher.requests == before + broken
        assert {one.state for one in repaired.render(conversations)} == {"answered"}


def test_another_run_is_not_bound_by_the_failures_of_the_first(sessions):
    with MisbehavingTeacher({"500": 0.2}, permanent=True) as teacher:
        sessions(teacher.url, run="one", limits={"max_attempts": 2}).open().fetch(
            [question(i) for i in range(50)], total=50, stage="g"
        )
        teacher.faults = {}
        counts = (
            sessions(teacher.url, run="two")
            .open()
            .fetch([question(i) for i in range(50)], total=50, stage="g")
        )
        assert counts.answered == 50 and not counts.failed


def test_a_teacher_that_goes_down_stops_the_run_and_the_same_command_goes_on(sessions):
    with MisbehavingTeacher() as teacher:
        session = sessions(teacher.url, limits={"max_attempts": 2, "concurrency": 8}).open()
        assert session.fetch([question(i) for i in range(20)], total=20, stage="g").answered == 20
        teacher.faults = {"503": 1.0}
        with pytest.raises(TeacherFailed, match="brought no reply"):
            session.fetch([question(i) for i in range(500)], total=500, stage="g")
        assert teacher.requests < 200
        teacher.faults = {}
        resumed = sessions(teacher.url).open().fetch([question(i) for i in range(500)], total=500, stage="g")
        assert resumed.answered == 500 and resumed.reused == 20


def test_refusals_are_remembered_across_runs(sessions):
    with MisbehavingTeacher({"400": 0.2}) as teacher:
        first = (
            sessions(teacher.url, run="one")
            .open()
            .fetch([question(i) for i in range(100)], total=100, stage="g")
        )
        before = teacher.requests
        second = (
            sessions(teacher.url, run="two", retry_failed=True)
            .open()
            .fetch([question(i) for i in range(100)], total=100, stage="g")
        )
        assert second.failed == first.failed and teacher.requests == before
        refused = sum(first.failed.values())
        again = sessions(teacher.url, run="three", retry_failed="all").open()
        counts = again.fetch([question(i) for i in range(100)], total=100, stage="g")
        assert counts.answered == 100 - sum(counts.failed.values())
        assert teacher.requests == before + refused
        rendered = list(again.render([question(i) for i in range(100)]))
        assert sum(one.state == "failed" for one in rendered) == sum(counts.failed.values())
        teacher.faults = {}
        healed = sessions(teacher.url, run="four", retry_failed="all").open()
        assert healed.fetch([question(i) for i in range(100)], total=100, stage="g").answered == 100
        later = sessions(teacher.url, run="five").open()
        assert later.fetch([question(i) for i in range(100)], total=100, stage="g").reused == 100
