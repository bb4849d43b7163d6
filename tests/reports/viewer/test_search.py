"""Search by text and by field; what is found is what a plain reading finds."""

import json
import random

import pytest

from synthgen.core.errors import InputError
from synthgen.reports.viewer import search
from synthgen.reports.viewer.condition import Condition
from synthgen.reports.viewer.line_index import LineIndex
from synthgen.reports.viewer.search import find_lines, spellings

WORDS = ["café", "tea", 'a "quoted" word', "back\\slash", "two\nlines", "茶", "😀", "answer"]


def write(path, rows, ascii_only):
    path.write_text(
        "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows), encoding="utf-8"
    )
    index = LineIndex(path)
    index.extend()
    return index


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("read", [16, 1 << 18])
def test_a_text_is_found_however_the_file_spells_it(tmp_path, monkeypatch, ascii_only, read):
    monkeypatch.setattr(search, "_READ", read)
    draw = random.Random(0)
    rows = [{"id": str(at), "output": " ".join(draw.choices(WORDS, k=3))} for at in range(200)]
    index = write(tmp_path / "f.jsonl", rows, ascii_only)
    for word in WORDS:
        found = find_lines(index, 1, 1000, word)
        assert [line.number for line in found.lines] == [
            at for at, row in enumerate(rows, 1) if word in row["output"]
        ]
        assert found.go_on is None


def test_pages_of_hits_follow_each_other_without_gap_or_overlap(tmp_path):
    rows = [{"output": "hit hit" if at % 3 == 0 else "miss"} for at in range(100)]
    index = write(tmp_path / "f.jsonl", rows, False)
    seen, start = [], 1
    while start:
        found = find_lines(index, start, 7, "hit")
        seen += [line.number for line in found.lines]
        start = found.go_on
    assert seen == [at + 1 for at in range(0, 100, 3)]


def test_a_search_that_takes_too_long_says_where_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "_READ", 1000)
    monkeypatch.setattr(search, "_LOOKS", 10)
    index = write(tmp_path / "f.jsonl", [{"output": f"row {at}"} for at in range(1000)], False)
    for given in ({"text": "nowhere"}, {"conditions": [Condition("output", "has", "nowhere")]}):
        start, rounds = 1, 0
        while start:
            found = find_lines(index, start, 5, patience=-1, **given)
            assert not found.lines and (found.go_on is None or found.go_on > start)
            start, rounds = found.go_on, rounds + 1
        assert rounds > 5


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        (("output", "has", "TWO"), [1]),
        (("rejection.rule", "is", "run_on"), [2]),
        (("rejection.rule", "not", "run_on"), [1, 3, 4]),
        (("meta.scores.judge", "min", "4"), [1]),
        (("meta.scores.judge", "max", "4"), [1, 2]),
        (("output", "longer", "2"), [1, 3]),
        (("output", "shorter", "1"), [2, 4]),
        (("rejection", "there", ""), [2]),
        (("output", "absent", ""), [4]),
        (("right", "is", "false"), [3]),
        (("messages", "has", "user: hello"), [4]),
    ],
)
def test_a_field_is_tested(tmp_path, condition, fits):
    rows = [
        {"output": "one two", "meta": {"scores": {"judge": 4}}},
        {"output": "one", "rejection": {"rule": "run_on"}, "meta": {"scores": {"judge": 2}}},
        {"output": "a b c", "right": False},
        {"messages": [{"role": "user", "content": "hello"}]},
    ]
    index = write(tmp_path / "f.jsonl", rows, False)
    with open(tmp_path / "f.jsonl", "ab") as file:
        file.write(b"no json run_on\n[1]\n")
    assert [line.number for line in find_lines(index, 1, 50, "", [Condition(*condition)]).lines] == fits


@pytest.mark.parametrize(
    "given", [("output", "like", "x"), ("output", "min", "many"), ("output", "longer", "")]
)
def test_a_test_that_makes_no_sense_is_refused(given):
    with pytest.raises(InputError):
        Condition(*given)


def test_signs_beyond_the_first_plane_are_two_escapes():
    assert spellings("😀") == ("😀".encode(), b"\\ud83d\\ude00")
    assert spellings("tea") == (b"tea",)
