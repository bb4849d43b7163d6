"""Marks in a file: nothing acknowledged is lost, what a person said last counts, more votes win."""

import fcntl
import multiprocessing
import os
import threading
from typing import Any

import orjson
import pytest

from synthgen.core.errors import InputError
from synthgen.core.rows import RowIds
from synthgen.store.reviews import (
    Decision,
    append_mark,
    decisions,
    edited,
    fixed_row,
    parse_mark,
    read_marks,
    review_id,
    reviews_file,
)


def mark(path, row, kind, who="anna", **more):
    return append_mark(path, {"who": who, "row": row, "mark": kind, **more})


def append_many(path, who, number):
    for at in range(number):
        mark(path, f"{who}{at}", "note", who, text="x" * (at * 37 % 5000))


def test_two_reviewers_at_once_lose_nothing_and_tear_nothing(tmp_path):
    path = tmp_path / "reviews.jsonl"
    people = [multiprocessing.Process(target=append_many, args=(path, who, 60)) for who in ("a", "b", "c")]
    for one in people:
        one.start()
    for one in people:
        one.join()
    found = list(read_marks(path))
    assert len(found) == 180
    for who in ("a", "b", "c"):
        assert [one["row"] for one in found if one["who"] == who] == [f"{who}{at}" for at in range(60)]


def test_one_reviewer_waits_while_another_writes(tmp_path):
    path = tmp_path / "reviews.jsonl"
    path.touch()
    with open(path, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        writing = threading.Thread(target=mark, args=(path, "r1", "keep"))
        writing.start()
        writing.join(0.2)
        assert path.read_bytes() == b""
    writing.join()
    assert [one["row"] for one in read_marks(path)] == ["r1"]


def test_a_torn_line_spoils_nothing_but_itself(tmp_path):
    path = tmp_path / "reviews.jsonl"
    mark(path, "r1", "keep")
    with open(path, "ab") as log:
        log.write(b'{"at":"2026-01-01T00:00:00Z","who":"anna","row":"r2","ma')
    mark(path, "r3", "reject")
    assert [one["row"] for one in read_marks(path)] == ["r1", "r3"]
    assert {row: one.keep for row, one in decisions(path).items()} == {"r1": True, "r3": False}


def test_a_mark_is_on_disk_before_it_is_acknowledged(tmp_path, monkeypatch):
    synced: list[str] = []
    real = os.fsync

    def noted(number):
        synced.append(os.readlink(f"/proc/self/fd/{number}"))
        real(number)

    monkeypatch.setattr(os, "fsync", noted)
    path = tmp_path / "reviews.jsonl"
    assert mark(path, "r1", "keep")["at"].endswith("Z")
    assert synced == [str(path), str(tmp_path)]


def test_what_one_person_said_last_counts(tmp_path):
    path = tmp_path / "reviews.jsonl"
    mark(path, "r1", "keep")
    mark(path, "r1", "reject")
    mark(path, "r2", "reject")
    mark(path, "r2", "undo")
    mark(path, "r3", "note", text="odd")
    assert {row: one.keep for row, one in decisions(path).items()} == {"r1": False}


def test_more_votes_win_and_a_tie_rejects(tmp_path):
    path = tmp_path / "reviews.jsonl"
    for row, votes in (("two_to_one", "kkr"), ("one_to_two", "krr"), ("tie", "kr")):
        for who, vote in zip("abc", votes, strict=False):
            mark(path, row, "keep" if vote == "k" else "reject", who)
    decided = decisions(path)
    assert {row: one.keep for row, one in decided.items()} == {
        "two_to_one": True,
        "one_to_two": False,
        "tie": False,
    }
    assert decided["two_to_one"].who == ("a", "b")
    assert decided["tie"].who == ("b",)


def test_fixes_of_those_who_keep_are_made_and_the_later_one_counts(tmp_path):
    path = tmp_path / "reviews.jsonl"
    mark(path, "r1", "fix", "a", field="output", text="one")
    mark(path, "r1", "fix", "a", field="input", text="two")
    mark(path, "r1", "keep", "a")
    mark(path, "r2", "fix", "a", field="output", text="lost")
    mark(path, "r2", "reject", "a")
    decided = decisions(path)
    assert decided["r1"].edits == {"output": "one", "input": "two"}
    assert not decided["r2"].keep and not decided["r2"].edits


def test_of_two_peoples_fixes_the_later_one_counts_whoever_marked_the_row_first(tmp_path):
    path = tmp_path / "reviews.jsonl"
    mark(path, "r1", "note", "a", text="first here")
    mark(path, "r1", "fix", "b", field="output", text="z, earlier")
    last = mark(path, "r1", "fix", "a", field="output", text="a, later")
    decided = decisions(path)["r1"]
    assert decided.edits == {"output": "a, later"}
    assert decided.fixed == {"output": {"by": "a", "at": last["at"]}}


def test_a_fixed_row_says_who_wrote_which_text_and_when():
    fixed = {"output": {"by": "anna", "at": "2026-12-01T01:22:30.120Z"}, "input": {"by": "bert", "at": ""}}
    decision = Decision(True, {"output": "new", "input": "as it was"}, ("anna", "bert"), fixed)
    earlier = {"rationale": {"by": "cleo", "at": "2026-11-30T00:00:00Z"}}
    row = {"id": "r", "input": "as it was", "output": "old", "meta": {"source": "s", "fixed": earlier}}
    done = fixed_row(row, decision)
    assert done["output"] == "new" and row["output"] == "old"
    assert done["meta"] == {"source": "s", "fixed": {**earlier, "output": fixed["output"]}}
    assert fixed_row(done, decision) is done
    assert fixed_row({"output": "old", "meta": "text"}, decision)["meta"]["fixed"].keys() == {
        "output",
        "input",
    }


def test_a_turn_of_a_conversation_is_edited_and_the_row_is_not_changed_in_place():
    row: dict[str, Any] = {
        "id": "r",
        "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    }
    fixed = edited(row, {"messages.1": "c", "messages.9": "d"})
    assert [turn["content"] for turn in fixed["messages"]] == ["a", "c"]
    assert row["messages"][1]["content"] == "b"
    assert edited({"output": "a"}, {"output": "b"}) == {"output": "b"}


@pytest.mark.parametrize(
    "line",
    [
        {"who": "a", "row": "r", "mark": "delete"},
        {"who": "a", "row": 3, "mark": "keep"},
        {"row": "r", "mark": "keep"},
        {"who": "a", "row": "r", "mark": "fix", "field": "meta", "text": "x"},
        {"who": "a", "row": "r", "mark": "fix", "field": "output"},
        {"who": "a", "row": "r", "mark": "grade", "grade": "5"},
        {"who": "a", "row": "r", "mark": "grade", "grade": True},
        {"who": "a", "row": "r", "mark": "prefer", "over": "s"},
        ["keep"],
    ],
)
def test_a_line_that_is_no_mark_is_an_error_with_its_number(tmp_path, line):
    path = tmp_path / "reviews.jsonl"
    mark(path, "r0", "keep")
    with open(path, "ab") as log:
        log.write(orjson.dumps(line) + b"\n")
    assert parse_mark(orjson.dumps(line)) is None
    with pytest.raises(InputError, match="no mark") as caught:
        decisions(path)
    assert caught.value.faults[0].where == f"{path}:2"


def test_a_file_that_is_not_there_says_who_writes_it(tmp_path):
    with pytest.raises(InputError) as caught:
        decisions(tmp_path / "reviews.jsonl")
    assert "synthgen view" in caught.value.faults[0].next


def test_marks_lie_beside_the_rows(tmp_path):
    assert reviews_file(tmp_path) == tmp_path / "reviews.jsonl"
    (tmp_path / "a.jsonl").touch()
    assert reviews_file(tmp_path / "a.jsonl") == tmp_path / "a.jsonl.reviews.jsonl"


def test_marks_never_lie_in_a_folder_that_goes_when_its_stage_runs_again(tmp_path):
    stage = tmp_path / "clean"
    stage.mkdir()
    for name in ("manifest.json", "rows.jsonl"):
        (stage / name).touch()
    assert reviews_file(stage) == reviews_file(stage / "rows.jsonl") == tmp_path / "clean.reviews.jsonl"
    (tmp_path / "pipeline.resolved.yaml").touch()
    assert reviews_file(stage) == reviews_file(stage / "rows.jsonl") == tmp_path / "reviews.jsonl"


def test_a_row_without_an_id_has_the_one_that_load_gives_it():
    row = {"instruction": "What is it?", "output": "It."}
    assert review_id(row) == RowIds().assign(row)
    assert review_id({**row, "id": "r1"}) == "r1"
