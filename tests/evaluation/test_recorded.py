"""What finished evaluations recorded, and who is the best student."""

import orjson
import pytest

from synthgen.evaluation.recorded import best_student, scores
from tests.reports.made_runs import make_run

EVALUATIONS = ["evaluate", "later"]


def scored(run, models, verdicts=(), stage="evaluate"):
    """Writes what an evaluation found: name -> (role, value)."""
    (run / stage).mkdir(exist_ok=True)
    report = {
        "metrics": ["exact_match"],
        "models": {
            name: {"role": role, "exact_match": {"value": value, "interval": [0, 1]}}
            for name, (role, value) in models.items()
        },
        "verdict": {"students": {name: {"verdict": word} for name, word in verdicts}},
    }
    (run / stage / "metrics.json").write_bytes(orjson.dumps(report))


def test_the_best_student_has_its_own_verdict(tmp_path):
    run = make_run(tmp_path / "one")
    models = {"base": ("base", 0.1), "a": ("student", 0.4), "b": ("student", 0.9), "t": ("teacher", 1.0)}
    scored(run, models, [("a", "RETUNE"), ("b", "DEPLOY")])
    best = best_student(run, EVALUATIONS)
    assert best is not None
    assert (best["student"], best["value"], best["verdict"]) == ("b", 0.9, "DEPLOY")
    scored(run, {"c": ("student", 0.2)}, stage="later")
    latest = best_student(run, EVALUATIONS)
    assert latest is not None and (latest["stage"], latest["student"]) == ("later", "c")
    scored(run, {"c": ("student", None)}, stage="later")
    assert best_student(run, EVALUATIONS) == best
    scored(run, {"a": ("student", None), "t": ("teacher", 1.0)})
    assert best_student(run, EVALUATIONS) is None
    (run / "evaluate/metrics.json").write_bytes(b"{")
    assert best_student(run, EVALUATIONS) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"models": {"a": 3}, "metrics": ["b"]}'])
def test_a_metrics_file_that_is_none_has_no_scores(tmp_path, content):
    run = make_run(tmp_path / "run")
    (run / "evaluate/metrics.json").write_bytes(content)
    assert scores(run, ["evaluate"]) == []
