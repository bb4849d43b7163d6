"""Verdicts of a run from its files: terms of the pipeline or the command, stale answers, and exit codes."""

import json
import sys

import orjson
import pytest

from synthgen.cli import main
from synthgen.core.errors import InputError, StageFailed
from synthgen.reports.verdict import Unmet, require, run_verdict
from synthgen.store.manifest import read_manifest, record_outputs, write_manifest
from tests.reports.made_runs import stage


def answered(rows, **right):
    """Lines of answers.jsonl: on how many rows, from the first on, each model is right."""
    for number in range(rows):
        answers = {
            name: {"parsed": "1", "ending": "stop", "scores": {"exact_match": float(number < count)}}
            for name, count in right.items()
        }
        yield {"id": f"t{number}", "question": "?", "reference": "1", "answers": answers}


def run_of(folder, *, rows=400, config=None, roles=None, **right):
    roles = roles or {"base": "base", "teacher": "teacher"}
    right = right or {"base": 4, "good": 390, "bad": 40, "teacher": 384}
    report = {
        "metrics": ["exact_match"],
        "models": {
            name: {
                "role": roles.get(name, "student"),
                **({"base": "base"} if name not in roles and "base" in right else {}),
            }
            for name in right
        },
    }
    stage(folder, "good", "sft", "model", {"model.json": b"{}"})
    stage(
        folder,
        "evaluate",
        "evaluate",
        "metrics",
        {"metrics.json": orjson.dumps(report), "answers.jsonl": list(answered(rows, **right))},
        config=config or {},
    )
    return folder


def words(report):
    return {name: figures["verdict"] for name, figures in report["verdict"]["students"].items()}


def test_one_is_deployed_and_one_is_not(tmp_path):
    report = run_verdict(run_of(tmp_path / "run"))
    assert words(report) == {"good": "DEPLOY", "bad": "RETUNE"}
    assert report["verdict"]["students"]["bad"]["regressions"] == 0
    assert report["verdict"]["students"]["good"]["gain"]["value"] == pytest.approx(386 / 400)


def test_the_pipelines_terms_hold_unless_the_command_has_others(tmp_path):
    folder = run_of(tmp_path / "run", config={"verdict": {"margin": 0.95, "confidence": 0.9}})
    report = run_verdict(folder)
    assert words(report)["bad"] == "DEPLOY" and report["verdict"]["confidence"] == 0.9
    assert words(run_verdict(folder, margin=0.03))["bad"] == "RETUNE"
    assert words(run_verdict(folder, teacher_least=0.99))["good"] == "ESCALATE"


def test_thirty_rows_do_not_decide(tmp_path):
    folder = run_of(tmp_path / "run", rows=30, base=0, good=29, teacher=28)
    found = run_verdict(folder)["verdict"]["students"]["good"]
    assert found["verdict"] == "INCONCLUSIVE" and found["rows_needed"] > 30


def read_good(folder):
    """Has evaluate's manifest say that it read the student `good`."""
    manifest = read_manifest(folder / "evaluate")
    record = {
        "artefact": "good",
        "file": "good/model.json",
        "sha256": read_manifest(folder / "good").outputs["model.json"].sha256,
    }
    manifest = type(manifest).model_validate({**manifest.model_dump(), "inputs": {"students": [record]}})
    write_manifest(folder / "evaluate", manifest)
    return folder


def test_answers_of_another_model_are_refused(tmp_path):
    folder = read_good(run_of(tmp_path / "run"))
    run_verdict(folder)
    (folder / "good" / "model.json").write_bytes(b'{"trained": "again"}')
    trained = read_manifest(folder / "good")
    again = trained.model_copy(update={"outputs": record_outputs(folder / "good", {})})
    write_manifest(folder / "good", again)
    with pytest.raises(StageFailed, match="asked another good than the one that is there now"):
        run_verdict(folder)


def test_answers_that_were_edited_are_refused(tmp_path):
    folder = run_of(tmp_path / "run")
    answers = folder / "evaluate" / "answers.jsonl"
    answers.write_bytes(answers.read_bytes().replace(b"0.0", b"1.0"))
    with pytest.raises(StageFailed, match=r"answers.jsonl is no longer what evaluate wrote"):
        run_verdict(folder)


@pytest.mark.parametrize(
    ("right", "reason"),
    [
        ({"good": 3, "base": 1}, "the teacher was not asked"),
        ({"teacher": 3, "base": 1}, "no student was asked"),
    ],
)
def test_what_is_lacking_is_said(tmp_path, right, reason):
    with pytest.raises(InputError, match=reason):
        run_verdict(run_of(tmp_path / "run", rows=5, **right))


def test_a_run_without_an_evaluation(tmp_path):
    stage(tmp_path, "load", "load", "rows", {"rows.jsonl": []})
    with pytest.raises(InputError, match="no finished evaluation"):
        run_verdict(tmp_path)


def test_a_verdict_can_be_required(tmp_path):
    report = run_verdict(run_of(tmp_path / "run"))
    require(report, "deploy", ["good"])
    with pytest.raises(Unmet, match="DEPLOY is required: bad is RETUNE"):
        require(report, "deploy")
    with pytest.raises(InputError, match="no verdict on 'goood'"):
        require(report, "deploy", ["goood"])


@pytest.fixture
def synthgen(in_tmp, monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["synthgen", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
            sys.exit(0)
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err

    return call


def test_the_command(synthgen, in_tmp):
    run_of(in_tmp / "data" / "runs" / "toy")
    code, out, _ = synthgen("verdict", "toy")
    assert code == 0 and "good  DEPLOY: +1.5 points" in out and "bad   RETUNE" in out
    code, out, err = synthgen("verdict", "toy", "--require", "deploy", "--json")
    assert code == 1 and words(json.loads(out)) == {"good": "DEPLOY", "bad": "RETUNE"}
    assert "DEPLOY is required: bad is RETUNE" in err
    assert synthgen("verdict", "toy", "--require", "deploy", "--student", "good")[0] == 0
    code, out, _ = synthgen("verdict", "toy", "--student", "good")
    assert code == 0 and "good  DEPLOY" in out and "bad" not in out
    assert words(json.loads(synthgen("verdict", "toy", "--student", "bad", "--json")[1])) == {"bad": "RETUNE"}
    code, _, err = synthgen("verdict", "toy", "--student", "godo")
    assert code == 2 and "no verdict on 'godo'" in err and "good, bad" in err
    assert synthgen("verdict", "toy", "--margin", "95%", "--require", "deploy")[0] == 0
    for wrong in (["--margin", "3 points"], ["--require", "ship"], ["--metric", "rouge_l"]):
        assert synthgen("verdict", "toy", *wrong)[0] == 2


def found_beside(folder, **found):
    report = orjson.loads((folder / "evaluate" / "metrics.json").read_bytes()) | found
    (folder / "evaluate" / "metrics.json").write_bytes(orjson.dumps(report))
    manifest = read_manifest(folder / "evaluate")
    outputs = record_outputs(folder / "evaluate", {})
    write_manifest(folder / "evaluate", manifest.model_copy(update={"outputs": outputs}))
    return folder


def test_what_evaluate_found_beside_the_scores_counts_without_asking_again(tmp_path):
    folder = found_beside(
        run_of(tmp_path / "run"),
        panel={"students": {"good": {"forgot": ["JSON, -40.0 points (-60.0 to -20.0)"]}}},
        prompt_differences={"bad": ["it was trained without a system turn"]},
    )
    report = run_verdict(folder)
    assert words(report) == {"good": "RETUNE", "bad": "RETUNE"}
    assert report["verdict"]["students"]["good"]["reason"].startswith("forgot JSON, -40.0 points")
    assert "without a system turn" in report["verdict"]["students"]["bad"]["try"][0]
    with pytest.raises(Unmet, match="good is RETUNE"):
        require(report, "deploy", ["good"])


def test_a_students_file_that_was_changed_by_hand_is_refused(tmp_path):
    folder = read_good(run_of(tmp_path / "run"))
    assert words(run_verdict(folder))["good"] == "DEPLOY"
    (folder / "good" / "model.json").write_bytes(b"{ }")
    with pytest.raises(StageFailed, match="model.json of good was changed after evaluate had asked"):
        run_verdict(folder)
