"""A ledger in a folder without file locks: logs that others read, and the files that they become."""

import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap

import pytest

from synthgen.core.errors import SynthgenError
from synthgen.store.ledger import log as log_module
from synthgen.store.ledger import maintenance
from synthgen.store.ledger.file import trusts_locks
from synthgen.store.ledger.ledger import open_ledger
from synthgen.store.ledger.log import LogName, encode, records, seal
from synthgen.store.ledger.owner import Owner, new_owner
from synthgen.store.ledger.readers import LogReader
from synthgen.store.ledger.writes import (
    ChargeWrite,
    FailureWrite,
    RefusalWrite,
    ReleaseWrite,
    ReplyWrite,
    ReserveWrite,
    Write,
)
from tests.store.ledger.test_ledger import reply

FAR = Owner("elsewhere", "0" * 8, 1, "0", 1)
WRITE = textwrap.dedent("""
    import sys
    from pathlib import Path
    from synthgen.store.ledger.ledger import open_ledger
    from tests.store.ledger.test_ledger import reply
    ledger = open_ledger(Path(sys.argv[1]))
    number = 0
    while True:
        ledger.commit(reply(number, reservation=None))
        print(number, flush=True)
        number += 1
""")


@pytest.fixture(autouse=True)
def no_locks(monkeypatch):
    monkeypatch.setenv("SYNTHGEN_LEDGER_LOCKS", "no")


@pytest.fixture
def opened():
    """Opens ledgers, and closes them at the end."""
    ledgers = []

    def make(folder):
        ledgers.append(open_ledger(folder))
        return ledgers[-1]

    yield make
    for ledger in ledgers:
        ledger.close()


def samples(ledger, numbers):
    return [number for number in numbers if ledger.look_up(reply(number).hash, 0, 1).samples]


def test_each_writer_has_a_log_that_bears_its_name_and_others_read_it_as_it_grows(tmp_path, opened):
    one, other = opened(tmp_path), opened(tmp_path)
    one.commit(reply(1))
    assert not one.shared()
    other.commit(reply(2))
    one.commit(reply(3))
    assert samples(other, range(5)) == samples(one, range(5)) == [1, 2, 3] and one.shared()
    names = [log_module.log_name(path) for path in tmp_path.glob("ledger-*.log")]
    assert {name.owner.pid for name in names} == {os.getpid()} and len(set(names)) == 2
    one.close()
    assert len(list(tmp_path.glob("ledger-*.sqlite"))) == 1 and samples(other, range(5)) == [1, 2, 3]
    assert samples(opened(tmp_path), range(5)) == [1, 2, 3]


def test_every_kind_of_write_comes_back_as_it_was():
    writes: list[Write] = [
        ReplyWrite(
            b"\x00\xff" * 8, b'{"a":"\xc3\xa9"}', (3, 4), b"\xff\x00\n", "m", 1, None, None, 0.5, "", "r",
            reservation=7, choices=(1, 0),
        ),
        RefusalWrite(b"h" * 16, b"{}", "http_400", "no"),
        FailureWrite(b"h" * 16, b"{}", (1,), "r", "timeout", "slow"),
        ReserveWrite(1, "r", 0.25, 10),
        ReleaseWrite(1),
        ChargeWrite("r", -1.0, -2, 1),
    ]  # fmt: skip
    record = encode(writes, 12.5)
    assert log_module._decode(record[26:-1]) == (12.5, writes)


def test_whatever_is_missing_at_the_end_the_whole_records_are_read(tmp_path):
    path = LogName(FAR, 1).path(tmp_path, ".log")
    whole = [encode([reply(number)], float(number)) for number in range(3)]
    for length in range(0, len(b"".join(whole)) + 1, 3):
        path.write_bytes(b"".join(whole)[:length])
        read = [record.now for record in records(path)]
        assert read == [float(n) for n in range(3) if len(b"".join(whole[: n + 1])) <= length]
    for broken in range(0, len(whole[0]) - 1, 7):
        data = bytearray(b"".join(whole))
        data[broken] ^= 1
        path.write_bytes(data)
        assert not list(records(path))
    path.write_bytes(whole[0] + b"\0" * 4096)
    assert len(list(records(path))) == 1


def test_what_a_killed_process_has_committed_is_there_and_the_next_makes_a_file_of_it(tmp_path, opened):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    said = [process.stdout.readline() for _ in range(20)]
    process.kill()
    said += process.stdout.readlines()
    committed = int([line for line in said if line.endswith("\n")][-1]) + 1
    (log,) = tmp_path.glob("ledger-*.log")
    reader = opened(tmp_path)
    assert samples(reader, range(committed)) == list(range(committed)) and log.exists()
    opened(tmp_path).writer()
    assert not log.exists() and log.with_suffix(".sqlite").exists()
    assert samples(reader, range(committed)) == list(range(committed))


def test_a_log_of_another_machine_is_read_and_left_alone_until_it_is_abandoned(tmp_path, opened, monkeypatch):
    path = LogName(FAR, 1).path(tmp_path, ".log")
    path.write_bytes(encode([reply(1)], 1.0))
    ledger = opened(tmp_path)
    ledger.commit(reply(2))
    ledger.vacuum()
    assert path.exists() and samples(ledger, range(3)) == [1, 2]
    with open(path, "ab") as log:
        log.write(encode([reply(0)], 2.0))
    assert samples(ledger, range(3)) == [0, 1, 2]
    monkeypatch.setattr(maintenance, "ABANDONED_SECONDS", -1.0)
    ledger.vacuum()
    assert not path.exists() and samples(ledger, range(3)) == [0, 1, 2]


def test_full_logs_become_files_and_what_is_reserved_goes_on(tmp_path, opened, monkeypatch):
    monkeypatch.setattr(log_module, "SEGMENT_BYTES", 1000)
    ledger, beside = opened(tmp_path), opened(tmp_path)
    held, used = ledger.new_reservation(), ledger.new_reservation()
    ledger.commit(ReserveWrite(held, "r", 8.0, 100))
    ledger.commit(ReserveWrite(used, "r", 4.0, 100))
    for number in range(30):
        ledger.commit(reply(number, usd=0.5))
        assert samples(beside, range(number, 31)) == [number]
        assert beside.spent("r") == ledger.spent("r") == (12.5 + 0.5 * number, 215 + 15 * number, number + 3)
    ledger.commit(reply(30, usd=0.5, reservation=used))
    assert len(list(tmp_path.glob("ledger-*.sqlite"))) > 3
    for each in (ledger, beside, opened(tmp_path)):
        assert each.spent("r") == (8.0 + 15.5, 100 + 31 * 15, 32)
        assert each.stats()["samples"] == 31 and each.export(tmp_path / "out.jsonl") == 31
    ledger.close()
    assert beside.spent("r") == (8.0 + 15.5, 100 + 31 * 15, 32) and not list(tmp_path.glob("*.log"))


def test_a_log_that_becomes_a_file_between_the_look_at_the_folder_and_at_the_log_is_found(
    tmp_path, opened, monkeypatch
):
    one, other = opened(tmp_path), opened(tmp_path)
    one.commit(reply(1))
    assert samples(other, range(4)) == [1]
    refresh, closed = LogReader.refresh, []

    def late(self):
        if not closed:
            closed.append(True)
            one.commit(reply(2))
            one.close()
        return refresh(self)

    monkeypatch.setattr(LogReader, "refresh", late)
    assert other.look_up(reply(2).hash, 0, 1).samples and samples(other, range(4)) == [1, 2]
    assert other.stats()["samples"] == 2


@pytest.mark.parametrize("moment", ["the next log is empty", "both logs", "the file is there, and its log"])
def test_a_kill_between_two_logs_counts_nothing_twice_and_loses_nothing(tmp_path, opened, moment):
    owner = new_owner()._replace(pid=2**22 + 1)  # a process that is dead
    first, second = (LogName(owner, number).path(tmp_path, ".log") for number in (1, 2))
    reserved = ReserveWrite(1, "r", 8.0, 100)
    whole = encode([reserved, reply(1), reply(2)], 1.0)
    first.write_bytes(whole)
    if moment == "the next log is empty":
        second.write_bytes(encode([reserved], 2.0)[:-5])
    else:
        second.write_bytes(encode([reserved], 2.0))
    if moment == "the file is there, and its log":
        seal(first)
        first.write_bytes(whole)
    ledger = opened(tmp_path)
    for _ in range(2):
        assert ledger.spent("r") == (9.0, 130, 3) and ledger.stats()["samples"] == 2
        ledger.writer()  # makes files of what was left
    assert not first.exists() and not second.exists()
    assert opened(tmp_path).spent("r") == (9.0, 130, 3)


def test_a_log_that_is_damaged_in_the_middle_is_not_thrown_away(tmp_path):
    path = LogName(new_owner()._replace(pid=2**22 + 1), 1).path(tmp_path, ".log")
    whole = [encode([reply(number)], float(number)) for number in range(3)]
    path.write_bytes(whole[0] + whole[1].replace(b"hello", b"hullo") + whole[2])
    seal(path)
    assert path.exists() and not list(tmp_path.glob("*.sqlite"))
    path.write_bytes(whole[0] + whole[1][:-9])
    seal(path)
    assert not path.exists() and len(list(tmp_path.iterdir())) == 1


def test_a_disk_that_fills_up_leaves_whole_records(tmp_path, opened, monkeypatch):
    ledger = opened(tmp_path)
    ledger.commit(reply(1))
    target = ledger.writer().target
    write, size = os.write, target.path.stat().st_size

    def half(file, data):
        if len(data) < 100:
            raise OSError(28, "No space left on device")
        return write(file, bytes(data[: len(data) // 2]))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(SynthgenError, match="no space left"):
            ledger.commit(reply(2))
    assert target.path.stat().st_size == size and samples(ledger, range(3)) == [1]
    with pytest.raises(SynthgenError):
        ledger.commit(reply(3))


def test_files_from_a_folder_with_locks_are_read_also_where_their_writer_was_killed(
    tmp_path, opened, monkeypatch
):
    monkeypatch.setenv("SYNTHGEN_LEDGER_LOCKS", "yes")
    there, whole, killed = open_ledger(tmp_path / "there"), tmp_path / "whole", tmp_path / "killed"
    there.commit(reply(1))
    no_owners = shutil.ignore_patterns("owners")
    shutil.copytree(
        tmp_path / "there", killed, ignore=no_owners
    )  # with its write-ahead log, as a kill leaves it
    there.close()
    shutil.copytree(tmp_path / "there", whole, ignore=no_owners)
    monkeypatch.setenv("SYNTHGEN_LEDGER_LOCKS", "no")
    for folder in (whole, killed):
        before = {path.name: path.read_bytes() for path in folder.glob("ledger-*")}
        ledger = opened(folder)
        ledger.commit(reply(2))
        assert samples(ledger, range(3)) == [1, 2]
        assert before.items() <= {path.name: path.read_bytes() for path in folder.glob("ledger-*")}.items()
        ledger.close()
    monkeypatch.setenv("SYNTHGEN_LEDGER_LOCKS", "yes")
    assert samples(opened(killed), range(3)) == [1, 2], "and the other way round"


def test_what_is_imported_appears_at_once_in_a_file_of_its_own(tmp_path, opened):
    first = opened(tmp_path / "first")
    for number in range(3):
        first.commit(reply(number))
    first.export(tmp_path / "out.jsonl")
    ledger = opened(tmp_path / "second")
    assert ledger.take_in(tmp_path / "out.jsonl").added == 3
    assert samples(ledger, range(4)) == [0, 1, 2] and not list((tmp_path / "second").glob(".*"))
    (path,) = (tmp_path / "second").glob("ledger-*.sqlite")
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize(
    ("kind", "trusted"), [("ext4", True), ("fuseblk", True), ("", True), ("nfs4", False), ("fuse.any", False)]
)
def test_locks_are_not_trusted_over_a_network(tmp_path, monkeypatch, kind, trusted):
    monkeypatch.delenv("SYNTHGEN_LEDGER_LOCKS")
    monkeypatch.setattr("synthgen.store.ledger.file.file_system", lambda folder: kind)
    assert trusts_locks(tmp_path) == trusted


def test_a_commit_is_said_to_be_done_once_it_is_synced(tmp_path, opened, monkeypatch):
    ledger = opened(tmp_path)
    target = ledger.writer().target
    sizes, fsync = [], os.fsync

    def noted(file):
        fsync(file)
        sizes.append(os.fstat(file).st_size)

    monkeypatch.setattr(os, "fsync", noted)
    for number in range(3):
        ledger.commit(reply(number))
        assert sizes[-1] == target.path.stat().st_size and len(sizes) == number + 1


def test_a_record_that_is_seen_in_part_is_read_once_it_is_whole(tmp_path, opened):
    path = LogName(FAR, 1).path(tmp_path, ".log")
    first, second = encode([reply(1)], 1.0), encode([reply(2)], 2.0)
    path.write_bytes(first + second[:100])
    ledger = opened(tmp_path)
    assert samples(ledger, range(4)) == [1]
    path.write_bytes(first + second + encode([reply(3)], 3.0))
    assert samples(ledger, range(4)) == [1, 2, 3] and ledger.stats()["replies"] == 3
