"""Preview shows every stage that asks, as it would ask, also before the stages in front of it have run."""

from dataclasses import replace
from pathlib import Path

import pytest

from synthgen.core.errors import ConfigError, SynthgenError
from synthgen.core.progress import Reporter
from synthgen.core.text import dollars
from synthgen.operations.estimate.estimate import estimate_pipeline
from synthgen.operations.estimate.preview import preview_pipeline
from synthgen.operations.estimate.preview_text import preview_text
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.store.jsonl import read_rows
from tests.operations.asking_bench import Asked, asking_pipeline

LOAD = "  - load: {sources: [rows.jsonl]}\n"
SCORE = "  - score: {judge: {kind: score}}\n  - filter: {id: graded, rules: [score: {name: judge, min: 4}]}\n"
CHAIN = (
    "  - generate: {id: questions, task: self_instruct, kind: question, seeds: seeds.jsonl, "
    "num_rows: 30, num_tasks: 5}\n  - split: {test: 10}\n  - generate: {id: worked, task: "
    "rationale}\n  - filter: {rules: [refusal]}\n"
)
QUIET = Reporter("silent")


@pytest.fixture
def teacher():
    with Asked() as made:
        yield made


def test_a_judge_is_shown_with_its_prompt_reply_scores_tokens_and_cost(teacher, in_tmp):
    made = asking_pipeline(teacher.url, LOAD + SCORE)
    shown = preview_pipeline(made, 3, reporter=QUIET)
    assert shown["stage"] == "score" and not shown["assumed"] and not shown["others"]
    assert [len(preview["rows"]) for preview in shown["previews"]] == [1, 1, 1]
    first = shown["previews"][0]
    assert (
        "Say something about number 0." in first["messages"][0][-1]["content"]
        and "Score:" in first["replies"][0][0]["text"]
    )
    row = first["rows"][0]
    grade = row["row"]["meta"]["scores"]["judge"]
    assert first["replies"][0][0]["text"].endswith(f"Score: {grade}") and row["verdicts"]["score"][
        "keep"
    ] == (grade >= 4)
    assert (shown["prompt_tokens"], shown["completion_tokens"]) == (
        teacher.tokens_in,
        teacher.tokens_out,
    ) and shown["cost_usd"] == pytest.approx(teacher.billed)
    text = preview_text(shown)
    assert (
        "The answer to grade" in text and f"scores.judge: {grade}" in text and dollars(teacher.billed) in text
    )
    run_pipeline(made, RunOptions(until="score"), QUIET)
    assert teacher.requests == 40, "the three that were shown are not asked again"
    assert list(read_rows(Path("data/runs/asking/score/rows.jsonl")))[:3] == [
        preview["rows"][0]["row"] for preview in shown["previews"]
    ]


def test_a_stage_behind_one_that_has_not_run_is_shown_on_what_its_trial_makes(teacher, in_tmp):
    made = asking_pipeline(teacher.url, CHAIN + SCORE)
    shown = preview_pipeline(made, 4, "score", reporter=QUIET)
    assert shown["others"] == ["questions", "worked"] and len(shown["previews"]) == 4
    assert shown["assumed"] == [
        "worked has not run: tried on 4 rows that its own trial made",
        "filter not run either: taken to keep every row",
    ]
    assert "The answer to grade" in shown["previews"][0]["messages"][0][-1]["content"]
    assert preview_text(shown).startswith("note: worked has not run")
    assert not Path("data/runs").exists(), "nothing is published"
    run_pipeline(made, RunOptions(), QUIET)
    again = preview_pipeline(made, 4, "score", reporter=QUIET)
    published = [row["id"] for row in read_rows(Path("data/runs/asking/filter/rows.jsonl"))][:4]
    assert (
        not again["assumed"]
        and [preview["rows"][0]["row"]["id"] for preview in again["previews"]] == published
    )


def test_the_teacher_and_the_judge_of_an_evaluation(teacher, in_tmp):
    made = asking_pipeline(
        teacher.url,
        LOAD
        + (
            "  - split: {test: 10}\n  - evaluate: {models: [teacher], reference: verdict, metrics: "
            "[exact_match, judge: {kind: score}]}\n"
        ),
    )
    shown = preview_pipeline(made, 2, reporter=QUIET)
    assert [preview["asks"] for preview in shown["previews"]] == ["the teacher's answers"] * 2 + ["judge"] * 2
    answers = [preview["replies"][0][0]["text"] for preview in shown["previews"][:2]]
    assert all(
        answer in preview["messages"][0][-1]["content"]
        for answer, preview in zip(answers, shown["previews"][2:], strict=True)
    )
    verdict = shown["previews"][2]["rows"][0]["row"]["judge"]
    assert 0 <= verdict <= 1 and teacher.requests == 4


def test_stages_that_ask_nobody(teacher, in_tmp):
    made = asking_pipeline(teacher.url, LOAD + SCORE)
    with pytest.raises(ConfigError, match="'graded' is a filter stage that asks no teacher"):
        preview_pipeline(made, 1, "graded", reporter=QUIET)
    with pytest.raises(ConfigError, match="asks no teacher"):
        preview_pipeline(asking_pipeline(teacher.url, LOAD), 1, reporter=QUIET)
    assert teacher.requests == 0


def test_the_rows_that_a_run_would_use_are_shown(teacher, in_tmp):
    made = asking_pipeline(teacher.url, LOAD + SCORE)
    run_pipeline(made, RunOptions(), QUIET)
    Path("rows.jsonl").write_text(Path("rows.jsonl").read_text().replace("number 0", "number zero"))
    shown = preview_pipeline(made, 1, reporter=QUIET)
    assert "number zero" in shown["previews"][0]["messages"][0][-1]["content"] and not shown["assumed"]


def test_rows_of_another_run_are_shown(teacher, in_tmp):
    run_pipeline(asking_pipeline(teacher.url, LOAD), RunOptions(), QUIET)
    made = asking_pipeline(teacher.url, "  - score: {input: 'run:asking:load', judge: {kind: score}}\n")
    assert len(preview_pipeline(made, 2, reporter=QUIET)["previews"]) == 2


def test_stages_before_may_read_another_run(teacher, in_tmp):
    run_pipeline(asking_pipeline(teacher.url, LOAD), RunOptions(), QUIET)
    filtered = "  - filter: {input: 'run:NAME:load', rules: [length]}\n"
    made = replace(asking_pipeline(teacher.url, filtered.replace("NAME", "asking") + SCORE), name="second")
    assert len(preview_pipeline(made, 2, reporter=QUIET)["previews"]) == 2
    assert estimate_pipeline(made, 2, reporter=QUIET)["stages"][0]["rows"] > 0
    unknown = replace(asking_pipeline(teacher.url, filtered.replace("NAME", "askin") + SCORE), name="second")
    with pytest.raises(SynthgenError, match="there is no run 'askin'") as told:
        preview_pipeline(unknown, 2, reporter=QUIET)
    assert told.value.exit_code == 2 and told.value.faults[0].next == "did you mean 'asking'?"


def test_nothing_came_of_an_earlier_stage(in_tmp):
    with Asked() as teacher:
        teacher.reply = lambda text, draw: ""
        with pytest.raises(ConfigError, match="nothing came of trying worked"):
            preview_pipeline(
                asking_pipeline(teacher.url, LOAD + "  - generate: {id: worked, task: rationale}\n" + SCORE),
                2,
                "score",
                reporter=QUIET,
            )
