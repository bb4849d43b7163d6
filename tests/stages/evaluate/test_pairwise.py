"""Students' answers against base and teacher, before a judge with habits."""

from __future__ import annotations

import re

import pytest

from synthgen.core.config import build
from synthgen.core.errors import BudgetReached, ConfigError
from synthgen.evaluation.local import Local
from synthgen.stages import sft
from synthgen.stages.evaluate import run as evaluate
from synthgen.stages.evaluate.pairwise import PairwiseOptions, require_pairs
from synthgen.stages.evaluate.preview import times
from synthgen.teachers.config import TeacherConfig
from synthgen.teachers.providers.builtin import BuiltinConfig
from tests.stages.evaluate.bench import TEST, Bench, said
from tests.stages.scripted_session import OneSession, Refusal, ScriptedSession

RIGHT = {row["instruction"]: said(row) for row in TEST}


def options(**given):
    misfits = []
    config = build(evaluate.STAGE.config, {"models": ["base", "students", "teacher"], **given}, (), misfits)
    return config, [misfit.what for misfit in misfits]


def judge(decide):
    """A teacher that is right, and a judge: question, first and second answer -> its words."""

    def answer(request, number):
        asked = request.messages[-1]["content"]
        if request.label != "judge":
            return RIGHT[asked]
        question = next(one for one in RIGHT if one in asked)
        first = asked.partition("Answer A:\n")[2].partition("Answer B:\n")
        second = first[2].partition("First give your reason")[0]
        return decide(question, first[0].strip(), second.strip())

    return ScriptedSession(answer, model="judge-1")


def honest(question, first, second):
    if "7 and 8" in question:
        return "I would rather not say."
    if "9 and 3" in question:
        return "Reason: it comes first.\nVerdict: A"
    good = [RIGHT[question] in text for text in (first, second)]
    return f"Reason: facts.\nVerdict: {'Tie' if good[0] == good[1] else 'A' if good[0] else 'B'}"


def by_pair(metrics):
    return {(one["model"], one["than"]): one for one in metrics["pairwise"]["pairs"]}


@pytest.mark.slow
def test_students_against_base_and_teacher(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints)
    session = judge(honest)
    config, _ = options(pairwise={})
    outcome, metrics, _ = bench.run(
        "out", OneSession(session), models=config.models, pairwise=config.pairwise
    )
    pairs = by_pair(metrics)
    assert list(pairs) == [("good", "base"), ("good", "teacher"), ("poor", "base"), ("poor", "teacher")]
    assert metrics["pairwise"]["judge"] == "judge-1"

    over_base = pairs["good", "base"]
    assert (over_base["won"], over_base["tied"], over_base["lost"]) == (4, 1, 0)
    assert over_base["unread"] == 1 and over_base["unread_ids"] == ["q4"] and over_base["rows"] == 5
    assert over_base["win_rate"]["value"] == pytest.approx(0.9)
    assert over_base["consistent"]["value"] == pytest.approx(4 / 5) and over_base["asked"] == 5
    assert over_base["first_wins"]["value"] == pytest.approx((4 / 2 + 1) / 5)

    equal = pairs["good", "teacher"]
    assert (equal["tied"], equal["not_asked"], equal["unread"]) == (6, 6, 0)
    assert equal["win_rate"]["value"] == 0.5 and "consistent" not in equal

    worse = pairs["poor", "teacher"]
    assert (worse["won"], worse["tied"], worse["lost"]) == (0, 4, 2)
    assert worse["win_rate"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    low, high = worse["win_rate"]["interval"]
    assert 0 < low < 1 / 3 < 0.5 < high  # two losses prove nothing
    lines = [line for line in (bench.run_dir / "out" / "pairwise.jsonl").read_text().splitlines() if line]
    assert len(lines) == outcome.files["pairwise.jsonl"] == 4 * 6
    assert '"outcome":"unread"' in lines[4] and "I would rather not say." in lines[4]
    assert re.search(r"^good +base +4 +1 +0 +90\.0% +\d", outcome.table, re.MULTILINE)
    assert re.search(r"\d of 24 comparisons cannot be read and are left out", outcome.table)
    asked = [request for request in session.sent if request.label == "judge"]
    assert all("known to be: " in request.messages[-1]["content"] for request in asked)
    # good against base 6, poor against each of them 2; what both students said is compared once
    assert len(asked) == 2 * 10 and outcome.requests["answered"] == 6 + 2 * 10


@pytest.mark.slow
def test_the_same_bytes_from_the_same_replies_and_nothing_is_paid_twice(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("poor",))
    session = judge(honest)
    config, _ = options(pairwise={"against": ["teacher"]})
    given = {"models": config.models, "pairwise": config.pairwise}
    bench.run("first", OneSession(session), **given)
    sent = len(session.sent)
    bench.run("second", OneSession(session), **given)
    assert len(session.sent) == sent
    for file in ("metrics.json", "pairwise.jsonl", "answers.jsonl"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


@pytest.mark.slow
def test_a_judge_who_fails_or_is_not_asked_leaves_rows_out(tmp_path, checkpoints):
    bench = Bench(tmp_path, checkpoints, students=("poor",))

    def fails(question, first, second):
        return Refusal("no") if "1 and 2" in question else honest(question, first, second)

    config, _ = options(pairwise={"against": ["base"]})
    given = {"models": config.models, "pairwise": config.pairwise}
    outcome, metrics, _ = bench.run("out", OneSession(judge(fails)), **given)
    pair = by_pair(metrics)["poor", "base"]
    assert pair["no_reply"] == {"http_400": 1} and pair["rows"] + pair["unread"] == 5
    assert sum(outcome.counts.failed.values()) == 1
    assert "on 1 question, are left out, since the judge gave no reply" in outcome.table

    capped = judge(honest)
    capped.cap = 10  # the teacher's six, and two rows in both orders
    with pytest.raises(BudgetReached):
        bench.run("stopped", OneSession(capped), **given)
    outcome, metrics, _ = bench.run("partial", OneSession(capped), accept_partial=True, **given)
    assert by_pair(metrics)["poor", "base"]["no_reply"]["budget"] > 0 and outcome.counts.failed["budget"] > 0


def test_whom_students_can_be_compared_with():
    assert options(pairwise={"against": ["teacher"]}, models=["students", "base"])[1] == [
        "pairwise: against 'teacher' is none of models: students, base"
    ]
    assert options(pairwise={"against": ["one"]}, models=["two", "teacher"])[1] == [
        "pairwise: against 'one' is none of models: two, teacher"
    ]
    assert options(pairwise={}, models=["teacher"])[1] == ["pairwise compares students, and models has none"]
    assert "nobody to compare students with" in options(pairwise={}, models=["students"])[1][0]
    assert not options(pairwise={}, models=["students", "base"])[1]
    config, wrong = options(pairwise={"against": ["base", "one"], "judge": "grader"})
    assert not wrong and evaluate.needs(config)["against"].choose == ("one",)
    assert evaluate.teachers(config) == ("", "grader")
    assert "prompt" in options(pairwise={"prompt": "respond/question"})[1][0]


def test_a_student_that_has_nobody_beside_it_is_refused_before_anybody_is_asked():
    def local(name, role="student", **given):
        return Local(name, role, "x", "x", "d", "s", **given)

    named = PairwiseOptions(against=("one",))
    with pytest.raises(ConfigError, match="no student can be compared with 'one'"):
        require_pairs([local("one")], ["one"], named)
    with pytest.raises(ConfigError, match="asked are one-seed0, one-seed1"):
        seeds = [local(f"one-seed{seed}", seed_of="one") for seed in (0, 1)]
        require_pairs(seeds, ["students"], PairwiseOptions(against=("one-seed0",)))
    require_pairs([local("one"), local("two")], ["students"], named)
    require_pairs([local("one")], ["one", "teacher"], PairwiseOptions())
    with pytest.raises(ConfigError, match="nobody to compare"):
        require_pairs([local("one")], ["one", "base"], PairwiseOptions())


def test_how_often_a_judge_is_asked_about_a_row():
    trained = {"student": {"model": "some/model"}}
    students = [build(sft.STAGE.config, {"id": name, **trained}, (), []) for name in ("one", "two", "three")]
    config, _ = options(pairwise={"judge": "grader"})
    assert times(config, students)["pairwise"] == 6
    config, _ = options(pairwise={"against": ["teacher", "one"]})
    assert times(config, students)["pairwise"] == 3 + 2
    config, _ = options(pairwise={}, models=["students", "teacher"])
    assert times(config, students)["pairwise"] == 3


def test_the_builtin_teacher_is_no_judge_of_pairs():
    config = evaluate.STAGE.config.model_validate({"pairwise": {"judge": "grader"}})
    builtin, other = BuiltinConfig(model="builtin"), TeacherConfig(model="m")
    (fault,) = evaluate.STAGE.asked_in_vain(config, {"grader": builtin})
    assert fault.what == "the builtin teacher cannot compare answers"
    assert evaluate.STAGE.asked_in_vain(config, {"grader": other}) == []
    assert evaluate.STAGE.asked_in_vain(evaluate.STAGE.config(), {"": builtin}) == []
