"""Each variant of a student is held to the student itself, by an interval."""

import pytest

from synthgen.evaluation.compare import Answer, ModelAnswers
from synthgen.evaluation.variants import variant_lines, variant_report
from synthgen.evaluation.verdict import Terms

TERMS = Terms("exact_match", True, 0.03, 0.95, None)
SIZE = {"bytes": 2_000_000, "parameters": 1000}


def model(name, right, rows=400, text="The answer is 1."):
    answers = [Answer(text, "1", "stop") for _ in range(rows)]
    scores = {"exact_match": [float(number < right) for number in range(rows)]}
    return ModelAnswers(name, "student", answers, scores=scores)


def report(student, *variants, terms=TERMS, same=()):
    sizes = {
        one.name: {**SIZE, **({"same_weights": True} if one.name in same else {})}
        for one in (student, *variants)
    }
    return variant_report(student, variants, terms, sizes)


def words(found):
    return {name: figures["verdict"] for name, figures in found["variants"].items()}


def test_each_form_has_its_verdict():
    found = report(model("student", 380), model("int8", 379), model("int4", 300), model("bfloat16", 368))
    assert words(found) == {"int8": "DEPLOY", "int4": "RETUNE", "bfloat16": "INCONCLUSIVE"}
    assert found["variants"]["int4"]["vs_student"]["value"] == pytest.approx(-0.2)
    assert found["variants"]["bfloat16"]["rows_needed"] is None  # it lies at the margin itself
    assert "rows_needed" not in found["variants"]["int8"]


def test_with_few_rows_it_says_how_many_decide():
    found = report(model("student", 6, 6), model("int8", 6, 6))
    assert words(found) == {"int8": "INCONCLUSIVE"} and 100 < found["variants"]["int8"]["rows_needed"] < 200
    wide = Terms("exact_match", True, 0.5, 0.95, None)
    assert words(report(model("student", 6, 6), model("int8", 6, 6), terms=wide)) == {"int8": "DEPLOY"}


def test_the_students_own_weights_need_no_rows_but_the_same_replies():
    student = model("student", 6, 6)
    assert words(report(student, model("merged", 6, 6), same=("merged",))) == {"merged": "DEPLOY"}
    other = model("merged", 6, 6, text="It is 1.")
    assert words(report(student, other, same=("merged",))) == {"merged": "INCONCLUSIVE"}


def test_the_table_names_forms_sizes_and_verdicts():
    lines = variant_lines(report(model("student", 380), model("int4", 300), model("int8", 379)), "tutor")
    assert lines[0].splitlines() == [
        "variant  size  exact match  95% interval  to the student  same replies  stopped",
        "tutor    2 MB        95.0%     92.4–96.7               –             –   100.0%",
        "int4     2 MB        75.0%     70.5–79.0           -20.0        100.0%   100.0%",
        "int8     2 MB        94.8%     92.1–96.5            -0.2        100.0%   100.0%",
    ]
    assert lines[2] == (
        "verdict (by exact match on 400 rows; at most 3.0 points below the student, 95% sure):"
    )
    assert lines[3].startswith("  int4  RETUNE: -20.0 points to the student (-24.")
    assert max(len(line) for text in lines for line in text.splitlines()) <= 100


def test_rows_without_a_reference_count_for_neither():
    student, variant = model("student", 4, 5), model("int8", 4, 5)
    student.scores["exact_match"][4] = variant.scores["exact_match"][4] = None
    assert report(student, variant)["student"]["score"]["value"] == 1.0
