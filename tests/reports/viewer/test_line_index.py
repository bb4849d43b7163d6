"""Lines by number and by offset, over blocks that cut lines anywhere, and over files that grow."""

from itertools import islice

import pytest

from synthgen.reports.viewer import line_index
from synthgen.reports.viewer.line_index import LineIndex


def index_of(path, content):
    path.write_bytes(content)
    index = LineIndex(path)
    assert index.extend()
    return index


@pytest.mark.parametrize("block", [1, 2, 7, 64, 1 << 16])
@pytest.mark.parametrize(
    "content", [b"", b"\n", b"a", b"a\n", b"a\nbb\r\n\nccc", b"x" * 300 + b"\n" + b"y\n" * 50]
)
def test_every_line_is_found_by_its_number_and_by_each_of_its_bytes(tmp_path, monkeypatch, block, content):
    monkeypatch.setattr(line_index, "BLOCK", block)
    index = index_of(tmp_path / "f", content)
    lines = content.splitlines(keepends=True)
    assert index.lines == len(lines)
    offset = 0
    for number, raw in enumerate(lines, 1):
        (found,) = islice(index.from_line(number), 1)
        assert (found.number, found.offset, found.raw) == (number, offset, raw.rstrip(b"\r\n"))
        for byte in range(offset, offset + max(1, len(raw.rstrip(b"\r\n")))):
            assert next(index.from_offset(byte)).number == number
        offset += len(raw)
    assert list(index.from_line(len(lines) + 1)) == []


def test_a_file_that_grows_is_followed_and_its_torn_line_is_not_counted_twice(tmp_path):
    path = tmp_path / "f"
    index = index_of(path, b"a\nbb\nc")
    assert index.lines == 3
    with open(path, "ab") as source:
        source.write(b"cc\nd\n")
    index.extend()
    assert index.lines == 4
    assert [line.raw for line in index.from_line(3)] == [b"ccc", b"d"]


def test_it_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(line_index, "READ", 10)
    path = tmp_path / "f"
    path.write_bytes(b"line\n" * 100)
    index = LineIndex(path)
    assert not index.extend(most=25)
    assert index.bytes == 30 and index.lines == 6
    assert next(index.from_line(90)).raw == b"line"  # found, though not indexed yet
    assert index.extend()
    assert index.lines == 100


def test_memory_goes_by_blocks_and_not_by_lines(tmp_path):
    index = index_of(tmp_path / "f", b"{}\n" * 400_000)
    assert index.lines == 400_000
    assert len(index._offsets) <= 1 + 1_200_000 // line_index.BLOCK + 1


def test_a_file_that_only_grew_is_told_from_one_that_was_written_anew(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n' * 200)
    index = LineIndex(path)
    index.extend()
    with open(path, "ab") as log:
        log.write(b'{"a": 2}\n')
    assert index.begins_so_still()
    path.write_bytes(b'{"b": 1}\n' * 300)
    assert not index.begins_so_still()
    path.write_bytes(b'{"a": 1}\n' * 100 + b'{"longer": 1}\n' * 200)
    assert not index.begins_so_still(), "it begins alike"
