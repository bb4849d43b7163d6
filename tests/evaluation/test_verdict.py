"""The verdict: how often it is wrong at the margin, and what it says of made answers and asks for."""

import numpy as np
import pytest

from synthgen.evaluation.compare import Answer, ModelAnswers
from synthgen.evaluation.intervals import paired_difference, retention
from synthgen.evaluation.rows_needed import rows_for_grades, rows_for_shares
from synthgen.evaluation.verdict import Terms, verdict_lines, verdict_report

TERMS = Terms("exact_match", True, 0.03, 0.95, 0.5)


def model(name, role, scores, base=None, parsed="1", ending="stop", seed_of=""):
    answers = [Answer("", parsed, ending) for _ in scores]
    made = ModelAnswers(name, role, answers, base, seed_of=seed_of)
    made.scores["exact_match"] = list(scores)
    return made


def sides(both, student, teacher, neither):
    """Scores of student and teacher, from how many rows are right for whom."""
    mine = [1.0] * both + [1.0] * student + [0.0] * teacher + [0.0] * neither
    above = [1.0] * both + [0.0] * student + [1.0] * teacher + [0.0] * neither
    return mine, above


def said(both, student, teacher, neither, terms=TERMS, base=None, **about):
    mine, above = sides(both, student, teacher, neither)
    models = [model("student", "student", mine, "base", **about), model("teacher", "teacher", above)]
    models += [model("base", "base", base)] if base is not None else []
    return verdict_report(models, terms)["students"]["student"]


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        ((900, 20, 30, 50), "DEPLOY"),  # -1 point, -2.4 to +0.4
        ((850, 10, 90, 50), "RETUNE"),  # -8 points
        ((900, 10, 40, 50), "INCONCLUSIVE"),  # -3 points, the margin itself
        ((27, 1, 1, 1), "INCONCLUSIVE"),  # 30 rows
        ((990, 10, 0, 0), "DEPLOY"),  # better than the teacher
    ],
)
def test_the_interval_decides(cells, word):
    assert said(*cells)["verdict"] == word


def test_what_a_verdict_rests_on():
    found = said(850, 10, 90, 50, base=[1.0] * 5 + [0.0] * 993 + [1.0] * 2)
    assert found["agreement"] == {
        "both_right": 850,
        "both_wrong": 50,
        "only_teacher": 90,
        "only_student": 10,
    }
    assert found["rows"] == 1000 and found["vs_teacher"]["value"] == -0.08
    assert found["retention"]["value"] == pytest.approx(860 / 940, abs=1e-6)
    assert found["gain"]["value"] == pytest.approx(0.853)
    assert found["regressions"] == 2
    assert found["mcnemar_p"] < 1e-6
    assert "rows_needed" not in found


def test_a_wider_margin_or_less_confidence_decides():
    cells = (900, 20, 55, 25)  # -3.5 points, -5.3 to -1.8
    assert said(*cells)["verdict"] == "INCONCLUSIVE"
    assert said(*cells, Terms("exact_match", True, 0.06, 0.95, 0.5))["verdict"] == "DEPLOY"
    cells = (850, 20, 65, 65)  # -4.5 points, -6.4 to -2.7
    assert said(*cells)["verdict"] == "INCONCLUSIVE"
    assert said(*cells, Terms("exact_match", True, 0.03, 0.8, 0.5))["verdict"] == "RETUNE"


def test_a_weak_teacher_is_told_before_all_else():
    found = said(300, 20, 30, 650)
    assert found["verdict"] == "ESCALATE" and "the teacher itself has 33.0%" in found["reason"]
    found = said(300, 20, 30, 650, Terms("exact_match", True, 0.03, 0.95, 0.2))
    assert found["verdict"] == "DEPLOY"
    found = said(600, 20, 30, 350, base=[1.0] * 1000)
    assert (
        found["verdict"] == "ESCALATE" and "worse than the untrained base by 37.0 points" in found["reason"]
    )


def test_a_teacher_whose_answers_cannot_be_read_is_told_so():
    mine, above = sides(300, 20, 30, 650)
    models = [model("student", "student", mine), model("teacher", "teacher", above, parsed=None)]
    reason = verdict_report(models, TERMS)["students"]["student"]["reason"]
    assert "no answer could be read in 1,000 of its 1,000 replies" in reason


def test_what_to_try():
    assert "900 of 1,000 replies" not in str(said(850, 10, 90, 50))
    assert "1,000 of 1,000 replies were cut" in said(850, 10, 90, 50, ending="length")["try"][0]
    assert "no answer could be read in 1,000" in said(850, 10, 90, 50, parsed=None)["try"][0]
    assert "try" not in said(900, 20, 30, 50, ending="length")


def test_what_to_try_counts_every_draw():
    mine, above = sides(0, 0, 100, 0)
    student = model("student", "student", mine, parsed=None)
    student.draws = [student.answers] * 4
    report = verdict_report([student, model("teacher", "teacher", above)], TERMS)
    assert "in 400 of 400 replies" in report["students"]["student"]["try"][0]


def test_no_verdict_without_a_teacher_or_scores():
    mine, above = sides(9, 1, 0, 0)
    assert verdict_report([model("student", "student", mine)], TERMS) == {}
    unscored = [model("student", "student", mine), model("teacher", "teacher", [None] * 10)]
    assert verdict_report(unscored, TERMS) == {}
    assert verdict_lines({}) == []


def test_seeds_of_one_stage_are_judged_together():
    mine, above = sides(900, 20, 30, 50)
    worse, _ = sides(700, 20, 230, 50)
    same = [model(f"sft-seed{seed}", "student", mine, seed_of="sft") for seed in range(3)]
    report = verdict_report([*same, model("teacher", "teacher", above)], TERMS)
    assert list(report["students"]) == ["sft"] and report["students"]["sft"]["verdict"] == "DEPLOY"
    apart = [*same[:2], model("sft-seed2", "student", worse, seed_of="sft")]
    figures = verdict_report([*apart, model("teacher", "teacher", above)], TERMS)["students"]["sft"]
    assert figures["verdict"] == "INCONCLUSIVE"  # one seed of three failed
    assert figures["rows_needed"] is None
    lines = verdict_lines({"verdict": report | {"students": {"sft": figures}}})
    assert "or train more seeds" in " ".join(" ".join(lines).split())


def drawn(tests, rows, won, lost):
    """For each test, on how many rows only the student is right, and on how many only the teacher."""
    generator = np.random.Generator(np.random.PCG64(4))
    return [
        tuple(one[:2]) for one in generator.multinomial(rows, [won, lost, 1 - won - lost], tests).tolist()
    ]


@pytest.mark.parametrize(("won", "lost"), [(0.035, 0.065), (0.085, 0.115), (0.0, 0.03)])
def test_a_student_at_the_margin_is_seldom_deployed(won, lost):
    rows, deployed, by_points = 500, 0, 0
    seen: dict[tuple[int, int], str] = {}
    for cells in drawn(4_000, rows, won, lost):
        if cells not in seen:
            won_rows, lost_rows = cells
            seen[cells] = said(rows - won_rows - lost_rows, won_rows, lost_rows, 0)["verdict"]
        deployed += seen[cells] == "DEPLOY"
        by_points += (cells[0] - cells[1]) / rows > -0.03
    assert deployed / 4_000 <= 0.03
    assert by_points / 4_000 >= 0.35  # what two numbers side by side would have done


@pytest.mark.parametrize(
    ("won", "lost", "margin"),
    [(0.1, 0.1, 0.03), (0.05, 0.05, 0.03), (0.02, 0.09, 0.03), (0.1, 0.05, 0.03), (0.01, 0.02, 0.05)],
)
def test_the_rows_that_are_asked_for_decide_in_four_of_five_tests(won, lost, margin):
    rows = rows_for_shares(won, lost, margin, 0.95, 0.8)
    assert rows is not None
    decided, tests = 0, 4_000
    seen: dict[tuple[int, int], bool] = {}
    for cells in drawn(tests, rows, won, lost):
        if cells not in seen:
            student, teacher = cells
            interval = paired_difference(*sides(rows - student - teacher, student, teacher, 0))
            seen[cells] = interval.low > -margin or interval.high < -margin
        decided += seen[cells]
    assert decided / tests == pytest.approx(0.8, abs=0.03)


def test_rows_needed_against_the_formula_by_hand():
    # 20% of rows part, 3 points of margin: (1.96 + 0.84)² · 0.2 / 0.03², and a little for Tango's variance.
    rows = rows_for_shares(0.1, 0.1, 0.03, 0.95, 0.8)
    assert rows == pytest.approx(1744, rel=0.01)
    assert rows_for_shares(0.1, 0.13, 0.03, 0.95, 0.8) is None  # at the margin itself
    assert rows_for_shares(0.0, 0.0, 0.03, 0.95, 0.8) == pytest.approx(1.96**2 * 0.97 / 0.03, abs=1)
    grades = [0.1, -0.1] * 50
    assert rows_for_grades(grades, [0.5], 0.05, 0.95, 0.8) == pytest.approx(7.849 * 0.0101 / 0.0025, abs=1)


def test_retention_against_a_ratio_by_hand():
    mine, above = sides(60, 10, 20, 10)
    found = retention(mine, above)
    assert found is not None and found.value == pytest.approx(70 / 80)
    # The delta method: var(r) = (var(x) + r² var(y) - 2 r cov(x, y)) / (n · mean(y)²)
    r, n = 70 / 80, 100
    variance = (0.7 * 0.3 + r * r * 0.8 * 0.2 - 2 * r * (0.6 - 0.7 * 0.8)) / (n * 0.8**2)
    assert found.high - found.low == pytest.approx(2 * 1.96 * variance**0.5, rel=0.05)
    assert retention([1.0], [0.0]) is None


def test_the_lines_read_well():
    report = {"verdict": verdict_report([*_two()], TERMS)}
    text = "\n".join(verdict_lines(report))
    assert "verdict (by exact match; at most 3.0 points below the teacher, 95% sure):" in text
    first, second, third, *rest = text.splitlines()
    assert second == "  student  INCONCLUSIVE: -3.0 points (-4.5 to -1.7)" and third == ""
    assert rest[0].startswith("  student: -3.0 points to the teacher (")
    assert "    no answer found, which counts as wrong: student" in text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "no test of a size that can be had would decide" in " ".join(
        text.split()
    )  # the difference is the margin itself


def _two():
    mine, above = sides(900, 10, 40, 50)
    return model("student", "student", mine), model("teacher", "teacher", above)
