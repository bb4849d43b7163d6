"""What marks come to: agreement as hand-worked, pairs as rows that load reads."""

import orjson
import pytest

from synthgen.core.errors import ConfigError, EmptyResult
from synthgen.operations.marks import agreement_text, marks_summary, preference_pairs, write_pairs
from synthgen.store.reviews import append_mark


def say(path, who, row, kind, **more):
    append_mark(path, {"who": who, "row": row, "mark": kind, **more})


def test_agreement_of_verdicts_is_cohens_kappa(tmp_path):
    path = tmp_path / "reviews.jsonl"
    # The table of Cohen's paper in small: 4 both keep, 3 both reject, 2 only a keeps, 1 only b keeps.
    votes = [("keep", "keep")] * 4 + [("reject", "reject")] * 3 + [("keep", "reject")] * 2
    for at, (a, b) in enumerate([*votes, ("reject", "keep")]):
        say(path, "a", f"r{at}", a, file="filter/rows")
        say(path, "b", f"r{at}", b, file="filter/rows")
    say(path, "b", "alone", "keep", file="filter/rejected")
    figures = marks_summary(path)
    chance = 0.6 * 0.5 + 0.4 * 0.5
    (only,) = figures["agreement"]
    assert (only["of"], only["a"], only["b"], only["rows"], only["equal"]) == ("verdicts", "a", "b", 10, 0.7)
    assert only["kappa"] == pytest.approx((0.7 - chance) / (1 - chance), abs=1e-4)
    # Ties reject: 6 of the 10 kept rows are rejected, and the one rejected row is kept.
    assert figures["overruled"] == {
        "filter/rows": {"seen": 10, "against": 6},
        "filter/rejected": {"seen": 1, "against": 1},
    }
    assert (figures["kept"], figures["rejected"], figures["fixed"]) == (5, 6, 0)
    assert "0.40" in agreement_text(path)


def test_grades_are_held_against_the_judges_scores(tmp_path):
    path, rows = tmp_path / "reviews.jsonl", tmp_path / "rows.jsonl"
    judged = [5, 4, 2, 1]
    rows.write_bytes(
        b"".join(
            orjson.dumps({"id": f"r{at}", "output": "x", "meta": {"scores": {"judge": score}}}) + b"\n"
            for at, score in enumerate(judged)
        )
    )
    for at, grade in enumerate([5, 4, 3, 1]):
        say(path, "a", f"r{at}", "grade", grade=1)
        say(path, "a", f"r{at}", "grade", grade=grade)
    (only,) = marks_summary(path, [rows])["agreement"]
    assert (only["a"], only["b"], only["rows"], only["equal"]) == ("meta.scores.judge", "a", 4, 0.75)
    assert only["kappa"] == pytest.approx(1 - 0.25 / (2.5 + 2.1875 + 0.0625), abs=1e-4)


def prefer(path, who, better, worse, **more):
    texts = {"prompt": "Which?", "chosen": f"text {better}", "rejected": f"text {worse}"}
    say(path, who, better, "prefer", over=worse, **texts, **more)


def test_pairs_come_from_the_majority_and_a_tie_gives_none(tmp_path):
    path, out = tmp_path / "reviews.jsonl", tmp_path / "pairs.jsonl"
    prefer(path, "a", "r1", "r2")
    prefer(path, "b", "r1", "r2")
    prefer(path, "c", "r2", "r1")
    prefer(path, "a", "r3", "r4")
    prefer(path, "b", "r4", "r3")
    prefer(path, "a", "r5", "r6", tie=True)
    prefer(path, "a", "r7", "r8")
    prefer(path, "a", "r8", "r7")  # thought better of it
    pairs = preference_pairs(path)
    assert [(pair["chosen"], pair["rejected"]) for pair in pairs] == [
        ("text r1", "text r2"),
        ("text r8", "text r7"),
    ]
    assert pairs[0]["meta"]["parents"] == ["r1", "r2"]
    assert write_pairs(path, out) == 2
    before = out.read_bytes()
    with pytest.raises(ConfigError, match="there already"):
        write_pairs(path, out)
    assert out.read_bytes() == before and write_pairs(path, tmp_path / "new" / "pairs.jsonl") == 2


def test_no_comparison_is_no_file(tmp_path):
    path = tmp_path / "reviews.jsonl"
    say(path, "a", "r1", "keep")
    with pytest.raises(EmptyResult, match="preferred"):
        write_pairs(path, tmp_path / "pairs.jsonl")
    assert not (tmp_path / "pairs.jsonl").exists()


def test_the_pairs_are_rows_that_load_takes(tmp_path):
    from synthgen.core.rows import shape_of
    from synthgen.formats.containers.read import read_file

    prefer(tmp_path / "reviews.jsonl", "a", "r1", "r2")
    write_pairs(tmp_path / "reviews.jsonl", tmp_path / "pairs.jsonl")
    (record,) = read_file(tmp_path / "pairs.jsonl")
    assert record.fields is not None and shape_of(record.fields) == "preference"
