"""Looks at a real student through a real server: what is named, what is asked, and what is counted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from synthgen.cli import main
from synthgen.core.errors import ConfigError, InputError, StageFailed
from synthgen.operations.drift import look as module
from synthgen.operations.drift.look import Looking, look_at, require
from synthgen.operations.drift.looks import Looks
from synthgen.operations.drift.regenerate import regenerate
from synthgen.operations.drift.report import lines, plain
from synthgen.pipeline.options import RunOptions
from synthgen.stages.evaluate.run import STAGE as EVALUATE
from synthgen.store.jsonl import read_log, read_rows
from tests.operations.drift.world import QUIET, TOPICS

RUN = Path("data/runs/watched")
LOG = RUN / "drift" / "looks.jsonl"
FIELD = "meta.attributes.topic"


def look(rows=45, **given):
    return look_at(RUN, Looking(rows, **given), RunOptions(), QUIET)


def log_of(path, numbers, topics=TOPICS):
    answer = {"message": {"role": "assistant", "content": "9"}, "finish_reason": "stop"}
    lines = [
        {
            "request": {"messages": [{"role": "user", "content": f"{topic}, number {number}?"}]},
            "response": {"choices": [answer]},
        }
        for topic in topics
        for number in numbers
    ]
    Path(path).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Path(path)


def test_the_slice_that_shifted_is_named_and_only_it_is_asked_anew(watched):
    calm = look()
    assert not calm.fallen() and lines(calm)[-1] == "no slice fell (95% sure, over all looks)"
    assert sum(watched.asked.values()) == 45, "the teacher answered each question once"
    require(calm)
    watched.truth["rivers"] = 9
    while not (found := look()).fallen():
        assert found.looks.taken < 5
    assert found.fallen() == [(FIELD, "rivers")]
    assert lines(found)[-1] == f"student fell: {FIELD}: rivers"
    figures = plain(found)
    assert figures["fell"] == [{"field": FIELD, "slice": "rivers"}]
    rivers = figures["students"][0]["slices"][2]
    assert rivers["before"]["kept_up"] == 1.0 and rivers["since"]["kept_up"] < 0.8
    assert rivers["fell_at_look"] == found.looks.taken
    with pytest.raises(StageFailed, match=f"fell: student in {FIELD}: rivers"):
        require(found)

    watched.asked.clear()
    watched.made.clear()
    made = regenerate(found, 12, RunOptions(), QUIET)
    assert made.rows == {"run:watched.regenerate-1:clean": 12}
    assert set(watched.asked) == set(watched.made) == {"rivers"}, "no call for another slice"
    assert watched.asked["rivers"] == 12
    rows = list(read_rows(made.run_dir / "clean" / "rows.jsonl"))
    assert {row["meta"]["attributes"]["topic"] for row in rows} == {"rivers"}
    assert {row["output"] for row in rows} == {"9"}
    before = watched.made.total(), watched.asked.total()
    again = regenerate(look(0), 12, RunOptions(), QUIET)
    assert again == made and before == (watched.made.total(), watched.asked.total())


def test_a_killed_look_goes_on_and_counts_once(watched):
    """kill -9 while the teacher is asked: replies that came back are not paid for again."""
    slow, watched.server.slowest = watched.server.slowest, 0.2
    words = [sys.executable, "-m", "synthgen", "drift", "watched", "-n", "40"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while watched.asked.total() < 10 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    watched.server.slowest = slow
    assert not LOG.exists() and watched.asked.total() >= 10
    made = watched.made.total()
    found = look(40)
    assert [entry["look"] for entry in read_log(LOG)] == [1] and found.standings[0].questions == 40
    assert watched.made.total() == made, "the questions were drawn once"
    assert watched.asked.total() <= 40 + 40, "in flight at the kill may be asked twice, and no other"
    assert len({row["question"] for row in found.looks.counted[0]["rows"]}) == 40


def test_a_look_that_was_answered_but_not_counted_asks_nobody(watched, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Looks, "add", lambda self, entry: (_ for _ in ()).throw(OSError("no room")))
        with pytest.raises(OSError, match="no room"):
            look(20)
    assert not LOG.exists()
    before = watched.asked.total(), watched.made.total()
    look(20)
    assert (watched.asked.total(), watched.made.total()) == before
    assert len(list(read_log(LOG))) == 1
    LOG.write_bytes(LOG.read_bytes() + b'{"look": 2, "torn')
    assert look(0).looks.taken == 1
    look(20)
    assert [entry["look"] for entry in read_log(LOG)] == [1, 2]


def test_a_log_is_held_against_the_teacher_and_each_question_counts_once(watched):
    log = log_of("chats.jsonl", range(500, 507))
    found = look(100, log=log, by=("length",))
    assert found.standings[0].measure == "agreement" and found.standings[0].questions == 21
    assert watched.asked.total() == 21
    with pytest.raises(InputError, match="no question that was not counted before"):
        look(100, log=log, by=("length",))
    assert found.looks.taken == 1 and watched.asked.total() == 21
    log = log_of("chats.jsonl", range(500, 509))
    more = look(4, log=log, by=("length",))
    assert any("21 questions were counted before" in note for note in more.notes)
    assert any("2 more questions" in note for note in more.notes)
    assert [len(entry["rows"]) for entry in read_log(LOG)] == [21, 4]


def test_what_was_trained_on_is_no_fresh_question(watched):
    trained = next(read_rows(RUN / "split" / "train.jsonl"))["instruction"]
    log = log_of("chats.jsonl", [600], ["law"])
    turns = [{"role": "user", "content": trained}, {"role": "assistant", "content": "1"}]
    log.write_text(json.dumps({"messages": turns}) + "\n" + log.read_text())
    found = look(10, log=log)
    assert found.standings[0].questions == 1 and "1 questions were trained on" in found.notes[1]
    with pytest.raises(InputError, match="no question that was not counted"):
        look(10, log=log)


def test_questions_of_looks_are_answered_anew_where_no_grid_can_be_cut(watched):
    log = log_of("chats.jsonl", range(500, 524), ["law"])
    watched.truth = {"bread": 0, "law": 0, "rivers": 0}
    found = look(24, log=log, by=("instruction_kind",))
    assert found.fallen() == [("instruction_kind", "(none)")]
    watched.asked.clear()
    made = regenerate(found, 10, RunOptions(), QUIET)
    rows = list(read_rows(made.run_dir / "clean" / "rows.jsonl"))
    assert watched.asked == {"law": 10} and watched.made.total() == 0
    assert [row["output"] for row in rows] == ["0"] * 10, "the log's own answers are the student's"
    assert list(made.rows) == ["run:watched.regenerate-1:clean"]


def test_looks_at_another_student_do_not_count(watched):
    look(15)
    entries = list(read_log(LOG))
    LOG.write_bytes(b"".join(orjson.dumps({**entry, "key": "another"}) + b"\n" for entry in entries))
    found = look(0)
    assert found.standings[0].looks == 0 and "1 earlier looks" in found.notes[0]
    look(15)
    assert [entry["look"] for entry in read_log(LOG)] == [1, 2]


def test_what_cannot_be_looked_at_is_said(watched):
    with pytest.raises(InputError, match="no such file"):
        look(10, log=Path("chats.jsonl"))
    with pytest.raises(ConfigError, match="no student 'studnt'") as fault:
        look(10, students=("studnt",))
    assert "did you mean 'student'" in str(fault.value)
    with pytest.raises(InputError, match="no finished evaluation 'answers'"):
        look(10, stage="answers")
    text = (RUN / "pipeline.resolved.yaml").read_text()
    (RUN / "pipeline.resolved.yaml").unlink()
    with pytest.raises(InputError, match="no pipeline"):
        look(10)
    (RUN / "pipeline.resolved.yaml").write_text(text)
    answers = RUN / "evaluate" / "answers.jsonl"
    answers.write_bytes(answers.read_bytes() + b"{}\n")
    with pytest.raises(StageFailed, match="no longer what evaluate wrote"):
        look(10)
    assert watched.asked.total() == 0


def test_questions_from_files_need_a_log(watched):
    text = (RUN / "pipeline.resolved.yaml").read_text()
    rows = Path("rows.jsonl")
    rows.write_text('{"instruction": "a?", "output": "b"}\n')
    start, end = text.index("- generate:"), text.index("- split:")
    (RUN / "pipeline.resolved.yaml").write_text(
        text[:start] + f"- load: {{id: questions, sources: [{rows}]}}\n" + text[end:]
    )
    with pytest.raises(ConfigError, match="the test questions come from files") as fault:
        look(10)
    assert "--log FILE" in str(fault.value) and watched.asked.total() == 0


def test_the_command(watched, monkeypatch, capsys):
    def said(*words):
        monkeypatch.setattr(sys, "argv", ["synthgen", "drift", "watched", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, capsys.readouterr()

    watched.truth["bread"] = 1
    code, out = said("-n", "60", "--require", "--regenerate", "5", "--json")
    found = json.loads(out.out)
    assert code == 1 and "fell: student in meta.attributes.topic: bread" in out.err
    assert found["fell"] == [{"field": FIELD, "slice": "bread"}]
    assert found["regenerated"]["rows"] == {"run:watched.regenerate-1:clean": 5}
    code, out = said("-n", "0")
    assert code == 0 and "bread" in out.out.splitlines()[-1] and "FELL (look 1)" in out.out


def test_a_look_measures_nothing_beside_scores(tmp_path):
    asked = {}
    extras = {"pairwise": {"judge": "grader"}, "panel": True, "noise_floor": 5, "likelihood": {}}
    config = EVALUATE.config.model_validate({"models": ["base", "students", "teacher"], **extras})

    def run(inputs, config, context, out):
        asked.update(config)
        out.mkdir(exist_ok=True)
        (out / "answers.jsonl").write_text("")

    spec = SimpleNamespace(config=config, id="evaluate", stage=SimpleNamespace(prefetch=None, run=run))
    pipeline = SimpleNamespace(seed=0, teachers={}, budget=None)
    baseline: Any = SimpleNamespace(spec=spec, students=("a",), teacher=True, inputs={}, pipeline=pipeline)
    module._ask(baseline, None, tmp_path / "look", RunOptions(), QUIET)
    assert asked["models"] == ("a", "teacher")
    assert [asked[name] for name in extras] == [None, None, 0, None]
