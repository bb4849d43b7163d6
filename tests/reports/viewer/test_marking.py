"""Marks over real HTTP: on disk before they are answered, on the row that was seen, and none lost."""

import http.client
import json
import signal
import threading

import orjson
import pytest

from synthgen.reports.viewer.marking import Marking
from synthgen.store.reviews import append_mark, read_marks
from tests.reports.viewer.client import Client


def test_a_mark_is_about_the_row_that_the_page_shows_though_the_stage_ran_again(run, start):
    client = Client(start(run))
    seen = client.seen("filter/rows", 1)
    old = (run / "filter" / "rows.jsonl").read_bytes().splitlines(keepends=True)
    again = run / "filter" / "again.jsonl"
    again.write_bytes(b"".join([*old[1:], old[0]]))
    again.replace(run / "filter" / "rows.jsonl")
    status, _, text = client.mark("filter/rows", 1, "reject", seen=seen)
    assert status == 400 and "load the page again" in text and not (run / "reviews.jsonl").exists()
    (run / "filter" / "rows.jsonl").unlink()
    assert client.get("/rows", file="filter/rows")[0] == 404
    assert client.get("/row", file="filter/rows", line=1)[0] == 404


def test_a_file_of_marks_that_was_cleared_is_read_anew(tmp_path):
    path = tmp_path / "reviews.jsonl"
    for row in ("a", "b"):
        append_mark(path, {"who": "anna", "row": row, "mark": "keep"})
    marking = Marking(path, "bert")
    marking.follow()
    assert marking.count == 2 and marking.badges({"id": "a"}) == ["anna: keep"]
    path.write_text("")
    append_mark(path, {"who": "anna", "row": "b", "mark": "reject"})
    marking.follow()
    assert marking.count == 1 and marking.badges({"id": "a"}) == []
    assert marking.badges({"id": "b"}) == ["anna: reject"]


def test_the_start_page_opens_though_the_file_of_marks_holds_something_else(run, start):
    (run / "reviews.jsonl").write_text('{"json": "but no mark"}\n')
    status, _, text = Client(start(run)).get("/")
    assert status == 200 and "this line is no mark of a review" in text


def test_a_mark_is_written_before_it_is_answered_and_is_seen_by_another_viewer(run, start):
    client = Client(start(run, "--reviewer", "anna"))
    other = Client(start(run, "--reviewer", "bert"))
    assert json.loads(client.mark("filter/rejected", 1, "keep")[2])["badges"] == ["anna: keep"]
    assert json.loads(other.mark("filter/rejected", 1, "grade", grade=4)[2])["badges"] == [
        "anna: keep",
        "bert: grade 4",
    ]
    first, second = read_marks(run / "reviews.jsonl")
    assert first["who"] == "anna" and first["row"] == "b000-2" and first["at"].endswith("Z")
    assert (first["file"], first["line"]) == ("filter/rejected", 1)
    assert second["grade"] == 4
    reply = client.mark("filter/rows", 1, "prefer", over_file="filter/rejected", over_line=1)
    assert reply[0] == 200
    *_, pair = read_marks(run / "reviews.jsonl")
    assert (pair["row"], pair["over"]) == ("b000", "b000-2") and pair["rejected"] == "Seven. The answer is 7."


@pytest.mark.parametrize("field", [["output"], {"a": 1}, 3, None, "meta"])
def test_a_fix_of_what_is_no_text_is_refused(run, start, field):
    status, _, text = Client(start(run)).mark("filter/rows", 1, "fix", field=field, text="x")
    assert status == 400 and "no text" in text


def test_read_only_takes_no_mark(start, run):
    client = Client(start(run, "--read-only"))
    status, _, text = client.mark("filter/rows", 1, "keep")
    assert status == 400 and "--read-only" in text and not (run / "reviews.jsonl").exists()
    assert "Reject" not in client.get("/row", file="filter/rows", line=1)[2]


def test_kill_9_in_the_middle_loses_no_acknowledged_mark_of_two_reviewers(start, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b"".join(orjson.dumps({"id": f"r{at}", "output": "x"}) + b"\n" for at in range(100)))
    viewers = [start(file, "--reviewer", who) for who in ("anna", "bert")]
    clients = [Client(viewer) for viewer in viewers]
    acknowledged: list[tuple[str, str]] = []

    def click(client, who):
        for line in range(1, 101):
            try:
                if client.mark("rows.jsonl", line, "reject")[0] == 200:
                    acknowledged.append((who, f"r{line - 1}"))
            except (OSError, http.client.HTTPException):
                return
            if who == "anna" and line == 60:
                viewers[0].process.send_signal(signal.SIGKILL)

    people = [
        threading.Thread(target=click, args=pair) for pair in zip(clients, ("anna", "bert"), strict=True)
    ]
    for one in people:
        one.start()
    for one in people:
        one.join()
    found = [(mark["who"], mark["row"]) for mark in read_marks(tmp_path / "rows.jsonl.reviews.jsonl")]
    assert set(acknowledged) <= set(found)
    assert sum(who == "bert" for who, _ in acknowledged) == 100
    assert 60 <= sum(who == "anna" for who, _ in acknowledged) < 100
