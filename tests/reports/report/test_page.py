import json

import pytest

from synthgen.core.errors import InputError
from synthgen.evaluation.slices import fallen, slice_report
from synthgen.evaluation.verdict import Terms, verdict_report
from synthgen.reports.report.page import html_report, write_html_report
from tests.evaluation.test_speed import SIZES, SPEED
from tests.evaluation.test_variants import model as form
from tests.evaluation.test_variants import report as form_report
from tests.evaluation.test_verdict import model
from tests.reports.made_runs import make_run, stage
from tests.reports.report.seen import Seen

HOSTILE = "<script>alert('x')</script><img src=x onerror=y> {{ 7*7 }} {% raw %} \" ' & \x00\x1b\u202e"


def test_the_page_tells_the_run(tmp_path):
    path = write_html_report(make_run(tmp_path / "run"))
    page = path.read_text(encoding="utf-8")
    seen = Seen(page)
    text = "".join(seen.text)
    assert not seen.open and not seen.addresses and "script" not in seen.tags
    assert "answer_match: 1 of 8" in text and "rouge_l: 1 of 7" in text
    assert "because of" in text and "Tom has 0 apples" in text
    assert "50.0%" in text and "10.0% to 90.0%" in text
    assert "sha256" in text and "6 rows of dedup, of which these were drawn" in text
    assert page == html_report(tmp_path / "run") + ""


def test_nothing_from_a_row_becomes_markup(tmp_path):
    row = {
        "id": HOSTILE,
        "instruction": HOSTILE,
        "output": [HOSTILE],
        HOSTILE: HOSTILE,
        "meta": {"source": HOSTILE},
    }
    run = tmp_path / "run"
    dropped = [
        {
            **row,
            "rejection": {
                "kind": "rejected",
                "stage": "s",
                "rule": HOSTILE,
                "value": HOSTILE,
                "matched_id": "gone",
            },
        }
    ]
    stage(
        run,
        "load",
        "load",
        "rows",
        {"rows.jsonl": [row], "rejected.jsonl": dropped},
        counts={"in": 2, "kept": 1, "rejected": {HOSTILE: 1}, "failed": {}},
        config={HOSTILE: HOSTILE},
    )
    page = html_report(run)
    seen = Seen(page)
    drawn = {"svg", "title", "path", "text", "rect", "circle"}
    page_tags = {
        "html",
        "head",
        "meta",
        "style",
        "body",
        "header",
        "nav",
        "main",
        "section",
        "a",
        "h1",
        "h2",
        "h3",
    }
    page_tags |= {
        "p",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "div",
        "dl",
        "dt",
        "dd",
        "details",
        "summary",
    }
    assert set(seen.tags) <= drawn | page_tags | {"span", "data", "figure", "figcaption", "pre", "mark"}
    assert not seen.addresses and not seen.open
    text = "".join(seen.text)
    assert "<script>alert('x')</script>" in text and "{{ 7*7 }}" in text
    assert not any(sign in page for sign in "\x00\x1b\u202e")


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(InputError, match="no run"):
        html_report(tmp_path)


def money(path, **more):
    """Adds an estimate, and to the stage that asks what it took."""
    import orjson

    from synthgen.core.hashing import value_hash

    manifest = orjson.loads((path / "rationales" / "manifest.json").read_bytes())
    manifest["requests"] = {"planned": 8, "answered": 8, "failed": {}, "unsent": 0, "ahead": 3}
    manifest["usage"] = {
        "prompt_tokens": 800,
        "completion_tokens": 1600,
        "cost_usd": 2.0,
        "ahead": {"prompt_tokens": 30, "completion_tokens": 60, "cost_usd": 0.4},
    }
    (path / "rationales" / "manifest.json").write_bytes(orjson.dumps(manifest))
    figures = {
        "calls": {"p50": 8, "p95": 12},
        "prompt_tokens": {"p50": 700, "p95": 900},
        "completion_tokens": {"p50": 1500, "p95": 1900},
        "usd": {"p50": 1.9, "p95": 2.5},
        "hours": {"p50": 0.1, "p95": 0.2},
    }
    entry = {"stage": "rationales", "options": value_hash(more.get("options", manifest["config"])), **figures}
    (path / "estimate.json").write_bytes(orjson.dumps({"stages": [entry], "total": figures}))


def test_what_it_took_stands_beside_the_estimate(tmp_path):
    run = make_run(tmp_path / "run")
    money(run)
    text = " ".join(" ".join(Seen(html_report(run)).text).split())
    assert (
        "rationales 8 + 3 ahead 8 (12) 2,400 + 90 ahead 2,200 (2,800) $2.00 + $0.40 ahead $1.90 "
        "($2.50) 0 s 6 min (12 min) 8 $0.30" in text
    )
    assert (
        "all 8 + 3 ahead 8 (12) 2,400 + 90 ahead 2,200 (2,800) $2.00 + $0.40 ahead $1.90 ($2.50) "
        "6 min (12 min) 6 $0.40" in text
    ), "of the rows that were left in the end"
    assert "made with other options" not in text
    money(run, options={"draw": 2})
    assert "They were made with other options for rationales." in "".join(Seen(html_report(run)).text)
    (run / "estimate.json").write_text('{"stages": [{"stage": "rationales"}], "total": 3}')
    assert "Estimates are" not in html_report(run), "an estimate that cannot be read is none"


def test_a_stage_that_did_not_end_well_is_named(tmp_path):
    run = make_run(tmp_path / "run")
    assert 'class="warn"' not in html_report(run)
    events = [
        {"event": "run", "pid": 1},
        {"event": "start", "stage": "evaluate", "at": "2026-01-01T00:00:00+00:00"},
        {"event": "stopped", "error": "TeacherFailed", "what": "<b>http_401</b>\n  at x", "exit_code": 1},
    ]
    (run / "run.log.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in events))
    page = html_report(run)
    assert "evaluate failed: <b>http_401</b>" in "".join(Seen(page).text) and "<b>" not in page


def test_verdicts_and_slices_are_told(tmp_path):
    run = make_run(tmp_path / "run")
    topics = ["sums"] * 60 + [HOSTILE] * 60
    models = [
        model("student", "student", [1.0] * 60 + [0.0] * 60, None),
        model("teacher", "teacher", [1.0] * 120),
    ]
    terms = Terms("exact_match", True, 0.03, 0.95, 0.5)
    slices = slice_report(models, {"topic": topics}, terms)
    verdict = verdict_report(models, terms, {"student": fallen(slices, "student")})
    file = run / "evaluate" / "metrics.json"
    report = json.loads(file.read_bytes())
    report["models"]["teacher"] = {**report["models"]["student"], "role": "teacher"}
    part = {"questions": 30, "base": 0.9, "student": 0.1, "state": "forgot"}
    part["vs_base"] = {"value": -0.8, "interval": [-0.9, -0.6]}
    beside = {
        "panel": {"students": {HOSTILE: {"parts": {"json": part}}}},
        "prompt_differences": {"student": [f"it was trained with {HOSTILE}"]},
    }
    file.write_text(json.dumps({**report, "slices": slices, "verdict": verdict, **beside}))
    seen = Seen(html_report(run))
    text = " ".join("".join(seen.text).split())
    assert not seen.open and "script" not in seen.tags and "img" not in seen.tags
    assert "RETUNE" in text and "all below -3.0" in text and "more rows like those in which it fell" in text
    assert "both wrong" in text and "below the teacher" in text
    assert "90.0%10.0%-80.0" in text.replace(" ", "") and "forgot" in text
    assert "student is asked otherwise than it was trained" in text


def test_forms_and_speeds_stand_in_the_page(tmp_path):
    run = make_run(tmp_path / "run")
    forms = {"exported": HOSTILE, **form_report(form("student", 380), form("int8", 379), form("int4", 300))}
    stage(run, "export_model", "export_model", "metrics", {"metrics.json": json.dumps(forms).encode()})
    measured = {
        "metrics.json": json.dumps({"sizes": SIZES}).encode(),
        "speed.json": json.dumps(SPEED).encode(),
    }
    stage(run, "measure", "measure", "metrics", measured)
    seen = Seen(html_report(run))
    text = "".join(seen.text)
    assert not seen.open and not seen.addresses and "script" not in seen.tags
    assert "RETUNE-20.0 points to the student" in text and "95.0%" in text
    assert "300 (2)$4.00" in text and "big: not measured: no memory" in text and "$120.00" in text


def test_speeds_that_cannot_be_read_are_left_out(tmp_path):
    run = make_run(tmp_path / "run")
    files = {"metrics.json": json.dumps({"sizes": SIZES}).encode(), "speed.json": b"{"}
    stage(run, "measure", "measure", "metrics", files)
    assert "Size, speed and price" not in html_report(run)


@pytest.mark.parametrize(
    "text", ['{"models": [1]}', '{"models": {"a": {"role": ["x"]}}, "verdict": {"students": 1}}']
)
def test_scores_that_somebody_edited_are_named(tmp_path, text):
    run = make_run(tmp_path / "run")
    (run / "evaluate" / "metrics.json").write_text(text)
    with pytest.raises(InputError, match="metrics.json is no longer what evaluate wrote"):
        write_html_report(run)
    assert not (run / "report.html").exists()
