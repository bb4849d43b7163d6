"""The start page's values: a training under way, files that are being written, groups of duplicates."""

import os

import orjson

from synthgen.core.rows import rejected
from synthgen.reports.viewer.catalogue import Catalogue
from synthgen.reports.viewer.overview import curve, duplicates, overview
from synthgen.store.publish import NEW
from tests.reports.made_runs import make_run, stage, worked


def test_the_loss_of_a_training_under_way_is_drawn_as_it_grows(tmp_path):
    run = tmp_path / "run"
    stage(run, "filter", "filter", "rows", {"rows.jsonl": [worked(0)]})
    (run / f"{NEW}student").mkdir()
    log = run / ".work" / "student" / "0123456789abcdef" / "metrics.jsonl"
    log.parent.mkdir(parents=True)
    entries = [{"step": step, "loss": 2 / step} for step in range(1, 11)] + [{"eval_loss": 1}]
    log.write_bytes(b"".join(orjson.dumps(entry) + b"\n" for entry in entries) + b'{"step": 11, "lo')
    (only,) = overview(Catalogue(run))["curves"]
    assert only["title"] == "student (under way): training loss 0.2 at step 10"
    assert only["svg"].count(",") == 10


def test_a_curve_falls_from_the_top_to_the_bottom_without_a_style():
    svg = curve([(1.0, 4.0), (2.0, 2.0), (3.0, 1.0)])
    assert 'points="60.0,10.0 275.0,103.3 490.0,150.0"' in svg
    assert "style" not in svg and "powers" not in svg
    svg = curve([(1.0, 10.0), (1000.0, 0.1), (1999.0, 0.001)])
    assert 'points="60.0,10.0 275.0,80.0 490.0,150.0"' in svg and "by powers of ten" in svg
    assert ">1,999<" in svg and ">step 1<" in svg


def test_a_long_curve_ends_where_the_training_ended(tmp_path):
    log = b"".join(orjson.dumps({"step": step, "loss": 1000 / step}) + b"\n" for step in range(1, 1449))
    stage(tmp_path / "run", "student", "sft", "model", {"metrics.jsonl": log})
    (only,) = overview(Catalogue(tmp_path / "run"))["curves"]
    assert only["title"] == "student: training loss 0.691 at step 1,448 (drawn by powers of ten)"


def test_the_start_page_has_the_scores(tmp_path):
    run = make_run(tmp_path / "run")
    (found,) = overview(Catalogue(run))["scores"]
    assert found["stage"] == "evaluate" and found["metrics"] == ["exact match"]
    assert found["lines"][0]["model"] == "student" and found["lines"][0]["cells"][1] == "10.0–90.0"
    assert overview(Catalogue(run / "evaluate"))["scores"] == []


def test_a_stage_that_is_being_written_can_be_looked_at(tmp_path):
    run = tmp_path / "run"
    stage(run, "load", "load", "rows", {"rows.jsonl": [worked(0)]})
    writing = run / f"{NEW}filter"
    writing.mkdir()
    (writing / "rows.jsonl").write_bytes(orjson.dumps(worked(1)) + b"\n" + b'{"torn')
    catalogue = Catalogue(run)
    assert [file.name for file in catalogue.files()] == ["load/rows", "filter (under way)/rows"]
    assert overview(catalogue)["stages"][-1]["id"] == "filter (under way)"
    file = catalogue.get("filter (under way)/rows")
    assert file.row(1)["id"] == "b001" and file.row(2) is None


def test_duplicates_stand_in_groups_the_largest_first(tmp_path):
    run = tmp_path / "run"
    kept = [worked(number) for number in range(3)]
    dropped = [
        rejected(
            {**worked(number), "id": f"d{at}"},
            stage="dedup",
            rule="exact",
            matched_id=f"b00{number}",
            score=1.0,
        )
        for at, number in enumerate([1, *[2] * 12, 1])
    ]
    stage(run, "dedup", "dedup", "rows", {"rows.jsonl": kept, "rejected.jsonl": [*dropped, {"id": "x"}]})
    catalogue = Catalogue(run)
    groups = duplicates(catalogue, catalogue.get("dedup/rejected"))
    assert [(one["id"], len(one["rows"]), one["more"]) for one in groups["clusters"]] == [
        ("b002", 8, 4),
        ("b001", 2, 0),
    ]
    assert "Tom has 2 apples" in groups["clusters"][0]["kept"]
    assert (groups["rows"], groups["total"], groups["read"], groups["unread"]) == (14, 2, 15, 0)


def test_the_folder_of_one_stage_is_shown_as_in_its_run(tmp_path):
    run = tmp_path / "run"
    stage(run, "filter", "filter", "rows", {"rows.jsonl": [worked(0)]}, counts={"in": 1, "kept": 1})
    catalogue = Catalogue(run / "filter")
    (only,) = overview(catalogue)["stages"]
    assert only["files"] == ["filter/rows"] and only["counts"]["kept"] == 1


def test_a_file_that_a_rerun_put_there_is_indexed_anew(tmp_path, monkeypatch):
    monkeypatch.setattr("synthgen.reports.viewer.catalogue._FRESH", 0.0)
    path, new = tmp_path / "rows.jsonl", tmp_path / "new"
    path.write_bytes(b'{"a":1}\n' * 20_000)
    catalogue = Catalogue(path)
    assert catalogue.get("rows.jsonl").row(15_000) == {"a": 1}
    new.write_bytes(b'{"longer":"than before"}\n' * 20_000)
    new.replace(path)
    assert catalogue.get("rows.jsonl").row(15_000) == {"longer": "than before"}
    assert catalogue.get("rows.jsonl").index.lines == 20_000


def test_a_file_that_is_written_anew_in_place_is_read_anew_and_one_that_grows_goes_on(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"id": "a"}\n{"id": "b"}\n')
    catalogue = Catalogue(file)
    first = catalogue.get("rows.jsonl")
    with open(file, "a") as log:
        log.write('{"id": "c"}\n')
    os.utime(file, ns=(1, 1))
    catalogue._looked_at = -1e9
    grown = catalogue.get("rows.jsonl")
    assert grown is first and grown.index.lines == 3
    with open(file, "w") as anew:
        anew.write('{"id": "another and longer"}\n' * 4)
    os.utime(file, ns=(2, 2))
    catalogue._looked_at = -1e9
    second = catalogue.get("rows.jsonl")
    assert second is not first and second is not None and second.index.lines == 4
    assert second.row(2) == {"id": "another and longer"}
