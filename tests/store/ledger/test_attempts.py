"""Who asks for what, among processes that write to one ledger."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from synthgen.store.ledger import owner as owner_module
from synthgen.store.ledger.attempts import Attempts
from synthgen.store.ledger.owner import Owner, new_owner, parse

KEY = "30313233343536373839616263646566-0"
HOLD = (
    "import sys,time;from pathlib import Path;from synthgen.store.ledger.attempts import Attempts;"
    "from synthgen.store.ledger.owner import new_owner;a=Attempts(Path(sys.argv[1]),new_owner());"
    "print(a.take([sys.argv[2]]),flush=True);time.sleep(60)"
)


@pytest.fixture
def join(tmp_path):
    """Makes writers of one ledger, each as a process would be."""
    made = []

    def make(owner=None):
        made.append(Attempts(tmp_path, owner or new_owner()))
        return made[-1]

    yield make
    for one in made:
        one.close()
    left = [parse(path.name) for path in (tmp_path / "owners").iterdir()]
    assert os.getpid() not in [owner.pid for owner in left], "who leaves takes its name along"


@pytest.fixture
def killed(tmp_path):
    """Makes a process that asks for the request, and kills it."""

    def kill():
        command = [sys.executable, "-c", HOLD, str(tmp_path), KEY]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        answer = process.stdout.readline()
        process.kill()
        process.wait()
        return answer.strip()

    return kill


def files(folder):
    return sorted(path.name for path in (folder / "attempts").iterdir())


def test_who_comes_second_waits_until_the_first_is_done(join):
    one, other = join(), join()
    assert one.take([KEY]) and one.take([KEY]), "parts of a request may be under way together"
    assert not other.take([KEY]) and other.are_asked_elsewhere([KEY]) and other.take(["another"])
    one.give_back([KEY])
    assert not other.take([KEY])
    one.give_back([KEY])
    assert not other.are_asked_elsewhere([KEY]) and other.take([KEY]) and not one.take([KEY])
    assert one.take([KEY], anyhow=True)


def test_who_is_alone_writes_nothing_and_tells_what_is_under_way_as_soon_as_it_has_company(join, tmp_path):
    one = join()
    assert one.take([KEY]) and not (tmp_path / "attempts").exists()
    other = join()
    assert not other.take([KEY]), "a newcomer waits until it was noticed"
    assert files(tmp_path) == [KEY]
    one.give_back([KEY])
    assert not files(tmp_path)


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_of_many_that_find_the_owner_dead_one_takes_over(join, killed, tmp_path, monkeypatch, links):
    joined = [join() for _ in range(6)]
    assert killed() == "True" and files(tmp_path) == [KEY]
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    for _ in range(30):
        start, took = threading.Barrier(len(joined)), []

        def take(one, start=start, took=took):
            start.wait()
            if one.take([KEY]):
                took.append(one)

        threads = [threading.Thread(target=take, args=(one,)) for one in joined]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(took) == 1
        took[0].give_back([KEY])
    assert not files(tmp_path), "the dead owner's file goes with the last one's"


def no_links(*_):
    raise PermissionError(1, "no hard links here")


def test_who_took_over_may_die_too(join, killed, tmp_path):
    one = join()
    assert killed() == "True" and killed() == "True" and len(files(tmp_path)) == 2
    assert not one.are_asked_elsewhere([KEY]) and one.take([KEY]) and len(files(tmp_path)) == 3
    assert not join().take([KEY])


def test_a_takeover_that_came_too_late_begins_anew(join, killed, tmp_path, monkeypatch):
    """Between its look at the dead owner's file and its own, another takes over, asks and is done."""
    one, other = join(), join()
    killed()
    make, interrupted = Attempts._make, []

    def slow(self, path):
        if self is one and path.name != KEY and not interrupted:
            interrupted.append(path)
            assert other.take([KEY])
            other.give_back([KEY])
            assert other.take([KEY]), "asks again, as after a failure"
        return make(self, path)

    monkeypatch.setattr(Attempts, "_make", slow)
    assert not one.take([KEY]) and interrupted and files(tmp_path) == [KEY]


def test_an_owner_on_another_machine_is_believed_until_its_heartbeat_is_old(join, tmp_path, monkeypatch):
    monkeypatch.setattr(owner_module, "BELIEVED_SECONDS", 0.0)
    far = Owner("elsewhere", "0" * 8, 1, "0", 1)
    one = join()
    path = tmp_path / "owners" / far.name
    path.write_bytes(far.name.encode() + b"\n" + owner_module.HEEDS)
    other = join()
    os.link(path, tmp_path / "attempts" / KEY)
    assert not one.take([KEY]) and not other.take([KEY])
    old = time.time() - owner_module.STALE_SECONDS - 1
    os.utime(path, (old, old))
    assert other.take([KEY]) and not one.take([KEY])
    path.unlink()


def test_a_heartbeat_is_kept(join, tmp_path, monkeypatch):
    monkeypatch.setattr(owner_module, "HEARTBEAT_SECONDS", 0.0)
    monkeypatch.setattr(owner_module, "LOOK_SECONDS", 0.01)
    join()
    (path,) = (tmp_path / "owners").iterdir()
    os.utime(path, (0, 0))
    for _ in range(1000):
        if path.stat().st_mtime > 0:
            return
        time.sleep(0.01)
    pytest.fail("no heartbeat")


def test_an_answer_that_got_lost_on_the_way_does_not_make_an_owner_wait_for_itself(join, tmp_path):
    one, _ = join(), join()
    os.link(one._presence.path, tmp_path / "attempts" / KEY)
    assert one.take([KEY])


def test_a_file_without_a_name_is_not_believed_to_be_dead(join, tmp_path):
    one, _ = join(), join()
    (tmp_path / "attempts" / KEY).write_bytes(b"")
    assert not one.take([KEY]) and one.are_asked_elsewhere([KEY]) and one.take([KEY], anyhow=True)


def test_names_are_read_back_and_nonsense_is_dead(join):
    owner = new_owner()
    assert parse(owner.name) == owner and owner.runs_here
    assert not owner._replace(born="1").runs_here and not owner._replace(machine="0" * 8).runs_here
    assert parse("../../etc") is None and not join()._presence.lives("nonsense")


def test_samples_are_taken_together_or_not_at_all(join, tmp_path):
    one, other = join(), join()
    assert one.take(["a-1"]) and not other.take(["a-0", "a-1", "a-2"]) and other.take(["a-2"])
    assert files(tmp_path) == ["a-1", "a-2"] and other.are_asked_elsewhere(["a-0", "a-1"])
    one.give_back(["a-1"])
    assert other.take(["a-0", "a-1", "a-2"]) and files(tmp_path) == ["a-0", "a-1", "a-2"]
    other.give_back(["a-0", "a-1", "a-2"])
    assert files(tmp_path) == ["a-2"]


def test_who_comes_alone_sweeps_away_what_dead_processes_left(join, killed, tmp_path):
    one = join()
    killed()
    join()
    assert files(tmp_path) == [KEY], "not while others are there"
    one.close()
    for each in list((tmp_path / "owners").iterdir()):
        each.unlink()
    join()
    assert not files(tmp_path)


def test_who_comes_while_files_are_removed_takes_the_place_of_all(join, killed, monkeypatch):
    one, other, third = join(), join(), join()
    killed()
    assert one.take([KEY])
    unlink, took = Path.unlink, []

    def remove(self, missing_ok=False):
        unlink(self, missing_ok)
        if not took:
            took.append(None)
            took[0] = other.take([KEY])

    monkeypatch.setattr(Path, "unlink", remove)
    one.give_back([KEY])
    assert took[0] != third.take([KEY])
