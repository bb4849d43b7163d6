import sqlite3
import threading
from pathlib import Path

import pytest

from synthgen.core.errors import SynthgenError
from synthgen.store.ledger import hash_index
from synthgen.store.ledger.file import ledger_files, open_for_reading
from synthgen.store.ledger.key import key_of
from synthgen.store.ledger.ledger import open_ledger
from synthgen.store.ledger.queries import ENTRY, SAMPLES
from tests.store.ledger.test_ledger import connection_of, reply

VERSION_1 = Path(__file__).parent / "ledger_version_1.sql"
"""What synthgen wrote before the keys had tables of their own: replies 1 and 3 to 11, 2 with three
samples, a refusal, a failure and a reservation.
"""


@pytest.fixture
def old(tmp_path):
    connection = sqlite3.connect(tmp_path / "ledger-0001.sqlite")
    connection.executescript(VERSION_1.read_text())
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    return tmp_path


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(hash_index, "FRESH", 100)


def keys(folder):
    """(fresh, settled) hashes of the first file."""
    connection = sqlite3.connect(ledger_files(folder)[0])
    connection.execute("BEGIN")  # both tables at the same moment, for hashes move when nobody waits for it
    try:
        return [
            [row[0] for row in connection.execute(f"SELECT hash FROM {table}")]
            for table in ("fresh_keys", "settled_keys")
        ]
    finally:
        connection.close()


def fill(ledger, numbers):
    for number in numbers:
        ledger.submit(reply(number, text=f"reply {number}"))
    ledger.barrier()


def test_a_file_of_version_1_answers_as_ever(old, tmp_path):
    ledger = open_ledger(old)
    assert (
        set(ledger.look_up(reply(2).hash, 0, 5).samples) == {0, 1, 2}
        and b"hello" in ledger.look_up(reply(11).hash, 0, 1).samples[0].body
    )
    assert not ledger.look_up(reply(12).hash, 0, 1).samples
    assert (
        ledger.look_up(reply(20).hash, 0, 1).reason == "http_400"
        and ledger.look_up(reply(21).hash, 0, 1, run="run").reason == "timeout"
    )
    assert ledger.get(key_of(reply(2).hash, 1)).choice == 1 and ledger.spent("r") == (7.5, 265, 12)
    assert ledger.account([key_of(reply(2).hash, sample) for sample in range(3)])["prompt_tokens"] == 10
    assert (
        ledger.stats()["samples"] == 13 == ledger.export(tmp_path / "out.jsonl")
        and len(ledger.recent("r", 5)) == 5
    )
    ledger.close()


def test_a_file_of_version_1_is_left_as_it_is_and_another_takes_what_is_new(old, tmp_path):
    before = (old / "ledger-0001.sqlite").read_bytes()
    for number in (30, 31):
        ledger = open_ledger(old)
        fill(ledger, [number, 5])
        assert (
            ledger.look_up(reply(number).hash, 0, 1).samples
            and b"hello" in ledger.look_up(reply(5).hash, 0, 1).samples[0].body
        ), "the older holds"
        ledger.close()
    assert [path.name for path in ledger_files(old)] == ["ledger-0001.sqlite", "ledger-0002.sqlite"]
    assert (old / "ledger-0001.sqlite").read_bytes() == before
    (tmp_path / "other").mkdir()
    again, other = open_ledger(old), open_ledger(tmp_path / "other" / "ledger")
    again.export(tmp_path / "all.jsonl")
    assert (other.take_in(tmp_path / "all.jsonl").added, again.take_in(tmp_path / "all.jsonl").added) == (
        15,
        0,
    )
    assert (
        other.look_up(reply(2).hash, 0, 3).samples.keys() == again.look_up(reply(2).hash, 0, 3).samples.keys()
    )
    before, after = again.vacuum()
    assert 0 < after <= before and open_ledger(old).stats()["samples"] == 16
    again.close()
    other.close()


def test_hashes_move_to_the_large_table_and_every_reply_is_found(tmp_path, few):
    ledger = open_ledger(tmp_path)
    for start in range(0, 2000, 50):
        fill(ledger, range(start, start + 50))
        fresh, settled = keys(tmp_path)
        assert len(fresh) + len(settled) == start + 50 == len({*fresh, *settled}), "each in one of them"
    assert len(fresh) <= 600 and len(settled) >= 1400
    for number in range(2000):
        assert f"reply {number} ".encode() in ledger.look_up(reply(number).hash, 0, 1).samples[0].body
    assert not any(ledger.look_up(reply(number).hash, 0, 1).samples for number in range(2000, 2200))
    ledger.close()


def test_all_hashes_can_move_whatever_they_begin_and_end_with(tmp_path, monkeypatch):
    monkeypatch.setattr(hash_index, "FRESH", 0)
    ledger = open_ledger(tmp_path)
    connection = connection_of(ledger)
    digests = [bytes([first]) + rest for first in range(256) for rest in (b"\0" * 15, b"\xff" * 15)]
    for digest in digests:
        hash_index.request_id(connection, digest, b"{}")
    hash_index.Settling(connection).settle(lambda move: move())
    assert keys(tmp_path) == [[], sorted(digests)]
    ledger.close()


def test_a_request_that_has_moved_is_the_same_request(tmp_path, few):
    ledger = open_ledger(tmp_path)
    fill(ledger, range(500))
    (moved, *_) = (number for number in range(500) if reply(number).hash in keys(tmp_path)[1])
    ledger.commit(reply(moved, samples=(0, 1), text="later"))
    samples = ledger.look_up(reply(moved).hash, 0, 2).samples
    assert f"reply {moved} ".encode() in samples[0].body and b"later" in samples[1].body
    assert ledger.stats()["requests"] == 500
    ledger.close()


def test_a_file_that_is_taken_up_again_goes_on_moving(tmp_path, few):
    for start in range(0, 1000, 40):  # fewer in a session than would be moved in it
        ledger = open_ledger(tmp_path)
        fill(ledger, range(start, start + 40))
        ledger.close()
    assert len(keys(tmp_path)[0]) <= 140
    ledger = open_ledger(tmp_path)
    assert all(ledger.look_up(reply(number).hash, 0, 1).samples for number in range(1000))
    ledger.close()


def test_what_is_committed_is_found_while_hashes_move(tmp_path, few):
    ledger, other = open_ledger(tmp_path), open_ledger(tmp_path)
    committed, missed, ended = [], [], threading.Event()

    def look():
        while not ended.is_set():
            for number in committed[::7]:
                if not other.look_up(reply(number).hash, 0, 1).samples:
                    missed.append(number)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    for start in range(0, 1500, 30):
        fill(ledger, range(start, start + 30))
        committed.extend(range(start, start + 30))
    ended.set()
    thread.join()
    assert not missed
    ledger.close()
    other.close()


def test_an_import_moves_hashes_too(tmp_path, few):
    ledger = open_ledger(tmp_path / "one")
    fill(ledger, range(2500))
    ledger.export(tmp_path / "all.jsonl")
    ledger.close()
    ledger = open_ledger(tmp_path / "two")
    assert ledger.take_in(tmp_path / "all.jsonl").added == 2500
    assert len(keys(tmp_path / "two")[1]) > 100
    assert all(ledger.look_up(reply(number).hash, 0, 1).samples for number in range(2500))
    assert ledger.take_in(tmp_path / "all.jsonl").known == 2500
    ledger.close()


def test_a_failure_while_hashes_move_is_reported_and_loses_nothing(tmp_path, few):
    ledger = open_ledger(tmp_path)
    fill(ledger, range(90))
    connection_of(ledger).execute(
        "CREATE TRIGGER no BEFORE INSERT ON settled_keys BEGIN SELECT raise(ABORT, 'no more'); END"
    )
    with pytest.raises(SynthgenError, match="no more"):
        for number in range(90, 200):
            ledger.commit(reply(number))
    written = ledger.stats()["samples"]
    assert written > 100 and all(
        ledger.look_up(reply(number).hash, 0, 1).samples for number in range(written)
    )
    ledger.close()


def test_a_lookup_reads_no_table_from_end_to_end(tmp_path, old):
    (tmp_path / "new").mkdir()
    ledger = open_ledger(tmp_path / "new")
    ledger.commit(reply(1))
    for path in (*ledger_files(tmp_path / "new"), *ledger_files(old)):
        reader = open_for_reading(path)
        for query, values in (
            (SAMPLES, (b"", 0, 1)),
            (ENTRY, (b"", 0)),
        ):
            steps = [row[3] for row in reader.execute(f"EXPLAIN QUERY PLAN {query}", values)]
            assert steps and not any(step.startswith("SCAN") for step in steps if step != "SCAN k"), steps
        reader.close()
    ledger.close()
