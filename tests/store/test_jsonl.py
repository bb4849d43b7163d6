import gzip
import hashlib
import random

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from synthgen.core.errors import InputError
from synthgen.core.hashing import file_sha256
from synthgen.store.jsonl import AppendLog, RowWriter, read_log, read_rows, scan, write_rows

rows = st.lists(
    st.dictionaries(
        st.text(st.characters(codec="utf-8")),
        st.text(st.characters(codec="utf-8")) | st.integers(-(2**53), 2**53) | st.none(),
    )
)


@given(rows)
def test_rows_come_back_as_they_were_written(tmp_path_factory, given_rows):
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    assert write_rows(path, given_rows) == len(given_rows)
    assert list(read_rows(path)) == given_rows


def test_the_writer_knows_the_hash_of_its_file(tmp_path):
    with RowWriter(tmp_path / "rows.jsonl") as writer:
        writer.write({"a": 1})
        writer.write_raw(b'{"a":  2}')
        writer.write_block(b'{"a":3}\n{"a":4}\n', 2)
    content = (tmp_path / "rows.jsonl").read_bytes()
    assert (writer.rows, writer.sha256) == (4, hashlib.sha256(content).hexdigest())
    assert content == b'{"a":1}\n{"a":  2}\n{"a":3}\n{"a":4}\n'


def test_the_writer_never_writes_over_a_file(tmp_path):
    write_rows(tmp_path / "rows.jsonl", [])
    with pytest.raises(FileExistsError):
        RowWriter(tmp_path / "rows.jsonl")


def test_a_broken_published_file_is_named_with_its_line(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"a":1}\n{"a"\n')
    with pytest.raises(InputError, match="no JSON object") as caught:
        list(read_rows(tmp_path / "rows.jsonl"))
    assert "rows.jsonl:2" in str(caught.value)


def test_scan_hands_on_every_line_good_or_broken(tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(b'\xef\xbb\xbf{"a":1}\r\n\r\n[1]\r\n{"a":"caf\xe9"}\n{"a":2}')
    lines = list(scan(tmp_path / "rows.jsonl"))
    assert [(line.number, line.row) for line in lines] == [(1, {"a": 1}), (3, None), (4, None), (5, {"a": 2})]
    assert "expected a JSON object, found list" in lines[1].fault
    assert "not UTF-8 at byte 10" in lines[2].fault and "0xe9" in lines[2].fault


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".zst", zstandard.compress)])
def test_packed_files_are_read(tmp_path, suffix, pack):
    path = tmp_path / f"rows.jsonl{suffix}"
    path.write_bytes(pack(b'{"a":1}\n{"a":2}\n'))
    assert [line.row for line in scan(path)] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".zst", zstandard.compress)])
@pytest.mark.parametrize(
    "damage",
    [lambda packed: packed[:-9], lambda packed: packed + b"no frame", lambda packed: b"no " + packed],
)
def test_a_packed_file_that_is_damaged_is_refused_by_name(tmp_path, suffix, pack, damage):
    path = tmp_path / f"rows.jsonl{suffix}"
    path.write_bytes(damage(pack(random.Random(0).randbytes(200_000).hex().encode())))
    with pytest.raises(InputError, match="cut off or damaged") as caught:
        list(scan(path))
    assert caught.value.faults[0].where == str(path)


@pytest.mark.parametrize("tail", [b'{"n":3', b'{"n":3}', b"x" * 200_000])
def test_a_torn_last_line_of_a_log_is_passed_over_and_cut_off(tmp_path, tail):
    log = AppendLog(tmp_path / "log.jsonl")
    log.append({"n": 1})
    log.append({"n": 2}, durable=True)
    log.close()
    with open(tmp_path / "log.jsonl", "ab") as file:
        file.write(tail)
    assert [entry["n"] for entry in read_log(tmp_path / "log.jsonl")] == [1, 2]
    again = AppendLog(tmp_path / "log.jsonl")
    again.append({"n": 4})
    again.close()
    assert [orjson.loads(line)["n"] for line in (tmp_path / "log.jsonl").read_bytes().splitlines()] == [
        1,
        2,
        4,
    ]


def test_a_log_that_is_not_there_is_empty(tmp_path):
    assert list(read_log(tmp_path / "log.jsonl")) == []


def test_rows_and_blocks_of_any_size_are_hashed_as_they_are_written(tmp_path):
    rng = random.Random(2)
    for number in range(20):
        wanted: list[bytes] = []
        with RowWriter(tmp_path / f"{number}.jsonl") as writer:
            for _ in range(rng.randint(0, 30)):
                line = b'{"text":"%b"}' % (b"x" * rng.choice([0, 10, 70_000, 300_000]))
                rows = rng.choice([0, 1, 3])
                if rows:
                    writer.write_block((line + b"\n") * rows, rows)
                else:
                    writer.write_raw(line)
                wanted += [line + b"\n"] * max(rows, 1)
        assert (tmp_path / f"{number}.jsonl").read_bytes() == b"".join(wanted)
        assert (writer.sha256, writer.rows) == (file_sha256(writer.path), len(wanted))


@pytest.mark.parametrize("line", [b"{", b"[]", b"3", b"\xff"])
def test_a_line_of_a_log_that_synthgen_did_not_write_is_named(tmp_path, line):
    (tmp_path / "log.jsonl").write_bytes(b'{"n": 1}\n' + line + b'\n{"n": 2}\n')
    with pytest.raises(InputError, match="log.jsonl:2"):
        list(read_log(tmp_path / "log.jsonl"))
