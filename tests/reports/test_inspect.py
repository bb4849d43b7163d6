import json
import os
import random
import socket
import time

import orjson
import pytest

from synthgen.core.errors import InputError
from synthgen.reports.inspect import inspect_path
from synthgen.reports.inspect_text import _drop_lines, inspect_text
from synthgen.reports.row_text import measured, row_lines
from synthgen.reports.survey import Lengths, Reservoir, Survey
from synthgen.store.jsonl import write_rows
from tests.reports.made_runs import asked, make_run


def test_a_run_with_its_drops_beside_what_they_matched(tmp_path):
    figures = inspect_path(make_run(tmp_path / "run"), samples=2)
    assert [stage["stage"] for stage in figures["stages"]] == [
        "load",
        "split",
        "rationales",
        "filter",
        "dedup",
        "student",
        "evaluate",
    ]
    drops = {stage["stage"]: stage["drops"] for stage in figures["stages"]}
    assert drops["filter"]["answer_match"]["rows"] == 1
    assert drops["filter"]["answer_match"]["examples"][0]["rejection"]["value"] == "99"
    (example,) = drops["dedup"]["rouge_l"]["examples"]
    assert (example["id"], example["matched"]["id"], example["rejection"]["score"]) == ("b007", "b000", 0.95)
    assert figures["rows"]["stage"] == "dedup" and figures["rows"]["rows"] == 6
    assert len(figures["rows"]["samples"]) == 2
    shown = inspect_text(figures)
    assert "b007 (threshold 0.9, score 0.95)" in shown and "= b000: Tom has 0 apples" in shown
    assert orjson.dumps(figures)


def test_while_a_stage_is_being_written(tmp_path):
    run = make_run(tmp_path / "run")
    staging = run / ".new-more"
    staging.mkdir()
    write_rows(staging / "rows.jsonl", [asked(1), asked(2)])
    with open(staging / "rows.jsonl", "ab") as file:
        file.write(b'{"id": "torn')
    write_rows(
        staging / "rejected.jsonl",
        [
            {
                **asked(3),
                "rejection": {"kind": "rejected", "rule": "novelty", "matched_id": "a001", "score": 0.8},
            }
        ],
    )
    figures = inspect_path(run)
    assert (figures["under_way"]["stage"], figures["under_way"]["rows"]) == ("more", 2)
    assert figures["under_way"]["drops"]["novelty"]["examples"][0]["matched"]["id"] == "a001"
    assert "more was interrupted: 2 rows on disk so far" in inspect_text(figures)
    lock = {"heartbeat": time.time(), "host": socket.gethostname(), "pid": os.getpid()}
    (run / ".lock").write_text(json.dumps(lock))
    assert "more is under way: 2 rows on disk so far" in inspect_text(inspect_path(run))


def test_before_anything_is_published(tmp_path):
    (tmp_path / "run" / ".new-load").mkdir(parents=True)
    assert inspect_path(tmp_path / "run")["stages"] == []
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no run"):
        inspect_path(tmp_path / "empty")
    with pytest.raises(InputError, match="no such"):
        inspect_path(tmp_path / "none")


def test_any_file_of_the_users(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_bytes(b'{"question": "one two three", "gold": 4}\n{broken\n{"question": "one"}\n[1]\n')
    figures = inspect_path(path)
    assert (figures["rows"], figures["broken"], [line["line"] for line in figures["broken_lines"]]) == (
        2,
        2,
        [2, 4],
    )
    assert (figures["words"]["question"]["min"], figures["words"]["question"]["max"]) == (1, 3)
    assert "line 2" in inspect_text(figures)
    table = tmp_path / "t.csv"
    table.write_text("question,gold\nwhat is it,4\n")
    assert inspect_path(table)["fields"] == {"question": 1, "gold": 1}


def test_a_rejected_file_shows_what_was_matched(tmp_path):
    run = make_run(tmp_path / "run")
    figures = inspect_path(run / "dedup" / "rejected.jsonl")
    assert figures["drops"]["rouge_l"]["examples"][0]["matched"]["id"] == "b000"


def test_text_from_rows_stays_on_its_line(tmp_path):
    path = tmp_path / "mine.jsonl"
    write_rows(path, [{"id": "x", "instruction": "one\ntwo\x1b[31mred\x00\u202e", "output": "y"}])
    shown = inspect_text(inspect_path(path))
    assert "\x1b" not in shown and "\x00" not in shown and "\u202e" not in shown
    assert "one two [31mred" in shown


def test_turns_stand_on_lines_of_their_own_and_scores_beside_the_rest_of_meta():
    turns = [{"role": "user", "content": "How\ndo I?"}, {"role": "assistant", "content": "Like this."}]
    lines = list(
        row_lines(
            {
                "id": "r1",
                "messages": turns,
                "meta": {"task": "respond", "scores": {"judge": 4, "judge_items": {"a": True}}},
            }
        )
    )
    assert lines == [
        "  id           r1",
        "  messages     user: How do I?",
        "               assistant: Like this.",
        "  meta         task respond, scores.judge 4",
    ]


def test_samples_are_drawn_fairly_and_again_the_same():
    counts = [0] * 20
    for seed in range(4000):
        reservoir = Reservoir(5, seed)
        for number in range(20):
            reservoir.add(number)
        drawn = reservoir.drawn()
        assert len(set(drawn)) == 5 and drawn == sorted(drawn)
        for number in drawn:
            counts[number] += 1
    assert all(850 < count < 1150 for count in counts)  # 1,000 expected, standard deviation 27
    one, other = (
        Survey(3, 7).add_all({"id": str(number), "output": "x"} for number in range(100)).plain()
        for _ in range(2)
    )
    assert one == other


def test_quantiles_are_those_of_the_sorted_lengths():
    rng = random.Random(1)
    values = [rng.randrange(300) for _ in range(501)]
    lengths = Lengths()
    for value in values:
        lengths.add(value)
    plain, ordered = lengths.plain(), sorted(values)
    assert (plain["min"], plain["median"], plain["max"]) == (ordered[0], ordered[250], ordered[-1])
    assert (plain["p5"], plain["p95"]) == (ordered[25], ordered[475])
    assert sum(count for _, _, count in plain["histogram"]) == 501 and len(plain["histogram"]) <= 10


def test_memory_does_not_grow_with_long_texts():
    lengths = Lengths()
    for value in range(10_000, 2_000_000, 7):
        lengths.add(value)
    assert len(lengths.counts) < 400


def test_the_newest_replies_of_a_stage_under_way(tmp_path):
    from synthgen.core.chat import Request
    from synthgen.core.progress import Reporter
    from synthgen.dispatch.session import open_sessions
    from synthgen.teachers.providers.builtin import BuiltinConfig

    question = "Otto is older than Mira. Tessa is younger than Mira. Who is the second oldest?"

    def talk():
        return (
            yield Request(messages=({"role": "user", "content": question},), n=2, label="rationale")
        ).first

    run, ledger = tmp_path / "live", tmp_path / "ledger"
    (run / ".new-rationales").mkdir(parents=True)
    sessions = open_sessions(
        {"": BuiltinConfig()},
        ledger_dir=ledger,
        run="live",
        budget=None,
        reporter=Reporter("silent"),
        stopping=lambda: 0,
        grace=1.0,
        retry_failed=False,
    )
    try:
        sessions.open("").fetch([talk], total=1, stage="s")
        figures = inspect_path(run, ledger=ledger)  # while the run still holds its ledger file
    finally:
        sessions.close()
    book = figures["under_way"]["ledger"]
    assert book["requests"] == 1 and book["tokens"] > 0
    assert len(book["newest"]) == 2 and all(newest["reply"] for newest in book["newest"])
    assert "in the ledger for this run: 1 request," in inspect_text(figures)
    assert inspect_path(run, ledger=tmp_path / "none")["under_way"]["ledger"]["newest"] == []


def test_the_folder_that_filter_wrote(tmp_path):
    from synthgen.cli import main

    (tmp_path / "mine.jsonl").write_bytes(
        b'{"instruction": "Name a colour.", "output": "Blue."}\n{"instruction": "Name a bird.", '
        b'"output": "I\'m sorry, but I cannot help with that."}\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "sys.argv",
            [
                "synthgen",
                "filter",
                str(tmp_path / "mine.jsonl"),
                "-o",
                str(tmp_path / "cleaned"),
                "--rule",
                "refusal",
            ],
        )
        with pytest.raises(SystemExit, match="0"):
            main()
    figures = inspect_path(tmp_path / "cleaned")
    assert figures["rows"]["rows"] == 1 and figures["stages"][0]["drops"]["refusal"]["rows"] == 1
    shown = inspect_text(figures)
    assert (
        shown.startswith(f"folder {tmp_path / 'cleaned'}")
        and "Blue." in shown
        and "Name a bird." not in shown.split("rows of")[1]
    )


def test_figures_are_rounded_and_said_once():
    rejection = {"value": 26 / 27, "threshold": 0.7, "score": 26 / 27}
    assert measured(rejection, ("value", "threshold", "score"), 60) == ["threshold 0.7", "score 0.963"]
    assert measured({"value": 2 / 3}, ("value", "score"), 60) == ["value 0.6667"]
    assert measured({"value": "x" * 100}, ("value",), 60) == ["value " + "x" * 59 + "…"]
    told = measured({"value": {"evaluation": "e.csv", "coverage": 2 / 3, "rows": ["a", "b"]}}, ("value",), 80)
    assert told == ["value evaluation e.csv, coverage 0.6667, rows a, b"]
    assert "judge 0.3333" in "\n".join(row_lines({"meta": {"scores": {"judge": 1 / 3}}}))


def test_one_line_that_cannot_be_read_is_one_line(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"instruction": "a"}\n{torn\n')
    assert "1 row, 1 line that cannot be read" in inspect_text(inspect_path(tmp_path / "rows.jsonl"))
    (tmp_path / "rows.jsonl").write_text('{"instruction": "a"}\n{torn\n{torn\n')
    assert "2 lines that cannot be read" in inspect_text(inspect_path(tmp_path / "rows.jsonl"))


def test_a_line_without_an_id_and_a_match_in_an_evaluation_file_are_named_by_their_place():
    broken = {
        "id": None,
        "rejection": {"rule": "broken_line", "value": "not JSON"},
        "row": {"meta": {"source": "a.jsonl", "line": 6}, "raw": '{"prompt": "x"'},
    }
    repeated = {
        "id": "b1",
        "rejection": {"rule": "whole", "value": {"evaluation": "eval.csv"}, "matched_id": "line 2"},
        "row": {"instruction": "Name a river."},
        "matched": None,
    }
    elsewhere = {**repeated, "rejection": {"rule": "exact", "matched_id": "b0"}}
    lines = list(
        _drop_lines(
            {
                "broken_line": {"rows": 1, "examples": [broken]},
                "whole": {"rows": 1, "examples": [repeated]},
                "exact": {"rows": 1, "examples": [elsewhere]},
            }
        )
    )
    assert '    a.jsonl:6 (value not JSON): {"prompt": "x"' in lines
    assert "    = line 2 of eval.csv" in lines
    assert "    = b0: (not in this run)" in lines


def test_without_full_an_example_is_one_line_and_a_verdict_one_a_student():
    example = {"id": "b1", "row": {"output": "word " * 80}, "rejection": {"rule": "length", "value": 80}}
    drops = {f"rule{place}": {"rows": 1, "examples": [example, example]} for place in range(8)}
    table = (
        "scores\n\nverdict (by exact match):\n  student  DEPLOY: +1\n\n  student: +1 point\n    both right 9"
    )
    of_stage = {"stage": "filter", "counts": {}, "drops": drops, "versions": {}}
    of_stage["reasons"] = {"rule0": {"wrong": 1}}
    figures = {
        **{"run": None, "folder": "filter", "live": None, "came_to_nothing": [], "under_way": None},
        **{"rows": None, "stages": [{**of_stage, "table": table, "curve": []}]},
    }
    short, full = inspect_text(figures), inspect_text(figures, full=True)
    assert short.count("    b1 (value 80): word") == 6 and full.count("    b1 (value 80): word") == 16
    assert all(len(line) <= 80 for line in short.splitlines()) and "rule0: 1 (12.5%): 1 wrong" in short
    assert "student  DEPLOY" in short and "both right" not in short and "both right 9" in full
