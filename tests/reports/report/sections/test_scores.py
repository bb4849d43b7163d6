"""The report says all that the console says of an evaluation: every remark, and every table's figures."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest

from synthgen.evaluation.remarks import UNREADABLE, remarks
from synthgen.evaluation.scoreboard import scoreboard
from synthgen.reports.report.page import html_report
from tests.reports.made_runs import make_run
from tests.reports.report.seen import Seen

INTERVAL: dict[str, Any] = {"value": 0.5, "interval": [0.4, 0.6]}
NATS: dict[str, Any] = {"value": 0.44761, "interval": [0.36223, 0.53294]}


@pytest.fixture
def full(tmp_path):
    """A run whose evaluation has something to say in every part."""
    run = make_run(tmp_path / "run")
    file = run / "evaluate" / "metrics.json"
    report = json.loads(file.read_bytes())
    score = report["models"]["student"]["exact_match"]
    base: dict[str, Any] = {
        "role": "base",
        "questions": 4,
        "answered": 3,
        "parsed": 0.5,
        "stopped": 0.0,
        "no_answer": 2,
    }
    report["models"] = {
        "base": {
            **base,
            "cut": 4,
            "exact_match": dict(score),
            "failed": {"template": 1},
            "refused": "no system turn",
        },
        "student": {
            **report["models"]["student"],
            "base": "base",
            "no_answer": 0,
            "prompt_too_long": 2,
            "exact_match": {**score, "vs_base": INTERVAL, "gap_recovered": 0.5, "gap_interval": [0.1, 0.9]},
        },
        "teacher": {**base, "role": "teacher", "exact_match": dict(score), "cut": 1},
    }
    leaked: dict[str, Any] = {
        "train_rows": 9,
        "exact": 1,
        "exact_ids": ["a1"],
        "excluded": False,
        "near": 0,
        "threshold": 0.9,
    }
    models: dict[str, Any] = {"base": {"nll_per_token": NATS, "nll_per_byte": NATS}}
    models["student"] = {**models["base"], "kl_per_token": {**NATS, "value": 0.05631, "rows": 3}}
    pair: dict[str, Any] = {
        "model": "student",
        "than": "base",
        "nll_per_token": {"value": -5.19, "interval": [-5.3, -5.1]},
    }
    likelihood: dict[str, Any] = {
        "completion": "output",
        "in": 13,
        "rows": 12,
        "unfit": {"base": {"too_long": 1}},
        "trained_on": 2,
    }
    noise: dict[str, Any] = {"how": "one by one", "rows": 6, "texts": 1, "answers": 1}
    noise["exact_match"] = {"rows": 6, "changed": 1, "change": -0.021, "below": 0.012}
    panel: dict[str, Any] = {"version": 1, "questions": 0}
    panel |= {"margin": 0.1, "confidence": 0.95, "students": {}, "not_asked": {"student": "no chat template"}}
    report |= {
        "leakage": leaked,
        "likelihood": {**likelihood, "teacher": "big", "models": models, "differences": [pair]},
        "noise_floor": {"student": noise},
        "panel": panel,
        "prompt_differences": {"student": ["it was trained with a system turn"]},
        "remarks": ["a remark of the stage's own"],
    }
    file.write_text(json.dumps(report))
    return run, report


def test_every_line_of_the_console_is_in_the_page(full):
    run, report = full
    page = html_report(run)
    text = " ".join("".join(Seen(page).text).split())
    said = remarks(report)
    assert UNREADABLE not in said
    for words in ("asked again one by one", "panel: not asked: student", "nats a token", "were trained on"):
        assert any(words in line for line in said), words
    console = scoreboard(report)
    for line in said:
        assert line in " ".join(console.split())
        assert line.removeprefix("WARNING: ") in text, line
    sentences = [line.strip() for line in console.splitlines() if len(line.split()) > 5]
    sentences = [line for line in sentences if "  " not in line]  # those have columns
    assert len(sentences) >= len(said) - 1
    for line in sentences:
        assert line.removeprefix("WARNING: ") in text, line


def test_likelihoods_stand_in_a_table_and_warnings_apart(full):
    run, _ = full
    page = html_report(run)
    text = " ".join(" ".join(Seen(page).text).split())
    assert "KL to big a token" in text and "0.0563 0.3622 to 0.5329 12" in text
    warned = page.partition('<div class="lines warn"')[2].partition("</div>")[0]
    assert "1 test questions were trained on: its scores are not to be trusted" in warned
    assert page.count('role="alert"') == 2


def test_figures_of_another_version_lose_no_more_than_their_remarks(full):
    run, report = full
    del report["likelihood"]["completion"]
    report["decoding"] = {}
    (run / "evaluate" / "metrics.json").write_text(json.dumps(report))
    text = html.unescape(html_report(run))
    assert UNREADABLE in text and "panel: not asked: student: no chat template" in text


def test_columns_without_a_value_are_left_out(tmp_path):
    page = html_report(make_run(tmp_path / "run"))
    text = " ".join(" ".join(Seen(page).text).split())
    assert "model exact match 95% interval rows readable ended student" in text
    assert "gap recovered" not in text and "None" not in text and "{'" not in text
