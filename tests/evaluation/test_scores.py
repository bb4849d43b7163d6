"""Models side by side, and the table about them."""

import pytest

from synthgen.evaluation.compare import Answer, ModelAnswers, compare, score
from synthgen.evaluation.metrics.exact_match import ExactMatch, ExactMatchConfig
from synthgen.evaluation.scoreboard import scoreboard

METRICS = {"exact_match": ExactMatch(ExactMatchConfig())}


def model(name, role, texts, base=None):
    return ModelAnswers(
        name,
        role,
        [
            Answer.of(text, "stop") if text is not None else Answer("", None, "failed", "http_400")
            for text in texts
        ],
        base,
    )


def test_side_by_side():
    references = ["1", "2", "3", "4"]
    base = model("base", "base", ["The answer is 1.", "no end to it and so on", "x", "The answer is 9."])
    student = model(
        "student",
        "student",
        ["The answer is 1.", "The answer is 2.", "The answer is 3.", "The answer is 5."],
        "base",
    )
    teacher = model("teacher", "teacher", ["The answer is 1.", "The answer is 2.", "The answer is 4.", None])
    models = [base, student, teacher]
    score(models, references, METRICS)
    figures = compare(models, METRICS)["models"]
    assert [figures[name]["exact_match"]["value"] for name in figures] == [0.25, 0.75, 0.5]
    assert figures["student"]["exact_match"]["vs_base"]["value"] == 0.5
    assert figures["student"]["exact_match"]["vs_teacher"]["value"] == 0.25
    assert figures["student"]["exact_match"]["gap_recovered"] is None  # four rows show no gap
    assert figures["base"]["parsed"] == 0.75
    assert figures["teacher"]["failed"] == {"http_400": 1}
    assert (figures["student"]["agreement"]["value"], figures["student"]["agreement"]["rows"]) == (
        pytest.approx(2 / 3),
        3,
    )
    assert "vs_base" not in figures["teacher"]["exact_match"]


def test_the_gap_recovered_has_an_interval():
    right, wrong = ["1"] * 12, ["2"] * 12
    models = [
        model("base", "base", wrong),
        model("student", "student", ["1"] * 6 + ["2"] * 6, "base"),
        model("teacher", "teacher", right),
    ]
    shown = report(models, ["1"] * 12)
    measured = shown["models"]["student"]["exact_match"]
    low, high = measured["gap_interval"]
    assert measured["gap_recovered"] == 0.5 and 0.1 < low < 0.5 < high < 0.9
    assert "student recovered 50.0% (" in scoreboard(shown)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("So the answer is 12", None),
        ("The answer is 1,", None),
        ("The answer is 12.", None),
        ("The answer is Par", None),
        ("The answer is \\boxed{12}", "12"),
        ("The answer is 12.\nLet me check th", "12"),
        ("The answer is 12. Now", "12"),
    ],
)
def test_a_cut_reply_holds_no_answer_that_may_have_gone_on(text, answer):
    assert Answer.of(text, "length").parsed == answer
    assert Answer.of(text, "stop").parsed is not None


@pytest.mark.parametrize("role", ["base", "student", "teacher"])
def test_replies_that_were_cut_are_told_of_every_model(role):
    answers = [Answer.of("The answer is 1.", "stop")] * 6 + [Answer.of("First we", "length")] * 4
    shown = scoreboard(report([ModelAnswers("it", role, answers)], ["1"] * 10))
    assert "it: 4 of its 10 replies were cut at the limit of tokens" in shown
    answers[6:9] = answers[:3]
    assert "were cut" not in scoreboard(report([ModelAnswers("it", role, answers)], ["1"] * 10))


def test_a_base_that_never_stops_gets_no_advice_to_give_it_more_room():
    answers = [Answer.of("First we", "length")] * 10
    shown = scoreboard(report([ModelAnswers("it", "base", answers)], ["1"] * 10))
    assert "10 of its 10 replies were cut at the limit of tokens: it has not learned to end a reply" in shown
    assert "raise `max_new_tokens`" in scoreboard(
        report([ModelAnswers("it", "student", answers)], ["1"] * 10)
    )


def test_no_gap_is_no_number():
    models = [
        model("base", "base", ["1"]),
        model("student", "student", ["1"], "base"),
        model("teacher", "teacher", ["1"]),
    ]
    score(models, ["1"], METRICS)
    assert compare(models, METRICS)["models"]["student"]["exact_match"]["gap_recovered"] is None


def report(models, references, **more):
    score(models, references, METRICS)
    return {
        "in": len(references),
        "reference": "reference",
        "questions": len(references),
        "with_reference": sum(one is not None for one in references),
        "metrics": ["exact_match"],
        "decoding": {"max_new_tokens": 8},
        "leakage": None,
        **compare(models, METRICS),
        **more,
    }


def test_without_references_there_is_agreement_only():
    shown = scoreboard(
        report(
            [model("student", "student", ["1", "2"]), model("teacher", "teacher", ["1", "3"])], [None, None]
        )
    )
    header = shown.splitlines()[0]
    assert "accuracy" not in header and "agrees with teacher" in header and "gap" not in header
    assert "no row has a reference" in shown and "50.0%" in shown


def test_the_table_says_what_it_rests_on():
    models = [
        model("base", "base", ["x", "y"]),
        model("one", "student", ["1", "2"], "base"),
        model("two", "student", ["1", "3"], "base"),
        model("teacher", "teacher", ["1", None]),
    ]
    leakage = {
        "train_rows": 5,
        "exact": 1,
        "exact_ids": ["r7"],
        "excluded": False,
        "near": 2,
        "near_ids": [],
        "threshold": 0.9,
        "tokenizer": "ascii",
    }
    shown = scoreboard(report(models, ["1", "2"], leakage=leakage))
    assert "2 test rows; 1 of them among the 5 training rows; 2 near-duplicates at 0.9" in shown
    assert "WARNING: 1 test questions were trained on (r7)" in shown
    assert "teacher: 1 questions got no answer (http_400 1)" in shown
    assert "one against two: +50.0 points (-48.6 to +90.5), which may be chance" in shown
    assert "one against its base: +100.0 points (-31.5 to +100.0), which may be chance\n" in shown
    assert "one against the teacher: +50.0 points" in shown
    assert "one: the teacher is not above the base by more than chance" in shown
    assert [line.split()[0] for line in shown.splitlines()[1:5]] == ["base", "one", "two", "teacher"]
    assert len({len(line) for line in shown.splitlines()[:5]}) == 1


def test_the_table_says_who_was_asked_or_read_otherwise():
    models = [
        model("one", "student", ["1"]),
        model("two", "student", ["1"]),
        model("three", "student", ["1"]),
    ]
    assert "the same prompt and the same answer parser for all" in scoreboard(report(models, ["1"]))
    models[0].form, models[1].form = "multi_task", "think_tags"
    shown = scoreboard(report(models, ["1"]))
    assert "one (multi_task): `predict: ` stood before the question" in shown
    assert "two (think_tags): its answer is what follows </think>" in shown
    assert "three (" not in shown and "the same prompt but where it says otherwise" in shown


def test_every_metric_is_documented():
    from pathlib import Path

    from synthgen.core.registry import find, names

    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    for name in names("metric"):
        assert f"| `{name}` |" in page
        assert find("metric", name).VERSION >= 1


def test_exact_match_asks_math_verify_about_formulas_only():
    pytest.importorskip("math_verify")
    metric = ExactMatch(ExactMatchConfig(method="math_verify"))
    assert metric.score("", "2x + 2", "2(x+1)") == 1.0
    assert metric.score("", "5 m/s", "5 m") == 0.0
    assert ExactMatch(ExactMatchConfig()).score("", "2x + 2", "2(x+1)") == 0.0


def seeded(name, stage, texts, base="base"):
    made = model(name, "student", texts, base)
    made.seed_of = stage
    return made


def test_students_that_differ_by_their_seed_are_one_line_and_no_difference():
    rows = 40
    models = [
        model("base", "base", ["2"] * rows),
        seeded("a-seed0", "a", ["1"] * 30 + ["2"] * 10),
        seeded("a-seed1", "a", ["1"] * 20 + ["2"] * 20),
        seeded("b-seed0", "b", ["1"] * 25 + ["2"] * 15),
        seeded("b-seed1", "b", ["1"] * 26 + ["2"] * 14),
        seeded("lone", "c", ["1"] * rows),
    ]
    figures = report(models, ["1"] * rows)
    pairs = {(entry["model"], entry["than"]) for entry in figures["differences"]}
    assert ("a-seed0", "a-seed1") not in pairs and ("a-seed0", "b-seed0") in pairs
    assert list(figures["seeds"]) == ["a", "b"] and figures["seeds"]["a"]["models"] == ["a-seed0", "a-seed1"]
    measured = figures["seeds"]["a"]["exact_match"]
    assert (measured["value"], measured["lowest"], measured["highest"]) == (0.625, 0.5, 0.75)
    assert measured["interval"][0] < 0.5 and measured["vs_base"]["value"] == 0.625
    (difference,) = figures["seeds"]["b"]["exact_match"]["differences"]
    assert difference["than"] == "a" and difference["interval"][0] < 0 < difference["interval"][1]
    shown = scoreboard(figures)
    assert "a, 2 seeds: 62.5%" in shown and "single seeds from 50.0% to 75.0%" in shown
    assert "b against a over rows and seeds: +1.2 points" in shown and "may be chance" in shown
    assert "over rows and seeds (Student's t" in shown and "trained with one seed" not in shown


def test_stages_with_the_same_three_seeds_are_compared_seed_by_seed():
    right = {"a": (30, 20, 10), "b": (33, 23, 13)}  # each seed of b has three more than that of a
    models = [
        seeded(f"{stage}-seed{seed}", stage, ["1"] * count + ["2"] * (40 - count))
        for stage, counts in right.items()
        for seed, count in enumerate(counts)
    ]
    (paired,) = report(models, ["1"] * 40)["seeds"]["b"]["exact_match"]["differences"]
    assert paired["paired"] and paired["interval"][0] > 0
    swapped = [*models[:3], models[5], models[3], models[4]]  # seeds are found by name
    assert report(swapped, ["1"] * 40)["seeds"]["b"]["exact_match"]["differences"] == [paired]
    models[5].name = "b-seed7"
    (apart,) = report(models, ["1"] * 40)["seeds"]["b"]["exact_match"]["differences"]
    assert not apart["paired"] and apart["interval"][0] < 0


def test_students_of_one_seed_each_are_compared_with_a_word_of_caution():
    models = [model("one", "student", ["1"] * 8), model("two", "student", ["2"] * 8)]
    assert "each student was trained with one seed" in scoreboard(report(models, ["1"] * 8))
    assert "one seed" not in scoreboard(report(models[:1], ["1"] * 8))


@pytest.mark.parametrize(("students", "chance"), [(5, 6), (6, 10)])
def test_of_many_pairs_of_students_those_that_may_be_chance_share_a_line(students, chance):
    models = [model(f"s{at}", "student", ["2"] * 30) for at in range(students - 1)]
    shown = scoreboard(report([*models, model("good", "student", ["1"] * 30)], ["1"] * 30))
    pairs = [line for line in shown.splitlines() if " against " in line]
    assert sum("s0 against good: -100.0 points" in line for line in pairs) == 1
    assert sum("may be chance" in line for line in pairs) == (6 if students == 5 else 0)
    assert (f"{chance} of 15 differences between students may be chance" in shown) == (students == 6)


def test_without_references_and_without_the_teacher_nothing_is_compared():
    shown = scoreboard(report([model("base", "base", ["1"]), model("s", "student", ["1"], "base")], [None]))
    assert "no row has a reference: the answers are compared with nothing" in shown
    assert "agreement with the teacher" not in shown
