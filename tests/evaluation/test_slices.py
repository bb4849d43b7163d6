"""Scores by slice: which rows are in which, whose fall is named, and how often a fall is invented."""

import numpy as np

from synthgen.evaluation.compare import ModelAnswers
from synthgen.evaluation.slices import REST, fallen, labels_of, labels_since, slice_lines, slice_report
from synthgen.evaluation.verdict import Terms, verdict_lines, verdict_report
from tests.evaluation.test_verdict import model

TERMS = Terms("exact_match", True, 0.03, 0.95, 0.5)


def test_later_rows_are_in_the_slices_of_the_earlier_ones():
    before = [
        {"instruction": "x" * (1 + number), "meta": {"topic": "sums" if number % 3 else "loops"}}
        for number in range(30)
    ]
    later = [{"instruction": "x" * size, "meta": {"topic": topic}} for size, topic in
             ((1, "sums"), (15, "loops"), (99, "graphs"))]  # fmt: skip
    labels = labels_since(later, ["meta.topic", "length"], before)
    assert labels == {"meta.topic": ["sums", "loops", REST], "length": ["short", "middle", "long"]}
    assert labels_since(before, ["meta.topic", "length"], before) == labels_of(
        before, ["meta.topic", "length"]
    )


def test_rows_are_cut_by_fields_paths_and_length():
    rows = [
        {"instruction": "x" * (1 + number % 30), "meta": {"topic": "sums" if number % 2 else ["loops", "a"]}}
        for number in range(60)
    ]
    labels = labels_of(rows, ["meta.topic", "length", "meta.level"])
    assert labels["meta.topic"].count("sums") == labels["meta.topic"].count("loops") == 30
    assert [labels["length"].count(name) for name in ("short", "middle", "long")] == [20, 20, 20]
    assert set(labels["meta.level"]) == {"(none)"}


def test_rare_and_many_labels_are_pooled():
    rows = [{"instruction": "x", "kind": name} for name in [*"a" * 12, *"b" * 10, *"c" * 9, "d"]]
    labels = labels_of(rows, ["kind"])["kind"]
    assert set(labels) == {"a", "b", REST} and labels.count(REST) == 10
    many = [{"instruction": "x", "kind": f"k{number:02d}"} for number in range(30) for _ in range(10)]
    labels = labels_of(many, ["kind"])["kind"]
    assert len(set(labels)) == 21 and labels.count(REST) == 100
    assert labels_of([{"instruction": "x", "kind": {"a": 1}}] * 10, ["kind"])["kind"][0] == "(none)"


def fallen_models():
    """A student that is as good as its teacher on sums and on dates, and not on units."""
    topics = ["sums"] * 100 + ["dates"] * 100 + ["units"] * 100
    mine = [1.0] * 95 + [0.0] * 5 + [1.0] * 95 + [0.0] * 5 + [1.0] * 50 + [0.0] * 50
    above = [1.0] * 95 + [0.0] * 5 + [1.0] * 95 + [0.0] * 5 + [1.0] * 95 + [0.0] * 5
    base = [0.0] * 300
    models = [
        model("base", "base", base),
        model("student", "student", mine, "base"),
        model("teacher", "teacher", above),
    ]
    return models, {"topic": topics}


def test_a_field_whose_slices_all_fell_is_one_line():
    models, labels = fallen_models()
    student = models[1]
    student.scores["exact_match"] = [0.0] * 100 + [1.0] * 50 + [0.0] * 50 + [1.0] * 20 + [0.0] * 80
    by = {**labels, "half": ["first"] * 150 + ["second"] * 150, "one": ["same"] * 300}
    assert fallen(slice_report(models, by, TERMS), "student") == [
        "all 3 slices of topic (-95.0 to -45.0 points)",
        "all 2 slices of half (-80.0 to -63.3 points)",
        "one: same (-71.7 points, 300 rows)",
    ]


def test_the_slice_that_fell_is_named_and_no_other():
    models, labels = fallen_models()
    report = slice_report(models, labels, TERMS)
    slices = report["topic"]["slices"]
    assert {name: figures["fell"] for name, figures in slices.items()} == {
        "dates": [],
        "sums": [],
        "units": ["student"],
    }
    assert report["topic"]["confidence"] == round(1 - 0.05 / 3, 6)
    assert slices["units"]["models"]["student"]["vs_teacher"]["value"] == -0.45
    assert slices["sums"]["models"]["student"]["vs_base"]["value"] == 0.95
    fell = fallen(report, "student")
    assert fell == ["topic: units (-45.0 points, 100 rows)"]
    verdict = verdict_report(models, TERMS, {"student": fell})
    assert verdict["students"]["student"]["verdict"] == "RETUNE"
    assert "more rows like those in which it fell: topic: units" in "\n".join(
        verdict_lines({"verdict": verdict})
    )
    shown = next(line for line in slice_lines(report)[1].splitlines() if line.startswith("units"))
    assert shown.split() == [
        "units",
        "100",
        "0.0%",
        "(0–5)",
        "50.0%",
        "(38–62)",
        "95.0%",
        "(87–98)",
        "student",
    ]


def test_many_models_stand_one_below_the_other():
    models, labels = fallen_models()
    student = models[1]
    models += [
        ModelAnswers(f"s{at}", "student", student.answers, "base", scores=student.scores) for at in range(3)
    ]
    header, rows, *below = slice_lines(slice_report(models, labels, TERMS))[1].splitlines()
    assert header.split() == ["topic", "dates", "sums", "units"] and rows.split() == ["rows", *["100"] * 3]
    assert [line.split()[0] for line in below] == [model.name for model in models]
    assert [line.count("*") for line in below] == [0, 1, 0, 1, 1, 1]
    assert below[1].split()[-3:] == ["50.0%", "(38–62)", "*"] and max(map(len, [header, *below])) < 80
    assert "below the teacher (*)" in slice_lines(slice_report(models, labels, TERMS))[-1]


def test_slices_without_scores_are_no_fault():
    models, labels = fallen_models()
    for one in models:
        one.scores["exact_match"][:100] = [None] * 100
    report = slice_report(models, labels, TERMS)
    assert report["topic"]["slices"]["sums"] == {"rows": 100, "models": {}, "fell": []}
    assert slice_report(models, {}, TERMS) == {} and slice_lines({}) == []


def test_among_many_slices_of_equal_models_a_fall_is_seldom_invented():
    terms = Terms("exact_match", True, 0.0, 0.95, None)
    rng, invented, tests = np.random.Generator(np.random.PCG64(0)), 0, 300
    labels = {"topic": [f"t{number % 10}" for number in range(500)]}
    for _ in range(tests):
        mine, above = ((rng.random(500) < 0.8).astype(float).tolist() for _ in range(2))
        models = [model("student", "student", mine), model("teacher", "teacher", above)]
        report = slice_report(models, labels, terms)
        invented += any(figures["fell"] for figures in report["topic"]["slices"].values())
    assert invented / tests <= 0.05
