"""A filter that follows people's marks: exactly their rows change, whatever the rules say."""

import orjson
import pytest

from synthgen.core.config import Misfit, build, fingerprint
from synthgen.core.errors import InputError
from synthgen.stages import filter as filter_stage
from synthgen.store.jsonl import read_rows
from synthgen.store.reviews import append_mark, read_marks
from tests.stages.test_filter import config, run


def rows(number):
    return [
        {"id": f"r{at}", "instruction": "Say it.", "output": "one two three" if at % 3 else "one"}
        for at in range(number)
    ]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows(30)))
    return path


RULE = {"length": {"field": "output", "min_words": 2}}


def marked(tmp_path, *marks):
    path = tmp_path / "reviews.jsonl"
    for row, kind, more in marks:
        append_mark(path, {"who": "anna", "row": row, "mark": kind, **more})
    return path


def kept(out):
    return {row["id"]: row for row in read_rows(out / "rows.jsonl")}


@pytest.mark.parametrize("workers", [1, 2])
def test_exactly_the_marked_rows_change(tmp_path, file, workers):
    _, plain = run(tmp_path, [file], config(RULE))
    reviews = marked(
        tmp_path,
        ("r0", "keep", {}),  # too short for the rule
        ("r1", "reject", {}),  # long enough
        ("r2", "fix", {"field": "output", "text": "four"}),  # as fixed too short
        ("r3", "note", {"text": "hm"}),
        ("elsewhere", "reject", {}),
    )
    outcome, out = run(tmp_path, [file], config(RULE, reviews=str(reviews)), workers=workers)
    before, after = kept(plain), kept(out)
    assert before.keys() ^ after.keys() == {"r0", "r1"}
    assert {row for row in before.keys() & after.keys() if before[row] != after[row]} == {"r2"}
    assert after["r2"]["output"] == "four"
    (mark,) = (mark for mark in read_marks(reviews) if mark["mark"] == "fix")
    assert after["r2"]["meta"] == {"fixed": {"output": {"by": "anna", "at": mark["at"]}}}
    assert "meta" not in after["r0"]
    rejected = {row["id"]: row["rejection"] for row in read_rows(out / "rejected.jsonl")}
    assert rejected["r1"] == {"kind": "rejected", "stage": "tidy", "rule": "review", "value": "anna"}
    counts = outcome.counts
    assert counts.rejected == {"length": 9, "review": 1}
    assert counts.in_ == counts.kept + sum(counts.rejected.values()) == 30
    assert outcome.extra["notes"] == {"review: fixed by hand": 1, "review: kept by hand": 1}


def test_the_rows_that_nobody_marked_are_the_bytes_that_came_in(tmp_path, file):
    _, plain = run(tmp_path, [file], config(RULE))
    reviews = marked(tmp_path, ("r2", "fix", {"field": "output", "text": "four"}))
    _, out = run(tmp_path, [file], config(RULE, reviews=str(reviews)))
    before = (plain / "rows.jsonl").read_bytes().splitlines()
    after = (out / "rows.jsonl").read_bytes().splitlines()
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_the_key_changes_with_the_marks_and_with_nothing_else(tmp_path, file):
    reviews = marked(tmp_path, ("r0", "keep", {}))
    first = fingerprint(config(RULE, reviews=str(reviews)))
    moved = tmp_path / "moved.jsonl"
    moved.write_bytes(reviews.read_bytes())
    assert fingerprint(config(RULE, reviews=str(moved))) == first
    marked(tmp_path, ("r1", "keep", {}))
    assert fingerprint(config(RULE, reviews=str(reviews))) != first


def test_reviews_that_are_not_there_are_an_error(tmp_path, file):
    with pytest.raises(InputError, match="reviews cannot be read"):
        run(tmp_path, [file], config(RULE, reviews=str(tmp_path / "none.jsonl")))


@pytest.mark.parametrize("options", [{"action": "tag"}, {"action": "report"}, {"values": True}])
def test_a_filter_that_drops_nothing_follows_no_reviews(options):
    misfits: list[Misfit] = []
    build(filter_stage.Config, {"rules": ["refusal"], "reviews": "r.jsonl", **options}, (), misfits)
    assert "reviews cannot be used" in misfits[0].what
