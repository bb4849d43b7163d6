"""The same question at the same time: one process asks, the other waits for the reply."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from synthgen.core.errors import Interrupted
from synthgen.dispatch.sending import elsewhere
from tests.dispatch.questions import chain, question
from tests.dispatch.sending.test_recheck import Held, beside
from tests.servers.misbehaving import MisbehavingTeacher

WORKER = Path(__file__).parents[1] / "worker.py"


@pytest.fixture(params=["yes", "no"], ids=["locks", "no locks"])
def locks(request, monkeypatch):
    """A folder with file locks, or without."""
    monkeypatch.setenv("SYNTHGEN_LEDGER_LOCKS", request.param)


def test_what_two_runs_ask_at_the_same_time_is_paid_once(sessions, locks):
    conversations = [chain(i, 2) if i % 3 == 0 else question(i, n=1 + i % 2) for i in range(60)]
    with MisbehavingTeacher(latency=(0.0, 0.02)) as teacher:
        opened = [sessions(teacher.url, run=name, limits={"concurrency": 8}) for name in ("one", "other")]
        fetched = [beside(each.open(), conversations) for each in opened]
        for thread, _ in fetched:
            thread.join(30)
        assert teacher.requests == len(teacher.seen)
        (one,), (other,) = (counts for _, counts in fetched)
        assert one.answered == other.answered and one.sent + other.sent == teacher.requests
        assert one.reused == other.sent and other.reused == one.sent
        keys = [[rendered.keys for rendered in each.open().render(conversations)] for each in opened]
        assert keys[0] == keys[1]
    for each in opened:
        each.close()
        assert not list((each.ledger.folder / "attempts").iterdir())


def test_who_waits_takes_over_when_the_owner_is_killed(sessions, tmp_path, locks):
    with Held() as teacher:
        arguments = [teacher.url, str(tmp_path / "ledger"), "1", str(tmp_path / "out"), "1", "0", "1", "60"]
        owner = subprocess.Popen([sys.executable, str(WORKER), *arguments], stderr=subprocess.PIPE)
        assert teacher.arrived.wait(60)
        waiting = sessions(teacher.url, run="waiting", sampling={"max_tokens": 64}, limits={"timeout": 60})
        thread, counts = beside(waiting.open(), [chain(0, 2), question("own")])
        while not teacher.seen:
            thread.join(0.01)
        assert len(teacher.seen) == 1 and thread.is_alive(), "its own question is asked, the other one is not"
        owner.kill()
        owner.wait()
        thread.join(30)
        teacher.release.set()
        assert counts[0].answered == 3 and counts[0].sent == 3


def test_a_signal_ends_the_wait(sessions):
    stop = []
    with Held() as teacher:
        first, _ = beside(sessions(teacher.url, run="first").open(), [question("same")])
        assert teacher.arrived.wait(10)
        opened = sessions(teacher.url, run="second", stopping=lambda: 15 if stop else 0)
        session, ended = opened.open(), []

        def fetch():
            with pytest.raises(Interrupted):
                session.fetch([question("same"), question("own")], total=2, stage="g")
            ended.append(True)

        thread = threading.Thread(target=fetch, daemon=True)
        thread.start()
        while not teacher.seen:
            thread.join(0.01)
        stop.append(True)
        thread.join(30)
        assert ended and len(teacher.seen) == 1
        assert [one.state for one in session.render([question("same"), question("own")])][0] == "unsent"
        teacher.release.set()
        first.join(10)


def test_who_has_waited_longer_than_an_attempt_can_take_asks_itself(sessions, monkeypatch):
    monkeypatch.setattr(elsewhere, "PATIENCE", 0.0)
    with Held() as teacher:
        slow = sessions(teacher.url, run="first", limits={"timeout": 600})
        first, _ = beside(slow.open(), [question("same")])
        assert teacher.arrived.wait(10)
        too_late = time.monotonic() + 30
        impatient = sessions(
            teacher.url,
            run="second",
            limits={"timeout": 0.3},
            stopping=lambda: 15 if time.monotonic() > too_late else 0,
        ).open()
        assert impatient.fetch([question("same")], total=1, stage="g").sent == 1
        teacher.release.set()
        first.join(10)
        assert teacher.requests == 2


def test_equal_questions_of_one_run_do_not_wait_for_another_runs_other_samples(sessions):
    """Each occurrence of a question has samples of its own."""
    with Held() as teacher:
        first, _ = beside(sessions(teacher.url, run="first").open(), [question("same")])
        assert teacher.arrived.wait(10)
        second = sessions(teacher.url, run="second")
        thread, counts = beside(second.open(), [question("same", n=2), question("else")])
        while not teacher.seen:
            thread.join(0.01)
        teacher.release.set()
        thread.join(30)
        first.join(10)
        assert counts[0].answered == 2 and counts[0].sent == 2, "of two samples only the second is asked"
