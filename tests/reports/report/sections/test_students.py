"""How students learned and what they answered: curves, token lengths beside limits, answers side by side."""

from __future__ import annotations

import json

import pytest

from synthgen.reports.report.page import html_report
from synthgen.reports.report.sections.answers import answers
from synthgen.reports.report.sections.lengths import lengths
from synthgen.reports.report.sections.training import POINTS, read_curves, training
from synthgen.reports.run_folder import stages_of
from tests.reports.made_runs import make_run
from tests.reports.report.seen import Seen, blocks


@pytest.fixture
def made(tmp_path):
    return make_run(tmp_path / "run")


def learned(run, lines):
    (run / "student" / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def told(run, **extra):
    path = run / "student" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | extra))


def student_of(run):
    return next(stage for stage in stages_of(run) if stage.id == "student")


def test_curves_have_the_loss_and_each_measurement(made):
    steps = [{"step": step, "loss": 8.0 / step, "learning_rate": 1.0, "epoch": 0.1} for step in range(1, 401)]
    learned(
        made, [{"step": 0, "validation_accuracy": 0.1}, *steps, {"step": 400, "validation_accuracy": 0.75}]
    )
    curves = read_curves(student_of(made))
    assert set(curves) == {"loss", "validation_accuracy"} and len(curves["loss"]) == 400
    loss, accuracy, table = blocks(training, made)
    assert loss.svg.count("L") <= POINTS and "means of 3 steps" in loss.caption
    assert "means" not in accuracy.caption and "80%" in accuracy.svg
    assert "validation accuracy 0.75 at step 400" in table.rows[0]


def test_a_log_that_is_torn_or_odd_is_read_as_far_as_it_goes(made):
    lines = [
        {"step": 1, "loss": 2.0},
        {"loss": 1.0},
        {"step": 2, "loss": "x"},
        {"step": 3, "loss": None},
    ]
    learned(made, lines)
    with open(made / "student" / "metrics.jsonl", "a") as log:
        log.write('{"step": 4, "lo')
    assert read_curves(student_of(made)) == {"loss": [(1.0, 2.0)]}
    assert "training loss" in html_report(made)


def test_tokens_stand_beside_the_limits(made):
    bins = {"completion": [[3, 5, 7]], "with_prompt": [[20, 29, 7]]}
    told(made, config={"max_length": 128}, extra={"preflight": {"token_bins": bins}})
    whole, completion, words = blocks(lengths, made)
    assert "max_length 128" in whole.svg and "max_new_tokens 8" in completion.svg
    assert whole.table.rows == [["20 to 29", "7"]] and words.header[0] == "words in"
    told(made, extra={"preflight": {"rows": 3}})
    assert "was not recorded" in blocks(lengths, made)[0].lines[0]


def test_right_and_wrong_answers_stand_side_by_side(made):
    file = made / "evaluate" / "answers.jsonl"
    report = json.loads((made / "evaluate" / "metrics.json").read_bytes())
    report["models"]["teacher"] = {**report["models"]["student"], "role": "teacher"}
    (made / "evaluate" / "metrics.json").write_text(json.dumps(report))
    rows = [json.loads(line) for line in file.read_bytes().splitlines()]
    for row, right in zip(rows, (True, False, True, False), strict=True):
        reply = {"text": "<i>42</i>", "parsed": None, "ending": "length", "right": right}
        row["answers"]["teacher"] = reply
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    folds = blocks(answers, made, 5)
    titles = [fold.title for fold in folds]
    assert titles == [
        "only the teacher right, student wrong: 1",
        "only student right, the teacher wrong: 1",
        "both wrong: student and the teacher: 1",
        "both right: student and the teacher: 1",
    ]
    student, teacher = folds[0].blocks[0].cards
    assert (student.mark, teacher.mark) == ("wrong", "right")
    assert ("ended by", "length") in teacher.fields and ("answer", "no answer found") in teacher.fields
    assert "right answer: 21" in folds[0].blocks[0].about
    page = html_report(made)
    assert "<i>" not in page and "<i>42</i>" in "".join(Seen(page).text)


def test_answers_with_grades_alone_are_shown_with_them(made):
    file = made / "evaluate" / "answers.jsonl"
    row = json.loads(file.read_bytes().splitlines()[0])
    row["answers"]["student"] = {"text": "t", "parsed": "1", "scores": {"judge": 0.123456}, "right": None}
    file.write_text(json.dumps(row) + "\n")
    (fold,) = blocks(answers, made, 5)
    assert fold.title == "answers of student: 1"
    assert fold.blocks[0].cards[0].fields[-1] == ("scores", "judge: 0.123")
