"""Every figure names its place and is what stands there; the check can fail."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from synthgen.reports.report.figures import (
    apart,
    count,
    figure,
    interval,
    joined,
    money,
    plain,
    pointer,
    share,
)
from synthgen.reports.report.page import html_report
from synthgen.reports.status import run_status
from tests.reports.made_runs import make_run
from tests.reports.report.agreement import check_figures

PIPELINE = """
version: 1
name: made
stages:
  - load: {sources: [rows.jsonl]}
  - split: {test: 4}
  - generate: {id: rationales, task: rationale}
  - filter: {rules: [answer_match]}
  - dedup: {methods: [rouge_l: {field: instruction, threshold: 0.9}]}
  - sft: {id: student, student: {init: {hidden_size: 8}}}
  - evaluate: {models: [base, students, teacher]}
teacher: {provider: builtin}
"""


@pytest.fixture
def made(in_tmp):
    """A run with scores, a verdict, money and a training, and what status says of it."""
    from synthgen.pipeline.file import load_pipeline

    run = make_run(in_tmp / "run")
    (in_tmp / "rows.jsonl").write_text('{"instruction": "a", "reference": "b"}\n')
    (in_tmp / "made.yaml").write_text(PIPELINE)
    edit(
        run / "rationales" / "manifest.json",
        requests={"planned": 8, "answered": 8, "failed": {}, "unsent": 0, "ahead": 3},
        usage={
            "prompt_tokens": 81234,
            "completion_tokens": 1600,
            "cost_usd": 2.126,
            "ahead": {"prompt_tokens": 30, "completion_tokens": 60, "cost_usd": 0.0042},
        },
        seconds=4321.5,
    )
    edit(
        run / "evaluate" / "manifest.json",
        requests={"planned": 5, "answered": 5, "failed": {}, "unsent": 0},
        usage={"prompt_tokens": 77, "completion_tokens": 3, "cost_usd": 0.5},
    )
    edit(
        run / "student" / "manifest.json",
        seconds=95.4,
        config={"student": {"model": "m"}, "max_length": 128},
        peak_memory_bytes=607_123_456,
        extra={"student": {"parameters": 412_896}, "training": {"steps": 1448, "tokens": 748174}},
    )
    score: dict[str, Any] = {"value": 0.984321, "interval": [0.974168, 0.990128], "rows": 1000}
    wide: dict[str, Any] = {"value": -0.0514, "interval": [-0.0695, 0.0343]}
    student: dict[str, Any] = {
        "role": "student",
        "base": "base",
        "parsed": 1.0,
        "stopped": 0.5,
        "questions": 4,
        "answered": 4,
    }
    outcomes: dict[str, Any] = {"right": 984, "wrong": 16, "no_answer": 0, "no_answer_cut": 0, "no_reply": 0}
    teacher: dict[str, Any] = {
        "role": "teacher",
        "parsed": 0.9,
        "stopped": 1.0,
        "questions": 4,
        "answered": 4,
    }
    report = json.loads((run / "evaluate" / "metrics.json").read_bytes())
    report["models"] = {
        "base": {**teacher, "role": "base", "exact_match": {**score, "value": 0.0}},
        "a/b~ c": {
            **student,
            "exact_match": {**score, "vs_base": wide, "vs_teacher": wide, "outcomes": outcomes},
            "agreement": {"value": 0.931984, "interval": [0.9, 0.95], "rows": 985},
        },
        "teacher": {**teacher, "exact_match": score},
    }
    cells: dict[str, Any] = {"both_right": 1918, "both_wrong": 1, "only_teacher": 15, "only_student": 66}
    verdict: dict[str, Any] = {
        "verdict": "DEPLOY",
        "reason": "r",
        "agreement": cells,
        "no_answer": {"student": 0, "teacher": 15},
    }
    verdict |= {"regressions": 3, "retention": {"value": 1.0546, "interval": [1.0, 1.1]}, "vs_teacher": wide}
    report["verdict"] = {
        "metric": "exact_match",
        "margin": 0.03,
        "confidence": 0.95,
        "students": {"a/b~ c": verdict},
    }
    (run / "evaluate" / "metrics.json").write_text(json.dumps(report))
    return run, run_status(run, load_pipeline(in_tmp / "made.yaml"))


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))


def test_every_figure_is_what_stands_where_it_comes_from(made):
    run, status = made
    page = html_report(run)
    assert check_figures(page, run, status) > 100
    assert "72 min" in page and "$2.13" in page and "98.4%" in page and "607 MB" in page


@pytest.mark.parametrize(
    "change",
    [
        lambda page: page.replace(">98.4%</data>", ">98.5%</data>"),
        lambda page: page.replace(">82,834</data>", ">82,835</data>"),
        lambda page: page.replace("models/base/exact_match/value", "models/base/parsed"),
        lambda page: re.sub('<data value="748174"[^>]*>(.*?)</data>', r"\1", page),
    ],
)
def test_a_figure_that_is_not_is_found(made, change):
    run, status = made
    page = html_report(run)
    assert change(page) != page
    with pytest.raises((AssertionError, KeyError, IndexError)):
        check_figures(change(page), run, status)


def test_a_source_that_changed_is_found(made):
    run, status = made
    page = html_report(run)
    edit(run / "evaluate" / "metrics.json", questions=5)
    assert check_figures(page, run, status)
    status["stages"][0]["counts"]["in"] += 1
    with pytest.raises(AssertionError, match="12"):
        check_figures(page, run, status)


def test_places_are_pointers():
    assert pointer(["a/metrics.json", "x/y", "~z", 3]) == "a/metrics.json#/x~1y/~0z/3"
    assert pointer(["status", 'a "b"\n\ud800']) == "status#/a%20%22b%22%0A%ED%A0%80"


def test_figures_are_written_for_people():
    assert [plain(value) for value in (0.9629629629629629, 12000, 3.0, 1e-5, 0.02, -1234.5)] == [
        "0.963",
        "12,000",
        "3",
        "1e-05",
        "0.02",
        "-1,234.5",
    ]
    assert plain(float("inf")) == "inf"
    assert count(None) == "" and count(float("nan"), ["a"]) == "" and count(1234) == "1,234"
    assert share(0.5, ["f", "x"]) == '<data value="0.5" data-of="f#/x">50.0%</data>'
    assert apart(-0.051) == "-5.1" and money(0.0042) == "$0.0042"
    shown = '<data value="0.1" data-of="f#/interval/0">10.0%</data> to any'
    assert interval({"interval": [0.1, None]}, share, "f") == shown
    assert (
        joined(["<b>\u202e", share(1, ["f"])])
        == '&lt;b&gt;[U+202E], <data value="1" data-of="f#">100.0%</data>'
    )
    assert figure(1.5, str) == "1.5"
