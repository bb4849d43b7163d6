"""Rounds of an improvement: what is asked, what stops them, what a kill costs, and what the table says."""

import random
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from synthgen.builtin_teacher import logic
from synthgen.builtin_teacher.arithmetic import make_problem
from synthgen.cli import app
from synthgen.core.errors import BudgetReached, ConfigError, EmptyResult, StageFailed
from synthgen.core.progress import Reporter
from synthgen.operations.improve import run as rounds_of
from synthgen.operations.improve.figures import Round, figures
from synthgen.operations.improve.measure import Scored
from synthgen.operations.improve.measure import scored as scored_answers
from synthgen.operations.improve.plan import ImprovePlan, Sizes
from synthgen.operations.improve.run import improve
from synthgen.operations.improve.training import FRESH, VALIDATION
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.reports.improvement import improvement_table
from synthgen.reports.report.page import html_report
from synthgen.store.jsonl import read_rows
from synthgen.store.ledger.ledger import Ledger
from synthgen.store.manifest import read_manifest

PIPELINE = """
name: small
teacher:
  provider: builtin
  sampling: {max_tokens: 600}
  price: {input_per_mtok: 1, output_per_mtok: 4}
stages:
  - generate:
      id: sums
      <<: &made {task: self_instruct, kind: question, num_rows: 60, num_tasks: 10, novelty: 0.95}
      seeds: sums.jsonl
  - generate: {id: puzzles, <<: *made, seeds: puzzles.jsonl}
  - split: {input: [sums, puzzles], test: 20, validation: 40}
  - generate: {id: answers, task: rationale}
  - filter: {rules: [answer_match]}
  - sft:
      id: student
      student: {init: {hidden_size: 32, layers: 1, heads: 2, vocab_size: 300}}
      completion: answer_only
      epochs: 1
      batch_size: 16
      max_length: 400
      threads: 1
  - evaluate: {models: [students, teacher], max_new_tokens: 8, threads: 1}
"""


def seeds():
    draw = random.Random(0)
    for name, make in (("sums", make_problem), ("puzzles", lambda rng: logic.make_problem(rng, "day"))):
        made = [make(draw) for _ in range(8)]
        lines = [orjson.dumps({"question": one.question, "answer": one.reference}) for one in made]
        Path(f"{name}.jsonl").write_bytes(b"\n".join(lines))


@pytest.fixture
def small(in_tmp):
    seeds()
    Path("small.yaml").write_text(PIPELINE)
    return load_pipeline(Path("small.yaml"))


def quiet(pipeline, **given):
    return improve(pipeline, RunOptions(), reporter=Reporter("silent"), **given)


@pytest.mark.slow
def test_rounds_with_a_control_and_a_kill(small, monkeypatch):
    """One improvement from end to end; it is killed before the first round is trained."""
    told: list[tuple[str, str, set[str]]] = []

    def killed(pipeline, options, reporter):
        if pipeline.name == "small.improve-1":
            raise KeyboardInterrupt
        return run_pipeline(pipeline, options, reporter)

    def noted(pipeline, options, reporter):
        done = run_pipeline(pipeline, options, reporter)
        told.append((pipeline.name, options.charged_run, set(done.done.values())))
        return done

    monkeypatch.setattr(rounds_of, "run_pipeline", killed)
    with pytest.raises(KeyboardInterrupt):
        quiet(small, rounds=1, usd=0.05, control=True)
    paid = Ledger(RunOptions().ledger).spent("small.improve")
    monkeypatch.setattr(rounds_of, "run_pipeline", noted)
    found = quiet(small, rounds=1, usd=0.05, control=True)

    assert told[0] == ("small.improve", "small", {"skipped"})
    assert told[1] == ("small.improve-1.rows", "small.improve", {"skipped"}), "nothing is paid twice"
    names = [name for name, _, _ in told]
    assert names[2] == "small.improve-1" and names[-2:] == ["small.uniform-1.rows", "small.uniform-1"]
    start, first = found["rounds"][:2]
    assert (start["arm"], first["arm"], first["round"]) == ("start", "improve", 1)
    assert 0.02 < first["usd"] <= paid.usd <= 0.05, "some replies came that were not needed any more"
    assert Ledger(RunOptions().ledger).spent("small.improve") == paid
    assert first["new_rows"] > 0 and first["rows_trained"] == start["rows_trained"] + first["new_rows"]
    assert found["by"] == "stage" and set(first["slices"]) == {"sums", "puzzles"}
    assert found["test_rows"] == 20 and found["validation_rows"] == 40

    runs = RunOptions().runs
    tested = {
        row["instruction"]
        for part in ("test", "validation")
        for row in read_rows(runs / "small.improve" / "split" / f"{part}.jsonl")
    }
    learned = {row["instruction"] for row in read_rows(runs / "small.improve-1" / FRESH / "rows.jsonl")}
    assert learned and not learned & tested
    assert read_manifest(runs / "small.improve-1" / "answers").linked_from == "small.improve"
    uniform = next(entry for entry in found["rounds"] if entry["arm"] == "uniform")
    assert set(uniform["asked"]) == {"sums", "puzzles"}
    others = sum(entry["usd"] for entry in found["rounds"] if entry["arm"] == "improve")
    assert uniform["usd"] == pytest.approx(others, rel=0.25)

    told.clear()
    assert quiet(small, rounds=1, usd=0.05, control=True) == found
    assert all(done == {"skipped"} for _, _, done in told)
    assert orjson.loads((runs / "small.improve" / "improve.json").read_bytes()) == found
    text = improvement_table(found)
    assert "improve 1" in text and "uniform 1" in text and "stopped: " in text
    assert "<svg" in html_report(runs / "small.improve")

    done = CliRunner().invoke(app, ["improve", "small.yaml", "--rounds", "1", "--usd", "0.05", "--json"])
    assert done.exit_code == 0, done.output
    assert [entry["arm"] for entry in orjson.loads(done.stdout)["rounds"]][:2] == ["start", "improve"]


def scored(right, labels=("sums", "puzzles")):
    """Scores on 60 rows of each slice, of which `right[slice]` are right; the teacher has all."""
    names = [name for name in labels for _ in range(60)]
    student = [float(row < right[name]) for name in labels for row in range(60)]
    return Scored([str(n) for n in range(len(names))], [student], [1.0] * len(names), names)


def a_round(number, right, usd=1.0, wanted=None):
    return Round(
        "improve", number, f"r{number}", wanted or {"sums": 10}, 10, usd, 50, scored(right), scored(right)
    )


@pytest.fixture
def played(small, monkeypatch):
    """Plays rounds whose scores are given: what each was asked for, why they stopped, and the rounds."""

    def play(start, then, rounds=3, usd=3.0, rows=None, cost=0.01, out_of_money=()):
        asked, given = [], iter(then)

        def one(start, arm, number, wanted, earlier, usd):
            asked.append(dict(wanted))
            return a_round(number, next(given), wanted=wanted), number in out_of_money

        monkeypatch.setattr(rounds_of, "_round", one)
        begin = rounds_of._Start(
            ImprovePlan(small),
            RunOptions(),
            Reporter("silent"),
            None,
            {},
            {"sums": cost, "puzzles": cost},
            a_round(0, start),
        )
        done = []
        return asked, rounds_of._improve(begin, rounds, usd, rows, done, lambda: None), done

    return play


def test_money_is_shared_among_the_rounds_and_goes_where_most_is_missed(played):
    asked, stopped, done = played(
        {"sums": 0, "puzzles": 40},
        [{"sums": 20, "puzzles": 40}, {"sums": 40, "puzzles": 40}, {"sums": 55, "puzzles": 44}],
    )
    assert stopped == "3 of 3 rounds are done" and len(done) == 3
    assert asked[0] == {"sums": 71, "puzzles": 23}, "a little is left for what requests may cost at most"
    assert asked[1] == {"sums": 95}


def test_a_round_that_gains_less_than_chance_is_the_last(played):
    asked, stopped, done = played({"sums": 0, "puzzles": 60}, [{"sums": 3, "puzzles": 60}])
    assert "round 1 gained +2.5 points" in stopped and "may be chance" in stopped and len(done) == 1


def test_no_fallen_slice_means_no_round(played):
    assert played({"sums": 60, "puzzles": 59}, [])[0] == []
    assert "no slice lies below the teacher" in played({"sums": 60, "puzzles": 59}, [])[1]


def test_a_gain_is_on_the_rows_that_both_rounds_have():
    last, made = a_round(0, {"sums": 0, "puzzles": 60}), a_round(1, {"sums": 30, "puzzles": 60})
    made.validation = made.validation.only(set(made.validation.ids[30:]))
    assert rounds_of._gain(made, last).value == 0 == rounds_of._gain(made, last, "sums").value
    assert rounds_of._gain(a_round(1, {"sums": 30, "puzzles": 60}), last, "sums").value == 0.5


def test_money_that_buys_no_row_means_no_round(played):
    asked, stopped, _ = played({"sums": 0, "puzzles": 60}, [], cost=50.0)
    assert asked == [] and "buy no row" in stopped


def test_a_round_that_met_the_cap_is_the_last(played):
    _, stopped, done = played({"sums": 0, "puzzles": 60}, [{"sums": 50, "puzzles": 60}], out_of_money=(1,))
    assert stopped == "the budget was reached" and len(done) == 1


def test_a_slice_whose_money_gained_nothing_gets_none_in_the_next_round(played):
    asked, _, _ = played(
        {"sums": 0, "puzzles": 20}, [{"sums": 0, "puzzles": 40}, {"sums": 0, "puzzles": 41}], rounds=2
    )
    assert set(asked[0]) == {"sums", "puzzles"} and set(asked[1]) == {"puzzles"}


def test_rows_in_place_of_dollars_are_questions_of_each_round(played):
    asked, _, _ = played(
        {"sums": 0, "puzzles": 60}, [{"sums": 30, "puzzles": 60}] * 2, rounds=2, usd=None, rows=40, cost=1.0
    )
    assert asked == [{"sums": 40}, {"sums": 40}]


def test_at_the_cap_the_rows_that_are_there_are_taken(small, monkeypatch):
    calls = []

    def run(pipeline, options, reporter):
        calls.append((pipeline.name, pipeline.budget and pipeline.budget.usd, options.accept_partial))
        if pipeline.name.endswith(".rows") and not options.accept_partial:
            raise BudgetReached("the budget is spent")
        raise KeyboardInterrupt

    monkeypatch.setattr(rounds_of, "run_pipeline", run)
    begin = rounds_of._Start(
        ImprovePlan(small),
        RunOptions(),
        Reporter("silent"),
        Sizes({"sums": {"sums": 60}}),
        {},
        {"sums": 0.1},
        a_round(0, {"sums": 0, "puzzles": 0}),
    )
    with pytest.raises(KeyboardInterrupt):
        rounds_of._round(begin, "improve", 1, {"sums": 5}, [], 0.5)
    assert calls == [("small.improve-1.rows", 0.5, False), ("small.improve-1.rows", 0.5, True)]


def test_a_cap_below_the_first_request_is_told(small, monkeypatch):
    def run(pipeline, options, reporter):
        raise EmptyResult("nothing") if options.accept_partial else BudgetReached("the budget is spent")

    monkeypatch.setattr(rounds_of, "run_pipeline", run)
    first = a_round(0, {"sums": 0, "puzzles": 60})
    sizes = Sizes({"sums": {"sums": 60}})
    begin = rounds_of._Start(
        ImprovePlan(small), RunOptions(), Reporter("silent"), sizes, {}, {"sums": 0.1}, first
    )
    done = []
    assert "lower the teacher's max_tokens" in rounds_of._improve(begin, 1, 0.5, None, done, lambda: None)
    assert done == []
    assert rounds_of._uniform(begin, [a_round(1, {"sums": 0, "puzzles": 0})], 0.5) == []


def test_what_a_dollar_gained_is_held_to_the_other_arm(small):
    plan, start = ImprovePlan(small), a_round(0, {"sums": 0, "puzzles": 30})
    start.arm, start.number = "start", 0
    mine = [a_round(1, {"sums": 40, "puzzles": 30}, usd=2.0)]
    other = [a_round(1, {"sums": 5, "puzzles": 45}, usd=1.0)]
    found = figures(plan, start, {"improve": mine, "uniform": other}, 2.0, "done")
    ratio = found["against_uniform"]
    assert (
        ratio["value"] == pytest.approx((40 / 2) / (20 / 1))
        and ratio["interval"][0] < 1 < ratio["interval"][1]
    )
    entry = found["rounds"][1]
    assert entry["gain"]["value"] == pytest.approx(40 / 120)
    assert entry["gap_recovered"]["value"] == pytest.approx(40 / 90)
    assert "1.0 times" in improvement_table(found)
    alone = figures(plan, start, {"improve": mine}, 2.0, "done")
    assert "against_uniform" not in alone


def test_a_uniform_arm_that_gained_nothing_cannot_be_divided_by(small):
    plan, start = ImprovePlan(small), a_round(0, {"sums": 0, "puzzles": 30})
    arms = {
        "improve": [a_round(1, {"sums": 40, "puzzles": 30})],
        "uniform": [a_round(1, {"sums": 0, "puzzles": 31})],
    }
    found = figures(plan, start, arms, 2.0, "done")
    assert found["against_uniform"] is None and "cannot be compared" in improvement_table(found)


def test_test_rows_that_one_round_left_out_are_left_out_for_all(small):
    plan, start, one = (
        ImprovePlan(small),
        a_round(0, {"sums": 0, "puzzles": 30}),
        a_round(1, {"sums": 9, "puzzles": 9}),
    )
    one.test = one.test.only(set(one.test.ids[:100]))
    found = figures(plan, start, {"improve": [one]}, None, "")
    assert found["test_rows"] == 100 and found["validation_rows"] == 120
    assert "not finished" in improvement_table(found)


@pytest.mark.parametrize("given", [{}, {"usd": 1.0, "rows": 5}])
def test_dollars_or_questions_but_not_both(small, given):
    with pytest.raises(ConfigError, match="dollars for all rounds or questions a round"):
        quiet(small, rounds=1, **given)


@pytest.mark.parametrize("price", ["", "  price: {input_per_mtok: 0, output_per_mtok: 0}\n"])
def test_dollars_need_a_price_before_anything_runs(small, price):
    text = PIPELINE.replace("  price: {input_per_mtok: 1, output_per_mtok: 4}\n", price)
    Path("free.yaml").write_text(text)
    with pytest.raises(ConfigError, match="the teacher has no price") as caught:
        quiet(load_pipeline(Path("free.yaml")), rounds=1, usd=1.0)
    assert "--rows N" in str(caught.value) and not Path("data").exists()


def test_answers_without_scores_are_told(small):
    entry = {"id": "a", "slices": {}, "answers": {"student": {"scores": {}}, "teacher": {}}}
    Path("r", VALIDATION).mkdir(parents=True)
    Path("r", VALIDATION, "answers.jsonl").write_bytes(orjson.dumps(entry) + b"\n")
    with pytest.raises(StageFailed, match="no row was scored"):
        scored_answers(ImprovePlan(small), Path("r"), True, {})
