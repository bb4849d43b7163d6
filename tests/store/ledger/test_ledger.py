import resource
import sqlite3
import subprocess
import sys
import textwrap
import threading

import orjson
import pytest

from synthgen.core.errors import SynthgenError
from synthgen.store.ledger import file as ledger_file
from synthgen.store.ledger.key import key_of, request_hash, split_key
from synthgen.store.ledger.ledger import open_ledger
from synthgen.store.ledger.writer import ClaimedFile, OnCommit
from synthgen.store.ledger.writes import FailureWrite, RefusalWrite, ReleaseWrite, ReplyWrite, ReserveWrite


def reply(number, samples=(0,), text="hello", run="r", usd=0.5, **more):
    canonical = orjson.dumps({"body": {"messages": [number]}})
    body = orjson.dumps(
        {
            "model": "m",
            "choices": [{"index": i, "message": {"content": f"{text} {i}"}} for i in range(len(samples))],
        }
    )
    return ReplyWrite(
        request_hash(canonical),
        canonical,
        tuple(samples),
        body,
        "m",
        10,
        5,
        usd,
        0.1,
        "",
        run,
        usd,
        15,
        **more,
    )


def connection_of(ledger):
    """The connection with which a ledger writes its own file."""
    target = ledger.writer().target
    assert isinstance(target, ClaimedFile)
    return target.connection


def test_what_is_committed_is_found_by_its_key_and_the_request_lies_beside_it(tmp_path):
    ledger = open_ledger(tmp_path / "ledger")
    write = reply(1, samples=(0, 1, 2))
    ledger.commit(write)
    entry = ledger.get(key_of(write.hash, 1))
    assert entry.request == {"body": {"messages": [1]}} and entry.choice == 1
    assert entry.reply["choices"][1]["message"]["content"] == "hello 1"
    assert (entry.cost_usd, entry.usage, entry.model, entry.run) == (
        0.5,
        {"prompt_tokens": 10, "completion_tokens": 5},
        "m",
        "r",
    )
    assert request_hash(orjson.dumps(entry.request)) == write.hash
    assert ledger.get(key_of(write.hash, 3)) is None
    ledger.close()


def test_the_first_reply_to_a_sample_holds(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.commit(reply(1, text="first"))
    ledger.commit(reply(1, samples=(0, 1), text="second"))
    lookup = ledger.look_up(reply(1).hash, 0, 2)
    assert (
        b"first" in lookup.samples[0].body
        and b"second" in lookup.samples[1].body
        and lookup.samples[1].choice == 1
    )
    ledger.close()


def test_two_ledgers_on_one_folder_write_files_of_their_own_and_see_each_other(tmp_path):
    one, other = open_ledger(tmp_path), open_ledger(tmp_path)
    one.commit(reply(1))
    assert other.look_up(reply(1).hash, 0, 1).samples
    other.commit(reply(2))
    assert one.look_up(reply(2).hash, 0, 1).samples
    assert len(ledger_file.ledger_files(tmp_path)) == 2
    one.close()
    third = open_ledger(tmp_path)
    third.commit(reply(3))
    assert len(ledger_file.ledger_files(tmp_path)) == 2, "a file that nobody holds is taken up again"
    assert other.look_up(reply(3).hash, 0, 1).samples
    other.close()
    third.close()


def test_where_two_files_hold_a_sample_all_readers_agree_on_the_older(tmp_path):
    one, other = open_ledger(tmp_path), open_ledger(tmp_path)
    one.writer()
    other.commit(reply(1, text="older"))
    one.commit(reply(1, text="younger"))
    for ledger in (one, other, open_ledger(tmp_path)):
        assert b"older" in ledger.look_up(reply(1).hash, 0, 1).samples[0].body
        ledger.close()


def test_refusals_hold_for_all_and_failures_for_their_run_and_samples(tmp_path):
    ledger = open_ledger(tmp_path)
    refused, failed = reply(1), reply(2)
    ledger.commit(RefusalWrite(refused.hash, refused.canonical, "http_400", "no"))
    ledger.commit(FailureWrite(failed.hash, failed.canonical, (4, 5), "run", "timeout", "slow"))
    assert ledger.look_up(refused.hash, 0, 1, run="any").reason == "http_400"
    assert ledger.look_up(failed.hash, 4, 1, run="run").reason == "timeout"
    assert ledger.look_up(failed.hash, 0, 4, run="run").reason == ""
    assert ledger.look_up(failed.hash, 4, 1, run="other").reason == ""
    assert ledger.look_up(failed.hash, 4, 1, run="run", since=ledger.opened + 1000).reason == ""
    ledger.commit(reply(2, samples=(4, 5)))
    assert ledger.look_up(failed.hash, 4, 2, run="run").reason == "", "a reply beats a failure"
    ledger.close()


def test_what_was_sent_and_never_settled_stays_charged(tmp_path):
    ledger = open_ledger(tmp_path)
    numbers = [ledger.new_reservation() for _ in range(3)]
    for number in numbers:
        ledger.commit(ReserveWrite(number, "r", 2.0, 100))
    assert ledger.spent("r") == (6.0, 300, 3)
    ledger.commit(reply(1, usd=0.5, reservation=numbers[0]))
    ledger.commit(ReleaseWrite(numbers[1]))
    assert ledger.spent("r") == (2.5, 115, 2) and ledger.spent("other") == (0, 0, 0)
    ledger.close()
    again = open_ledger(tmp_path)
    assert again.spent("r") == (2.5, 115, 2) and again.new_reservation() > numbers[2]
    again.close()


def test_a_reply_with_several_samples_is_accounted_once(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.commit(reply(1, samples=(0, 1, 2, 3)))
    ledger.commit(reply(2))
    keys = [key_of(reply(1).hash, sample) for sample in range(4)] + [key_of(reply(2).hash, 0)]
    assert ledger.account(keys) == {"prompt_tokens": 20, "completion_tokens": 10, "cost_usd": 1.0}
    ledger.close()


def test_stats_export_and_vacuum(tmp_path):
    ledger = open_ledger(tmp_path / "ledger")
    for number in range(50):
        ledger.submit(reply(number, samples=(0, 1)))
    ledger.barrier()
    stats = ledger.stats()
    assert (stats["requests"], stats["replies"], stats["samples"], stats["cost_usd"]) == (50, 50, 100, 25.0)
    assert stats["models"]["m"]["completion_tokens"] == 250
    assert ledger.export(tmp_path / "out.jsonl") == 100
    lines = [orjson.loads(line) for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]
    assert len({line["key"] for line in lines}) == 100 and lines[0]["reply"]["model"] == "m"
    before, after = ledger.vacuum()
    assert 0 < after <= before
    assert ledger.stats()["samples"] == 100, "the ledger is as it was"
    ledger.close()


def test_keys_are_split_and_nonsense_is_refused():
    digest = request_hash(b"x")
    assert split_key(key_of(digest, 12)) == (digest, 12)
    for nonsense in ("", "abc", "zz" * 16 + "-1", digest.hex(), digest.hex() + "-x"):
        with pytest.raises(SynthgenError, match="no ledger key"):
            split_key(nonsense)


def test_a_file_of_a_newer_version_is_refused_with_a_way_out(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.commit(reply(1))
    ledger.close()
    (path,) = ledger_file.ledger_files(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(SynthgenError, match="version 99"):
        open_ledger(tmp_path).look_up(reply(1).hash, 0, 1)


def test_a_file_that_is_no_ledger_is_named(tmp_path):
    (tmp_path / "ledger-0001.sqlite").write_bytes(b"nonsense" * 1000)
    with pytest.raises(SynthgenError, match="cannot be read") as fault:
        open_ledger(tmp_path).stats()
    assert "ledger-0001.sqlite" in str(fault.value)


def test_a_file_that_is_damaged_in_the_middle_is_reported_without_a_traceback(tmp_path):
    folder = tmp_path / "ledger"
    ledger = open_ledger(folder)
    for number in range(300):
        ledger.submit(reply(number, text="x" * 500))
    ledger.barrier()
    ledger.close()
    path = ledger_file.ledger_files(folder)[0]
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xaa" * (len(data) - 8192)
    path.write_bytes(data)
    ledger = open_ledger(folder)
    for read in (
        lambda: ledger.look_up(reply(1).hash, 0, 1),
        lambda: ledger.get(key_of(reply(1).hash, 0)),
        lambda: ledger.account([key_of(reply(1).hash, 0)]),
        lambda: ledger.spent("r"),
        ledger.stats,
        lambda: ledger.recent("r", 5),
        lambda: ledger.export(tmp_path / "out.jsonl"),
        ledger.vacuum,
    ):
        with pytest.raises(SynthgenError, match="cannot be read") as raised:
            read()
        assert str(folder) in str(raised.value) and "integrity_check" in str(raised.value)
    assert not (tmp_path / "out.jsonl").exists()
    ledger.close()


def test_a_local_folder_gets_a_write_ahead_log_with_full_sync(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.commit(reply(1))
    connection = connection_of(ledger)
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    ledger.close()


def test_a_full_disk_is_a_clear_error_and_leaves_nothing_half(tmp_path):
    """A limit on the file's size stands in for the disk's: SQLite sees the same failed write."""
    code = textwrap.dedent(f"""
        import resource, signal, sys
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        from tests.store.ledger.test_ledger import reply
        from synthgen.core.errors import SynthgenError
        from synthgen.store.ledger.ledger import open_ledger
        ledger = open_ledger({str(tmp_path)!r})
        for number in range(20):
            ledger.commit(reply(number))
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
        written = 20
        try:
            while written < 5000:
                ledger.commit(reply(written, text="x" * 5000))
                written += 1
        except SynthgenError as fault:
            print(written); print(fault); print(fault.exit_code)
            try:
                ledger.commit(reply(9999))
            except SynthgenError:
                print("still refused")
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    assert lines and 20 < int(lines[0]) < 5000, done.stderr
    assert "ledger" in lines[1] and "the same command continues" in done.stdout and "still refused" in lines
    ledger = open_ledger(tmp_path)
    assert ledger.stats()["samples"] == int(lines[0])
    ledger.commit(reply(9999))
    ledger.close()
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_many_threads_write_at_once(tmp_path):
    ledger = open_ledger(tmp_path)
    committed = []

    def hear(numbers, fault):
        committed.extend(numbers)

    def work(base):
        for number in range(100):
            ledger.submit(reply(base + number), OnCommit(hear, base + number))

    threads = [threading.Thread(target=work, args=(base * 100,)) for base in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.barrier()
    assert sorted(committed) == list(range(800)) and 800 == ledger.stats()["samples"]
    ledger.close()
