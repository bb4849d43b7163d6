"""Verdicts on exported variants from their files: terms, stale ones, and exit codes."""

import json

import orjson
import pytest

from synthgen.core.errors import InputError, StageFailed
from synthgen.reports.verdict import Unmet, of_students, require, require_of_stages, run_verdict
from tests.reports.made_runs import stage
from tests.reports.test_verdict import run_of, synthgen  # noqa: F401

ROWS = 400


def export(folder, stage_id="export_model", inputs=(), **right):
    """Publishes variants of `good`, which is right on 390 rows; `right` says on how many each variant is."""
    right = {"student": 390, **(right or {"int8": 389, "int4": 300})}
    report = {
        "exported": "good",
        "metric": "exact_match",
        "margin": 0.03,
        "confidence": 0.95,
        "rows": ROWS,
        "student": {"bytes": 10, "score": {"value": 0.975, "interval": [0.95, 0.99]}},
        "variants": {
            name: {
                "bytes": 5,
                "verdict": "DEPLOY" if count > 380 else "RETUNE",
                "reason": "as it was written",
                **({"same_weights": True} if name == "merged" else {}),
            }
            for name, count in right.items()
            if name != "student"
        },
    }
    answers = [
        {
            "id": str(number),
            "answers": {
                name: {
                    "text": "1" if number < count else "2",
                    "parsed": "1",
                    "ending": "stop",
                    "scores": {"exact_match": float(number < count)},
                }
                for name, count in right.items()
            },
        }
        for number in range(ROWS)
    ]
    files = {"metrics.json": orjson.dumps(report), "answers.jsonl": answers}
    return stage(folder, stage_id, "export_model", "metrics", files, inputs=inputs)


@pytest.fixture
def run(tmp_path):
    folder = run_of(tmp_path / "run", base=4, good=390, teacher=384)
    export(folder)
    return folder


def test_a_variant_that_broke_is_unmet_with_its_name(run):
    report = run_verdict(run)
    with pytest.raises(Unmet, match="DEPLOY is required: export_model.int4 is RETUNE\n"):
        require(report, "deploy")
    require(report, "deploy", ["good"])
    require(report, "deploy", ["good", "export_model.int8"])
    require(report, "retune", ["export_model.int4"])
    with pytest.raises(InputError, match="no verdict on 'export_model.int2'"):
        require(report, "deploy", ["export_model.int2"])
    chosen = of_students(report, ["export_model.int8"])
    assert "verdict" not in chosen and list(chosen["variants"]["export_model"]["variants"]) == ["int8"]


def test_other_terms_are_those_of_the_stage_that_is_named(run):
    assert run_verdict(run, margin=0.5)["variants"]["export_model"]["margin"] == 0.03
    report = run_verdict(run, stage="export_model", margin=0.3, confidence=0.9)
    found = report["variants"]["export_model"]
    assert (found["margin"], found["confidence"], "verdict" in report) == (0.3, 0.9, False)
    assert found["variants"]["int4"]["verdict"] == "DEPLOY" and found["variants"]["int4"]["bytes"] == 5
    assert "all above -30.0" in found["variants"]["int4"]["reason"]
    narrow = run_verdict(run, stage="export_model", margin=0.0)["variants"]["export_model"]["variants"]
    assert narrow["int8"]["verdict"] == "INCONCLUSIVE" and narrow["int8"]["rows_needed"] > ROWS
    require_of_stages(run, "deploy", ["evaluate"])
    with pytest.raises(Unmet, match="int4"):
        require_of_stages(run, "deploy", ["evaluate", "export_model"])


def test_variants_of_another_student_are_not_taken_for_good(run, tmp_path):
    export(run, "older", inputs=["good/model"], int8=390)
    report = run_verdict(run)
    assert "another good" in report["variants"]["older"]["stale"]
    with pytest.raises(Unmet, match="older is of another student"):
        require(report, "deploy", ["good", "older"])
    with pytest.raises(StageFailed, match="older asked another good"):
        run_verdict(run, stage="older")
    (run / "export_model" / "answers.jsonl").write_bytes(b"")
    assert "no longer what export_model wrote" in run_verdict(run)["variants"]["export_model"]["stale"]


def test_the_command_names_variants_and_ends_with_1(synthgen, in_tmp):  # noqa: F811
    folder = run_of(in_tmp / "data" / "runs" / "toy", base=4, good=390, teacher=384)
    export(folder)
    code, out, _ = synthgen("verdict", "toy")
    assert code == 0 and "export_model, variants of good:\nverdict (by exact match on 400 rows" in out
    assert "int4  RETUNE: as it was written" in out
    code, out, err = synthgen("verdict", "toy", "--require", "deploy")
    assert code == 1 and "export_model.int4 is RETUNE" in err
    assert synthgen("verdict", "toy", "--require", "deploy", "--student", "export_model.int8")[0] == 0
    code, out, _ = synthgen("verdict", "toy", "--stage", "export_model", "--margin", "30%", "--json")
    assert code == 0 and list(json.loads(out)) == ["stage", "variants"]
    code, out, _ = synthgen("verdict", "toy", "--stage", "export_model")
    assert out.startswith("export_model, variants of good:"), out


def test_a_word_that_is_no_verdict_is_told_before_the_stage_runs(synthgen, in_tmp):  # noqa: F811
    code, _, err = synthgen("export_model", "missing.yaml", "--require", "ship")
    assert code == 2 and "no such verdict" in err
    assert synthgen("export_model", "missing.yaml", "--require", "deploy")[0] == 2, "there is no such file"
