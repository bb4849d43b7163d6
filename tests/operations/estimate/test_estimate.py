"""The estimate against what a run then came to, and what it costs to make one."""

import json
from pathlib import Path

import pytest

from synthgen.core.errors import ConfigError
from synthgen.core.progress import Reporter
from synthgen.core.resources import shipped
from synthgen.operations.estimate.estimate import estimate_pipeline, estimate_text
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.store.ledger.ledger import open_ledger
from tests.operations.asking_bench import Asked, asking_pipeline

QUIET = Reporter("silent")
LOAD = "  - load: {sources: [rows.jsonl]}\n"
POOL = (
    "  - generate: {id: questions, task: self_instruct, kind: question, seeds: seeds.jsonl, "
    "num_rows: 150, num_tasks: 10}\n"
)
SCORE = "  - score: {judge: {kind: score}}\n"


@pytest.fixture
def teacher():
    with Asked() as made:
        yield made


def estimate(made, rows=20):
    return estimate_pipeline(made, rows, reporter=QUIET)


def stage(estimated, stage_id):
    return next(entry for entry in estimated["stages"] if entry["stage"] == stage_id)


@pytest.mark.parametrize(
    ("questions", "same"), [(10**6, 0.0), (10**6, 0.2), (400, 0.0)], ids=["new", "often the same", "few"]
)
def test_what_a_pool_comes_to_is_within_the_estimate_for_most_seeds(in_tmp, questions, same):
    within = 0
    for seed in range(5):
        with Asked(questions, seed, same) as teacher:
            made = asking_pipeline(teacher.url, POOL, f"seed: {seed}\n")
            options = RunOptions(runs=Path(f"runs-{seed}"), ledger=Path(f"ledger-{seed}"))
            estimated = estimate_pipeline(made, 6, runs=options.runs, ledger=options.ledger, reporter=QUIET)
            assert teacher.requests == 6
            run_pipeline(made, options, QUIET)
            came = {
                "calls": teacher.requests,
                "prompt_tokens": teacher.tokens_in,
                "completion_tokens": teacher.tokens_out,
                "usd": teacher.billed,
            }
        within += all(
            0.5 * estimated["total"][name]["p50"] <= value <= estimated["total"][name]["p95"]
            for name, value in came.items()
        )
        assert came["calls"] >= 15
    assert within >= 4


def test_what_rows_come_to_is_within_the_estimate_for_most_seeds(in_tmp):
    within = 0
    for seed in range(6):
        with Asked(seed=seed) as teacher:
            made = asking_pipeline(teacher.url, LOAD + SCORE, f"seed: {seed}\n")
            options = RunOptions(runs=Path(f"runs-{seed}"), ledger=Path(f"ledger-{seed}"))
            estimated = estimate_pipeline(made, 8, runs=options.runs, ledger=options.ledger, reporter=QUIET)
            run_pipeline(made, options, QUIET)
            assert (
                teacher.requests
                == 40
                == estimated["total"]["calls"]["p50"]
                == estimated["total"]["calls"]["p95"]
            )
            figures = estimated["total"]["completion_tokens"]
            assert figures["p50"] < figures["p95"]
            within += 0.8 * figures["p50"] <= teacher.tokens_out <= figures["p95"]
    assert within >= 5


def test_every_stage_that_asks_is_counted(teacher, in_tmp):
    made = asking_pipeline(
        teacher.url,
        LOAD
        + "  - split: {test: 10}\n"
        + SCORE
        + (
            "  - evaluate: {models: [teacher], reference: verdict, metrics: [exact_match, judge: "
            "{kind: score}]}\n"
        ),
    )
    estimated = estimate(made, 5)
    assert [
        (entry["stage"], entry["rows"], entry["calls"]["p50"], entry["asked"])
        for entry in estimated["stages"]
    ] == [("score", 30, 30, 5), ("evaluate", 10, 20, 10)]
    assert estimated["total"]["calls"]["p50"] == 50 and teacher.requests == 15
    assert stage(estimated, "score")["notes"] == ["from 5 rows, asked now"]
    for name in ("prompt_tokens", "completion_tokens", "usd"):
        assert estimated["total"][name]["p50"] == pytest.approx(
            sum(entry[name]["p50"] for entry in estimated["stages"]), rel=0.05
        )
    text = estimate_text(estimated)
    assert "score: from 5 rows, asked now" in text and "all" in text
    assert json.loads(Path("data/runs/asking/estimate.json").read_bytes())["total"] == estimated["total"]


def test_a_judge_of_students_grades_every_models_answers():
    from synthgen.stages.evaluate.options import Config as EvaluateConfig
    from synthgen.stages.evaluate.preview import TEACHER, times

    text = (
        "name: x\nteacher: {provider: builtin}\nstages:\n  - load: {sources: [rows.jsonl]}\n  - "
        "split: {test: 2}\n"
    )
    students = "".join(
        f"  - sft: {{id: {name}, student: {{init: {{hidden_size: 32, layers: {layers}, heads: 2}}}}}}\n"
        for name, layers in (("a", 1), ("b", 1), ("c", 2))
    )
    path = Path("x.yaml")
    path.write_text(
        text
        + students
        + "  - evaluate: {models: [base, students, teacher], metrics: [judge: {kind: score}]}\n"
    )
    pipeline = load_pipeline(path)
    path.unlink()
    evaluation = pipeline.stages[-1].config
    assert isinstance(evaluation, EvaluateConfig)
    assert times(evaluation, [spec.config for spec in pipeline.stages[2:5]]) == {
        TEACHER: 1,
        "judge": 6,
    }


def test_what_the_ledger_knows_is_not_paid_for(teacher, in_tmp):
    made = asking_pipeline(
        teacher.url, POOL + "  - split: {test: 20}\n  - generate: {id: worked, task: rationale}\n"
    )
    first = estimate(made, 6)
    probed = teacher.requests
    assert stage(first, "questions")["asked"] == 6 and stage(first, "worked")["asked"] == 6 == probed - 6
    again = estimate(made, 6)
    assert teacher.requests == probed and again["total"] == first["total"]
    assert stage(again, "questions")["notes"][0] == "from 6 calls, answered by the ledger: nothing was paid"
    run_pipeline(made, RunOptions(), QUIET)
    came = teacher.requests
    after = estimate(made, 6)
    assert teacher.requests == came, "all of it is in the ledger by now"
    questions, worked = stage(after, "questions"), stage(after, "worked")
    assert (
        questions["notes"][1].endswith("calls made all 150 rows")
        and questions["calls"]["p50"] == questions["calls"]["p95"] == 15
    )
    assert worked["probed"] == worked["rows"] == 130 and "(all there are)" in worked["notes"][0]
    assert worked["completion_tokens"]["p50"] == worked["completion_tokens"]["p95"]


def kept():
    return json.loads(Path("data/runs/asking/estimate.json").read_bytes())


def test_an_estimate_after_the_run_leaves_the_forecast_that_the_run_is_judged_by(teacher, in_tmp):
    stages = LOAD + "  - generate: {id: worked, task: rationale}\n"
    made = asking_pipeline(teacher.url, stages)
    estimate(made, 4)
    before = kept()
    run_pipeline(made, RunOptions(), QUIET)
    after = estimate(made, 8)
    assert kept() == before and after["total"] != before["total"]
    assert "worked ran already" in after["notes"][-1]
    assert after["notes"][-1] in estimate_text(after)
    other = asking_pipeline(teacher.url, stages.replace("rationale", "rationale, samples: 2"))
    assert estimate(other, 4)["total"] == kept()["total"] != before["total"], "that has not run yet"


def test_without_a_forecast_what_has_run_gets_none_afterwards(teacher, in_tmp):
    made = asking_pipeline(teacher.url, LOAD + "  - generate: {id: worked, task: rationale}\n" + SCORE)
    run_pipeline(made, RunOptions(until="worked"), QUIET)
    estimate(made, 4)
    assert [entry["stage"] for entry in kept()["stages"]] == ["score"]
    assert kept()["total"]["calls"] == kept()["stages"][0]["calls"]
    run_pipeline(made, RunOptions(), QUIET)
    before = kept()
    estimate(made, 4)
    assert kept() == before


def test_what_has_not_been_made_yet_is_said(teacher, in_tmp):
    made = asking_pipeline(
        teacher.url,
        POOL
        + (
            "  - split: {test: 20}\n  - generate: {id: worked, task: rationale}\n  - filter: {rules: "
            "[refusal]}\n"
        )
        + SCORE,
    )
    notes = {entry["stage"]: entry["notes"] for entry in estimate(made, 6)["stages"]}
    assert (
        notes["worked"][1]
        == "questions has not run: tried on 60 rows that its own trial made; taken to be 130 in the end"
    )
    assert notes["score"][1:] == [
        "worked has not run: tried on 6 rows that its own trial made; taken to be 130 in the end",
        "filter not run either: taken to keep every row",
    ]
    assert "the yield falls as the pool fills" in notes["questions"][1]


def test_nothing_is_trained_or_published_to_estimate(teacher, in_tmp):
    student = "  - sft: {student: {init: {hidden_size: 32, layers: 1, heads: 2}}}\n"
    made = asking_pipeline(
        teacher.url,
        LOAD
        + "  - split: {test: 10}\n"
        + student
        + "  - evaluate: {models: [students, teacher], reference: verdict}\n",
    )
    estimated = estimate(made, 4)
    assert stage(estimated, "evaluate")["calls"]["p50"] == 10 and teacher.requests == 4
    assert [path.name for path in Path("data/runs/asking").iterdir()] == ["estimate.json"]


def test_a_budget_that_will_not_do(teacher, in_tmp, monkeypatch):
    import dataclasses

    from synthgen.teachers.config import Budget

    made = asking_pipeline(teacher.url, LOAD + SCORE, "budget: {usd: 1}\n")
    with pytest.raises(ConfigError, match="bound on each answer"):
        estimate(made, 4)
    free = dataclasses.replace(made, budget=None)
    cost = estimate(free, 4)["total"]["usd"]
    said = []
    for usd in (2 * cost["p95"], (cost["p50"] + cost["p95"]) / 2, cost["p50"] / 2):
        said.append(estimate(dataclasses.replace(made, budget=Budget(usd=usd)), 4)["notes"])
    assert (
        said[0] == []
        and "between p50 and p95: the run may stop" in said[1][0]
        and "less than the p50: the run would stop" in said[2][0]
    )


def test_replies_without_tokens_or_times(in_tmp):
    open_ledger(Path("data/ledger")).take_in(shipped("pipelines/replies/judge.jsonl"))
    path = Path("pipelines")
    path.symlink_to(shipped("pipelines"))
    made = load_pipeline(path / "judge.yaml", [path / "replies" / "teacher.yaml"])
    estimated = estimate(made)
    assert estimated["stages"][0]["calls"]["p50"] == 8 and estimated["stages"][0]["asked"] == 0
    assert estimated["stages"][0]["notes"][1:] == [
        "these replies tell no tokens: what it costs is not known",
        "these replies tell no time",
    ]


def test_a_pipeline_that_asks_nobody(teacher, in_tmp):
    with pytest.raises(ConfigError, match="asks no teacher"):
        estimate(asking_pipeline(teacher.url, LOAD))
