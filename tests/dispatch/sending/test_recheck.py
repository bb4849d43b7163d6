"""Two runs on one ledger, out of phase: what one has committed the other does not ask for."""

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from synthgen.core.errors import SynthgenError
from synthgen.store.ledger.ledger import Ledger
from synthgen.store.ledger.writes import RefusalWrite
from synthgen.teachers.config import Budget
from tests.dispatch.questions import chain, question
from tests.servers.misbehaving import MisbehavingTeacher

WORKER = Path(__file__).parents[1] / "worker.py"
ROWS = 50


class Held(MisbehavingTeacher):
    """Holds its first request back until `release` is set; all others are answered at once."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.arrived, self.release = threading.Event(), threading.Event()

    async def _answer(self, http, raw):
        if not self.arrived.is_set():
            self.arrived.set()
            while not self.release.is_set():
                await asyncio.sleep(0.005)
        return await super()._answer(http, raw)


def beside(session, conversations):
    """Starts a fetch in a thread; returns the thread and where its counts will be."""
    counts = []
    thread = threading.Thread(
        target=lambda: counts.append(session.fetch(conversations, total=len(conversations), stage="g")),
        daemon=True,
    )
    thread.start()
    return thread, counts


def test_two_processes_out_of_phase_ask_once(tmp_path):
    def work(concurrency):
        return subprocess.Popen(
            [
                sys.executable,
                str(WORKER),
                teacher.url,
                str(tmp_path / "ledger"),
                str(ROWS),
                str(tmp_path / f"{concurrency}.jsonl"),
                str(concurrency),
                "0",
                "1",
                "60",
            ],
            stderr=subprocess.PIPE,
        )

    with Held() as teacher:
        slow = work(1)
        assert teacher.arrived.wait(60)
        fast = work(6)
        while len(teacher.seen) < 20:
            assert fast.poll() is None, fast.stderr.read()
            time.sleep(0.01)
        teacher.release.set()
        assert fast.wait(60) == 0, fast.stderr.read()
        assert slow.wait(60) == 0, slow.stderr.read()
        assert teacher.requests == len(teacher.seen), "what is under way in one is not asked by the other"
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "6.jsonl").read_bytes()


@pytest.mark.parametrize(
    "budget", [None, Budget(requests=1)], ids=["no cap", "a cap that leaves one request"]
)
def test_what_another_run_has_paid_for_costs_nothing_though_it_was_planned_before(sessions, budget):
    conversations = [chain(i, 2) if i % 3 == 0 else question(i, n=1 + i % 2) for i in range(ROWS)]
    with Held() as teacher:
        slow = sessions(teacher.url, run="slow", limits={"concurrency": 1}, budget=budget)
        thread, counts = beside(slow.open(), [question("first"), *conversations])
        assert teacher.arrived.wait(10)
        fast = sessions(teacher.url, run="fast")
        fast.open().fetch(conversations, total=ROWS, stage="g")
        teacher.release.set()
        thread.join(30)
        assert counts[0].sent == 1 and counts[0].reused == counts[0].answered - 1 == counts[0].planned - 1
        assert teacher.requests == len(teacher.seen)
        assert slow.ledger.spent("slow")[2] == 1
        assert [one.keys for one in slow.open().render(conversations)] == [
            one.keys for one in fast.open().render(conversations)
        ]


def test_of_several_samples_only_those_that_are_still_missing_are_asked(sessions):
    with Held() as teacher:
        thread, counts = beside(
            sessions(teacher.url, run="slow", limits={"concurrency": 1}).open(),
            [question("first"), question("many", n=8)],
        )
        assert teacher.arrived.wait(10)
        sessions(teacher.url, run="fast").open().fetch([question("many", n=5)], total=1, stage="g")
        paid = teacher.billed_completion
        teacher.release.set()
        thread.join(30)
        assert counts[0].answered == 2 and counts[0].sent == 2
        assert teacher.billed_completion == paid + paid // 5 * (1 + 3)


def test_what_another_run_was_refused_is_not_asked_either(sessions, tmp_path):
    with Held() as teacher:
        opened = sessions(teacher.url, run="slow", limits={"concurrency": 1})
        session = opened.open()
        thread, counts = beside(session, [question("first"), question("refused")])
        assert teacher.arrived.wait(10)
        keyed = session.keyed(next(question("refused")()))
        other = Ledger(tmp_path / "ledger")
        other.commit(RefusalWrite(keyed.digest, keyed.canonical, "http_400", "no"))
        other.close()
        teacher.release.set()
        thread.join(30)
        assert counts[0].failed == {"http_400": 1} and counts[0].answered == 1 and teacher.requests == 1


def test_a_lone_run_looks_once(sessions, monkeypatch):
    lookups = []
    look_up = Ledger.look_up

    def counted(self, *args, **options):
        lookups.append(1)
        return look_up(self, *args, **options)

    monkeypatch.setattr(Ledger, "look_up", counted)
    with MisbehavingTeacher() as teacher:
        counts = sessions(teacher.url).open().fetch([question(i) for i in range(ROWS)], total=ROWS, stage="g")
    assert counts.sent == len(lookups) == ROWS


def test_a_ledger_that_cannot_be_read_any_more_stops_the_run(sessions, tmp_path):
    with Held() as teacher:
        opened = sessions(teacher.url, run="slow", limits={"concurrency": 1})
        faults = []

        def fetch():
            try:
                opened.open().fetch([question(i) for i in range(3)], total=3, stage="g")
            except SynthgenError as fault:
                faults.append(str(fault))

        thread = threading.Thread(target=fetch, daemon=True)
        thread.start()
        assert teacher.arrived.wait(10)
        (tmp_path / "ledger" / "ledger-0009.sqlite").write_bytes(b"no ledger at all" * 1000)
        teacher.release.set()
        thread.join(30)
        assert not thread.is_alive() and "cannot be read" in faults[0]
        assert teacher.requests == 1
        (tmp_path / "ledger" / "ledger-0009.sqlite").unlink()
