"""What is said of a student that forgot, by simulation at the level of answers, over many seeds."""

import random

import pytest

from synthgen.evaluation.panel.forgetting import (
    Examined,
    PanelTerms,
    Question,
    panel_lines,
    panel_report,
    with_panel,
)
from synthgen.evaluation.panel.items import PARTS, panel_items

QUESTIONS = [Question(item.id, item.part) for item in panel_items(PARTS)]
TERMS = PanelTerms(0.03, 0.95)
SEEDS = 20


def base_of(seed, share=0.6):
    """What a base passes: some questions are easy, some hard."""
    draw = random.Random(seed)
    return [float(draw.random() < share) for _ in QUESTIONS]


def further(before, seed, flipped=0.06, lost=None, taken=0.5):
    """A student after more training: some replies turn out otherwise, and of some parts a share is lost."""
    draw = random.Random(1_000 + seed)
    after = [1 - score if draw.random() < flipped else score for score in before]
    return [
        0.0 if question.part in (lost or ()) and draw.random() < taken else score
        for question, score in zip(QUESTIONS, after, strict=True)
    ]


def report_of(before, *after, name="student", questions=QUESTIONS):
    models = tuple(f"{name}{number}" for number in range(len(after))) if len(after) > 1 else (name,)
    return panel_report(questions, [Examined(name, models, "base", after, before)], TERMS)


def forgotten(report, name="student"):
    figures = report["students"][name]["parts"]
    return {part for part, one in figures.items() if one["state"] == "forgot"} - {"all"}


def test_over_training_on_one_task_is_named_and_nothing_else_over_20_seeds():
    """Damage as a student shows it that answers everything as the one task: orders and JSON go."""
    for seed in range(SEEDS):
        before = base_of(seed)
        after = further(before, seed, lost=("instructions", "json"), taken=0.9)
        report = report_of(before, after)
        assert forgotten(report) == {"instructions", "json"}
        titles = {said.partition(",")[0] for said in report["students"]["student"]["forgot"]}
        assert titles == {"instruction following", "JSON"}


def test_harmless_further_training_forgets_nothing_over_20_seeds():
    for seed in range(SEEDS):
        before = base_of(seed)
        report = report_of(before, further(before, seed))
        assert report["students"]["student"]["forgot"] == []


def equals(seed):
    """Two models that know each question equally well, and part on some by chance alone."""
    draw = random.Random(seed)
    one, other = [], []
    for _ in QUESTIONS:
        known, luck = draw.random(), draw.random()
        one.append(float(luck < known))
        other.append(float((luck if draw.random() < 0.5 else draw.random()) < known))
    return one, other


def test_false_alarms_are_rare_also_where_the_margin_is_nothing():
    alarms = 0
    for seed in range(400):
        before, after = equals(seed)
        student = Examined("student", ("student",), "base", (after,), before)
        report = panel_report(QUESTIONS, [student], PanelTerms(0.0, 0.95))
        alarms += bool(report["students"]["student"]["forgot"])
    assert alarms <= 0.025 * 400  # one side of 95%


def test_a_loss_that_is_spread_over_all_parts_is_named_as_a_whole():
    before = [1.0] * len(QUESTIONS)
    after = [0.0 if place % 9 == 0 else 1.0 for place in range(len(QUESTIONS))]
    report = report_of(before, after)
    assert forgotten(report) == set()
    (said,) = report["students"]["student"]["forgot"]
    assert said.startswith("a little of everything, -11.4 points (")


def test_a_base_that_knows_nothing_has_nothing_to_forget():
    before = [float(question.part == "arithmetic") for question in QUESTIONS]
    report = report_of(before, [0.0] * len(QUESTIONS))
    states = {part: one["state"] for part, one in report["students"]["student"]["parts"].items()}
    assert states.pop("arithmetic") == states.pop("all") == "forgot"
    assert set(states.values()) == {"nothing to forget"}
    assert report["students"]["student"]["parts"]["arithmetic"]["lost"][0] == "arithmetic-01"
    assert report["students"]["student"]["parts"]["arithmetic"]["lost_questions"] == 36


def test_several_seeds_are_one_student():
    before = base_of(1)
    lost = [further(before, seed, lost=("json",), taken=0.95) for seed in range(3)]
    report = report_of(before, *lost)
    assert forgotten(report) == {"json"}
    assert report["students"]["student"]["models"] == ["student0", "student1", "student2"]
    kept = [further(before, seed) for seed in range(3)]
    assert report_of(before, *kept)["students"]["student"]["forgot"] == []


def test_tasks_of_the_harness_are_parts_that_do_not_count_in_the_whole():
    questions = [*QUESTIONS, *(Question(f"capitals-{number}", "capitals") for number in range(30))]
    before = [*base_of(3), *[1.0] * 30]
    after = [*before[:-30], *[0.2] * 30]
    report = report_of(before, after, questions=questions)
    figures = report["students"]["student"]["parts"]
    assert figures["all"]["questions"] == len(QUESTIONS)
    assert figures["capitals"]["student"] == pytest.approx(0.2)
    (said,) = report["students"]["student"]["forgot"]
    assert said.startswith("capitals, -80.0 points (")


def verdict(word):
    return {
        "students": {"student": {"verdict": word, "reason": "+1.0 points to the teacher", "rows_needed": 9}}
    }


@pytest.mark.parametrize(
    ("word", "then"),
    [("DEPLOY", "RETUNE"), ("INCONCLUSIVE", "RETUNE"), ("RETUNE", "RETUNE"), ("ESCALATE", "ESCALATE")],
)
def test_a_student_that_forgot_fails_the_verdict_by_name(word, then):
    before = base_of(5)
    forgot = report_of(before, further(before, 5, lost=("instructions",), taken=0.95))
    found = with_panel(verdict(word), forgot)["students"]["student"]
    assert found["verdict"] == then
    assert found["reason"].startswith("forgot instruction following, -")
    assert found["reason"].endswith(f". By its task alone {word}: +1.0 points to the teacher")
    assert "rows_needed" not in found
    assert "mix rows of what was forgotten" in found["try"][0]


def test_a_student_that_forgot_nothing_keeps_its_verdict():
    before = base_of(6)
    held = report_of(before, further(before, 6))
    assert with_panel(verdict("DEPLOY"), held) == verdict("DEPLOY")
    assert with_panel(verdict("DEPLOY"), None) == verdict("DEPLOY")
    assert with_panel(verdict("DEPLOY"), report_of(before, before, name="other")) == verdict("DEPLOY")
    assert with_panel({}, held) == {}


def test_the_lines_say_what_was_lost_and_by_which_rule():
    before = base_of(7)
    report = report_of(before, further(before, 7, lost=("json",), taken=1.0))
    text = "\n".join(panel_lines({"panel": {**report, "not_asked": {"tiny": "it knows nothing"}}}))
    assert "student FORGOT JSON, -" in text
    assert "the 8 intervals of a student hold together at 95%" in text
    assert "all of one lies below -3.0 points" in text
    assert "panel: not asked: tiny: it knows nothing" in text
    assert panel_lines({}) == []
