import orjson
import pytest

from synthgen.core.errors import InputError
from synthgen.reports.diff import diff_runs
from synthgen.reports.diff_text import diff_text
from tests.reports.made_runs import QUESTIONS, asked, make_run, stage, worked


def by_stage(difference):
    return {entry["stage"]: entry for entry in difference["stages"]}


def test_the_same_run_twice(tmp_path):
    difference = diff_runs(make_run(tmp_path / "a"), make_run(tmp_path / "b"))
    assert all(entry["same_files"] for entry in difference["stages"])
    assert "dedup: the same files" in diff_text(difference)


def test_what_a_changed_rule_and_teacher_did(tmp_path):
    difference = diff_runs(
        make_run(tmp_path / "a", wrong=(3,), students=(8, 9)),
        make_run(tmp_path / "b", wrong=(1, 3), max_words=40, students=(8, 9, 10)),
    )
    stages = by_stage(difference)
    assert stages["load"]["same_files"]
    rows = stages["filter"]["rows"]["rows"]
    assert (rows["a"], rows["b"], rows["same"], rows["added"], rows["lost"], rows["changed"]) == (
        7,
        6,
        6,
        0,
        1,
        0,
    )
    assert rows["examples"]["lost"][0]["id"] == "b001"
    assert stages["filter"]["options"]["rules"]["b"][1] == {"length": {"max_words": 40}}
    changed = stages["rationales"]["rows"]["rows"]
    assert (changed["same"], changed["changed"]) == (7, 1)
    assert changed["examples"]["changed"][0]["fields"] == ["output", "final_answer"]
    (score,) = difference["scores"]
    assert (score["a"]["value"], score["b"]["value"]) == (0.5, 0.75)
    assert (
        score["paired"]["value"],
        score["paired"]["won"],
        score["paired"]["lost"],
        score["paired"]["rows"],
    ) == (0.25, 1, 0, 4)
    shown, full = diff_text(difference), diff_text(difference, full=True)
    assert "rejected: answer_match" in shown and "- b001" in full and "+25.0" in shown
    assert "- b001" not in shown and "output:" not in shown and len(shown.splitlines()) < 30
    assert "max_words: 50 -> 40" in shown
    assert orjson.dumps(difference)


def test_a_changed_answer_is_a_changed_row_though_its_id_is_new(tmp_path):
    for name, rows in (
        ("a", [worked(0), worked(1)]),
        ("b", [{**worked(0, text="Another way. The answer is 1."), "id": "c000"}, asked(5), worked(1)]),
    ):
        stage(tmp_path / name, "generate", "generate", "rows", {"rows.jsonl": rows})
    rows = by_stage(diff_runs(tmp_path / "a", tmp_path / "b"))["generate"]["rows"]["rows"]
    assert (rows["same"], rows["added"], rows["lost"], rows["changed"]) == (1, 1, 0, 1)
    (pair,) = rows["examples"]["changed"]
    assert (pair["a"]["id"], pair["b"]["id"], pair["a"]["instruction"]) == ("b000", "c000", QUESTIONS[0])


def test_stages_that_only_one_run_has(tmp_path):
    a, b = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    stage(b, "export", "export", "metrics", {"data.jsonl": [asked(1)]})
    assert by_stage(diff_runs(a, b))["export"]["only_in"] == "b"
    assert "\nonly in b: export" in diff_text(diff_runs(a, b))
    with pytest.raises(InputError):
        diff_runs(a, tmp_path / "none")
