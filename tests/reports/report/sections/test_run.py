"""What the run is and came to: tiles, alarms, funnel, diversity, held-out rows, prompts from the ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synthgen.core.progress import Reporter
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.reports.inspect import inspect_run
from synthgen.reports.report.page import html_report
from synthgen.reports.report.sections.diversity import DIFFERENT, OTHER, Kinds
from synthgen.reports.report.sections.funnel import funnel
from synthgen.reports.report.sections.headline import TILES, headline
from synthgen.reports.run_folder import rows_stage, stages_of
from synthgen.reports.status import run_status
from tests.operations.asking_bench import Asked, asking_pipeline
from tests.reports.made_runs import asked, make_run, stage
from tests.reports.report.seen import Seen, blocks


def came_to(run):
    stage = rows_stage(stages_of(run))
    return stage.id if stage is not None else None


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))


@pytest.fixture
def made(tmp_path):
    return make_run(tmp_path / "run")


def test_tiles_and_alarms(made):
    edit(made / "filter" / "manifest.json", partial=True)
    (made / "pipeline.resolved.yaml").write_text(
        "name: made\nseed: 7\nteacher: {provider: builtin, model: b-1}\n"
    )
    tiles, alarms, about = blocks(headline, made)
    titles = [tile.title for tile in tiles.tiles]
    assert titles == ["student", "rows kept", "time"] and "50.0%" in tiles.tiles[0].figure
    assert "of <data" in tiles.tiles[1].under[1] and ">12</data> that came in" in tiles.tiles[1].under[1]
    assert alarms.lines == ["filter is partial: it was published before all of its rows were done"]
    assert ("seed", "7") in about.entries and ("teacher", "builtin b-1") in about.entries


def test_what_was_typed_stands_there_with_its_stages_where_commands_differ(made):
    *_, about = blocks(headline, made)
    assert "command" not in dict(about.entries), "an older version, or Python"
    for path in made.glob("*/manifest.json"):
        edit(path, command="synthgen run made.yaml")
    *_, about = blocks(headline, made)
    assert ("command", "synthgen run made.yaml") in about.entries
    edit(made / "filter" / "manifest.json", command="synthgen filter made.yaml --set '<b>'")
    html = html_report(made)
    assert "synthgen filter made.yaml --set &#39;&lt;b&gt;&#39;\nmade filter" in html
    assert "synthgen run made.yaml\nmade load, " in html


def test_of_a_split_that_students_were_trained_on_the_train_part_counts(made):
    inputs = {"rows": [{"artefact": "split.train", "file": "split/train.jsonl", "sha256": "0", "rows": 8}]}
    edit(made / "student" / "manifest.json", inputs=inputs)
    tiles, *_ = blocks(headline, made)
    assert ">8</data>" in tiles.tiles[1].figure and "outputs/train.jsonl/rows" in tiles.tiles[1].figure


def test_many_students_have_a_few_tiles(made):
    file = made / "evaluate" / "metrics.json"
    report = json.loads(file.read_bytes())
    student = report["models"]["student"]
    edit(file, models={f"student-{number}": student for number in range(9)})
    tiles, more, *_ = blocks(headline, made)
    assert len([tile for tile in tiles.tiles if tile.title.startswith("student")]) == TILES
    assert more.lines == ["and 3 more students, under Scores"]


def test_the_funnel_sets_test_rows_aside_and_lists_rules(made):
    chart, rules, stages = blocks(funnel, made)
    assert "set aside for tests: 4" in chart.svg and "rejected: 1" in chart.svg and "kept: 8" in chart.svg
    assert chart.svg.count("kept: 12") == 1, "of load; split has 8 and sets 4 aside"
    assert [row[:3] for row in rules.rows] == [
        ["filter", "answer_match", "rejected"],
        ["dedup", "rouge_l", "rejected"],
    ]
    assert rules.rows[0][4] == "12.5%" and stages.rows[1][6] == "100.0%"


def test_the_reasons_of_a_rule_stand_under_it(made):
    extra = {"reasons": {"answer_match": {"no answer": 2, "wrong": 1}}}
    edit(made / "filter" / "manifest.json", extra=extra)
    _, rules, _ = blocks(funnel, made)
    assert [row[:2] for row in rules.rows] == [
        ["filter", "answer_match"],
        ["", "answer_match: no answer"],
        ["", "answer_match: wrong"],
        ["dedup", "rouge_l"],
    ]
    assert (
        'data-of="filter/manifest.json#/extra/reasons/answer_match/no%20answer">2</data>' in rules.rows[1][3]
    )


def test_held_out_rows_are_not_what_the_run_came_to(made):
    held_out = [asked(number) for number in range(9, 12)]
    counts = {"in": 3, "kept": 3, "rejected": {}, "failed": {}}
    stage(made, "held_out", "load", "rows", {"rows.jsonl": held_out}, counts=counts, finished="2026-02-01")
    assert came_to(made) == "dedup"
    assert inspect_run(made)["rows"]["stage"] == "dedup"
    assert "6 rows of dedup" in "".join(Seen(html_report(made)).text)


def test_without_students_rows_that_an_evaluation_holds_out_do_not_count(tmp_path):
    rows, run = [asked(1)], tmp_path / "run"
    stage(run, "a", "load", "rows", {"rows.jsonl": rows}, finished="2026-01-01")
    assert came_to(run) == "a"
    stage(run, "b", "load", "rows", {"rows.jsonl": rows}, finished="2026-01-02")
    assert came_to(run) == "b"
    stage(run, "e", "evaluate", "metrics", {}, inputs=["b/rows.jsonl"], finished="2026-01-03")
    assert came_to(run) == "a"
    assert rows_stage([]) is None


def test_kinds_are_counted_in_bounded_memory():
    kinds = Kinds()
    for number in range(3):
        meta = {"source": "a.csv", "topic": number, "attributes": {"difficulty": "easy", "list": []}}
        kinds.add_row({"instruction": "Write a poem.", "meta": meta})
    assert kinds.counts["source"] == {"a.csv": 3} and kinds.counts["verb and object"] == {"write poem": 3}
    assert len(kinds.counts["topic"]) == 3 and kinds.counts["difficulty"] == {"easy": 3}
    assert "list" not in kinds.counts
    for number in range(DIFFERENT + 5):
        kinds.add("many", str(number))
    kinds.add("many", "1")
    assert kinds.counts["many"][OTHER] == 5 and kinds.counts["many"]["1"] == 2
    kinds.add_row({"instruction": None, "meta": "odd"})


def test_a_prompt_stands_as_it_was_sent_where_the_ledger_has_it(in_tmp):
    pipeline = "  - load: {sources: [rows.jsonl]}\n  - generate: {id: worked, task: rationale}\n"
    with Asked() as teacher:
        made = asking_pipeline(teacher.url, pipeline)
        run_pipeline(made, RunOptions(), Reporter("silent"))
    run, ledger = Path("data/runs/asking"), Path("data/ledger")
    text = "".join(Seen(html_report(run, ledger=ledger)).text)
    assert "a prompt of worked as it was sent, and its reply" in text and "You work problems out" in text
    assert "as it was sent" not in html_report(run)
    assert "as it was sent" not in html_report(run, ledger=in_tmp / "none")
    assert "40 rows of worked" in text and run_status(run, made)["money"]["total"]["kept_rows"] == 40


def test_an_empty_run_of_stages_that_came_to_nothing_is_told(in_tmp):
    from synthgen.core.errors import EmptyResult

    pipeline = "  - load: {sources: [rows.jsonl]}\n  - generate: {id: worked, task: rationale}\n"
    with Asked() as teacher:
        teacher.reply = lambda text, draw: ""
        with pytest.raises(EmptyResult):
            run_pipeline(asking_pipeline(teacher.url, pipeline), RunOptions(), Reporter("silent"))
    text = "".join(Seen(html_report(Path("data/runs/asking"))).text)
    assert "worked came to nothing" in text and "Dropped by worked" in text
