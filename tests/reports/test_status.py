"""status says what became of every stage, also of one that failed, was stopped, or is under way."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from synthgen.core.errors import BudgetReached, EmptyResult, Interrupted, TooManyFailed
from synthgen.core.progress import Reporter
from synthgen.operations.estimate.estimate import estimate_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.reports.money import account, money_lines
from synthgen.reports.status import run_status, status_table
from synthgen.store.ledger.ledger import open_ledger
from tests.operations.asking_bench import Asked, asking_pipeline

QUIET = Reporter("silent")
RUN = Path("data/runs/asking")
LOAD = "  - load: {sources: [rows.jsonl]}\n"
WORK = "  - generate: {id: worked, task: rationale}\n"
REST = "  - filter: {rules: [refusal]}\n  - export: {format: jsonl}\n"


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def teacher():
    with Asked() as made:
        yield made


def run(made, **options):
    return run_pipeline(made, RunOptions(**options), Reporter("silent"))


def states(made):
    report = run_status(RUN, made)
    return (
        {stage["stage"]: stage["state"] for stage in report["stages"]},
        {stage["stage"]: stage for stage in report["stages"]},
        status_table(report),
    )


def test_before_and_after(teacher, in_tmp):
    made = asking_pipeline(teacher.url, LOAD + WORK + REST)
    RUN.mkdir(parents=True)
    state, stage, _ = states(made)
    assert (
        state == {"load": "run", "worked": "waits", "filter": "waits", "export": "waits"}
        and stage["worked"]["why"] == "for load"
    )
    run(made)
    state, stage, text = states(made)
    assert (
        set(state.values()) == {"done"}
        and "in its results: 40 requests" in text
        and "each of 40 kept rows" in text
    )


def test_a_stage_that_failed_says_why_and_what_became_of_its_rows(teacher, in_tmp):
    teacher.reply = lambda text, draw: ""
    made = asking_pipeline(teacher.url, LOAD + WORK + REST)
    with pytest.raises(EmptyResult):
        run(made)
    state, stage, text = states(made)
    assert state == {"load": "done", "worked": "failed", "filter": "waits", "export": "waits"}
    assert (
        stage["worked"]["why"] == "worked: no row was kept (empty 40)"
        and stage["worked"]["exit_code"] == 1
        and stage["worked"]["rerun"] == "failed when it last ran"
    )
    assert (
        stage["worked"]["failed_counts"]["rejected"] == {"empty": 40}
        and stage["filter"]["why"] == "for worked"
    )
    line = next(line for line in text.splitlines() if line.startswith("worked"))
    assert line.split()[:5] == ["worked", "failed", "40", "0", "40"] and line.endswith(
        "no row was kept (empty 40)"
    )
    other = asking_pipeline(
        teacher.url, LOAD + "  - generate: {id: worked, task: rationale, draw: 2}\n" + REST
    )
    assert states(other)[1]["worked"]["why"].endswith("(with other options or input than now)")
    teacher.reply = teacher.say
    run(other)
    state, stage, _ = states(other)
    assert set(state.values()) == {"done"} and stage["worked"]["why"] == "unchanged"


def test_a_run_that_stopped_at_its_budget(teacher, in_tmp):
    made = asking_pipeline(
        teacher.url,
        LOAD + WORK.replace("rationale}", "rationale, sampling: {max_tokens: 99}}") + REST,
        "budget: {requests: 12}\n",
    )
    with pytest.raises(BudgetReached):
        run(made)
    state, stage, text = states(made)
    assert state["worked"] == "stopped" and stage["worked"]["exit_code"] == 3
    assert (
        stage["worked"]["why"].startswith(
            "at 12 of 40; the next request could pass the budget: 12 of 12 requests"
        )
        and "at 12 of 40" in text
    )
    assert stage["worked"]["progress"]["done"] == 12 and state["filter"] == "waits"
    report = run_status(RUN, made, Path("data/ledger"))
    assert (
        report["paid"]["requests"] == 12
        and report["set_aside"] is None
        and "paid by this run, over all its tries: 12 requests" in status_table(report)
    )
    run(made, accept_partial=True)
    assert states(made)[2].count("in its results: 12 requests") == 1


def test_too_many_rows_that_failed(in_tmp):
    from tests.servers.misbehaving import MisbehavingTeacher

    with MisbehavingTeacher({"400": 0.3}, permanent=True) as teacher:
        made = asking_pipeline(teacher.url, LOAD + WORK + REST)
        with pytest.raises(TooManyFailed):
            run(made)
    state, stage, _ = states(made)
    assert (
        state["worked"] == "failed"
        and stage["worked"]["exit_code"] == 4
        and "more than max_failed allows" in stage["worked"]["why"]
    )
    assert stage["worked"]["counts"]["kept"] > 0 and state["filter"] == "run"


def test_an_interrupted_run_says_how_far_it_came(teacher, in_tmp):
    teacher.slowest = 0.2
    made = asking_pipeline(teacher.url, LOAD + WORK + REST)

    def interrupt() -> None:
        while teacher.requests < 10:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(Interrupted):
        run(made)
    state, stage, _ = states(made)
    done = stage["worked"]["progress"]["done"]
    assert state["worked"] == "interrupted" and stage["worked"]["exit_code"] == 143 and 0 < done < 40
    assert stage["worked"]["why"] == f"at {done} of 40; by a signal"


def test_a_process_that_was_killed_leaves_an_interrupted_stage(teacher, in_tmp):
    made = asking_pipeline(teacher.url, LOAD + WORK + REST)
    run(made, until="load")
    log = RUN / "run.log.jsonl"
    log.write_text(
        log.read_text()
        + '{"at":"2026-01-01T00:00:00.000+00:00","event":"run","pid":1}\n'
        + '{"at":"2026-01-01T00:00:01.000+00:00","event":"start","stage":"worked","why":"x"}\n'
        + '{"at":"torn'
    )
    state, stage, _ = states(made)
    assert (
        state["worked"] == "interrupted" and stage["worked"]["why"] == "its process was gone before it ended"
    )
    status = {
        "pid": 1,
        "at": 1767225605.0,
        "stage": "worked",
        "done": 7,
        "total": 40,
        "unit": "rows",
        "failed": 2,
    }
    (RUN / "status.json").write_text(json.dumps(status))
    assert (
        states(made)[1]["worked"]["why"]
        == "at 7 of 40, 2 of them failed; its process was gone before it ended"
    )
    (RUN / "status.json").write_text(json.dumps({**status, "pid": 2}))
    assert states(made)[1]["worked"]["why"] == "its process was gone before it ended", (
        "what another process said counts for nothing"
    )


def test_a_stage_under_way(teacher, in_tmp):
    made = asking_pipeline(teacher.url, LOAD + WORK + REST)
    seen = {}

    def reply(text, draw):
        if teacher.requests == 20 and not seen:
            seen.update(states(made)[0])
        return teacher.say(text, draw)

    teacher.reply = reply
    run(made)
    assert seen == {"load": "done", "worked": "running", "filter": "waits", "export": "waits"}


def test_a_result_that_stands_though_making_it_again_failed(teacher, in_tmp):
    made = asking_pipeline(teacher.url, LOAD + WORK + REST)
    run(made)
    teacher.reply = lambda text, draw: ""
    import shutil

    shutil.rmtree("data/ledger")
    with pytest.raises(EmptyResult):
        run(made, force=("worked",))
    state, stage, _ = states(made)
    assert (
        state["worked"] == "done"
        and stage["worked"]["why"]
        == "its result stands, but making it again failed: worked: no row was kept (empty 40)"
    )


def test_what_was_estimated_stands_beside_what_it_came_to(teacher, in_tmp):
    made = asking_pipeline(teacher.url, LOAD + WORK + "  - score: {judge: {kind: score}}\n")
    foreseen = estimate_pipeline(made, 5, reporter=QUIET)
    run(made, until="worked")
    assert "estimated (with score, not finished yet): 80 (p95 80) requests" in status_table(
        run_status(RUN, made)
    )
    run(made)
    money = run_status(RUN, made)["money"]
    assert [entry["stage"] for entry in money["stages"]] == ["worked", "score"]
    for entry, expected in zip(money["stages"], foreseen["stages"], strict=True):
        assert (
            entry["requests"] == 40
            and entry["estimated"]["requests"]["p95"] == 40
            and entry["estimated"]["cost_usd"] == expected["usd"]
            and not entry["other_options"]
        )
        assert entry["usd_per_kept_row"] == pytest.approx(entry["cost_usd"] / 40)
    total, ledger = money["total"], open_ledger(Path("data/ledger")).stats()
    assert total["cost_usd"] == pytest.approx(ledger["cost_usd"]) == pytest.approx(teacher.billed)
    assert "estimated: 80 (p95 80) requests" in status_table(run_status(RUN, made))
    changed = asking_pipeline(
        teacher.url,
        LOAD + "  - generate: {id: worked, task: rationale, draw: 2}\n  - score: {judge: {kind: score}}\n",
    )
    run(changed)
    assert [entry["other_options"] for entry in run_status(RUN, changed)["money"]["stages"]] == [True, False]
    assert "estimated (with other options than now)" in status_table(run_status(RUN, changed))


def test_what_was_sent_ahead_is_paid_for_too(teacher, in_tmp):
    teacher.slowest = 0.05
    made = asking_pipeline(
        teacher.url,
        "  - generate: {id: questions, task: self_instruct, kind: question, seeds: seeds.jsonl, "
        "num_rows: 40, num_tasks: 10}\n",
    )
    result = run(made)
    requests, usage = result.stages["questions"].requests, result.stages["questions"].usage
    assert (
        requests["planned"] == requests["answered"] == 4
        and requests["planned"] + requests["ahead"] == teacher.requests
    )
    total, ledger = run_status(RUN, made)["money"]["total"], open_ledger(Path("data/ledger")).stats()
    assert total["ahead"]["requests"] == requests["ahead"] > 0 and total["ahead"][
        "cost_usd"
    ] == pytest.approx(usage["ahead"]["cost_usd"])
    assert (
        total["cost_usd"] + total["ahead"]["cost_usd"]
        == pytest.approx(ledger["cost_usd"])
        == pytest.approx(teacher.billed)
    )
    assert total["usd_per_kept_row"] == pytest.approx(teacher.billed / 40)
    text = status_table(run_status(RUN, made))
    assert (
        f"sent ahead and not needed, kept in the ledger: {requests['ahead']} requests" in text
        and f"together: {teacher.requests} requests" in text
    )


def test_amounts_below_a_cent_are_told():
    stage = {
        "stage": "worked",
        "writes": "rows",
        "counts": {"kept": 4},
        "requests": {"planned": 5, "unsent": 1},
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "cost_usd": 0.0012},
    }
    assert money_lines(account([stage], None)) == [
        "replies in its results: 4 requests, 30 tokens, $0.0012, $0.00030 for each of 4 kept rows"
    ]


def shown(stages, live=None, columns=80):
    """What `status` prints of stages that are given by their state and why."""
    return status_table(
        {
            "run": "r",
            "folder": "data/runs/r",
            "live": live,
            "stages": [{"stage": name, "state": state, "why": why} for name, state, why in stages],
            "dataset": None,
            "money": account([], None),
            "ledger": False,
            "paid": None,
            "set_aside": None,
            "scores": [],
            "shards": [],
            "unchecked": "",
        }
    )


def test_no_column_is_empty_and_no_reason_makes_the_table_tall(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = shown([("load", "done", "unchanged")])
    assert text.splitlines()[2].split() == ["stage", "state", "in", "kept", "rejected", "failed"]
    line = "worked 3/40 · 2 rows/s"
    text = shown([("load", "done", "unchanged"), ("worked", "running", line)], {"line": line})
    assert text.count(line) == 1 and f"at work now: {line}" in text
    long = "at 12 of 40; the next request could pass the budget: 12 of 12 requests, as the pipeline says " * 2
    lines = shown([("worked", "stopped", long.strip()), ("filter", "waits", "for worked")]).splitlines()
    assert lines[5] == "" and lines[6].startswith("worked: at 12 of 40; ")
    assert lines[7] == "filter: waits for worked" and lines[3].split() == ["worked", "stopped"]
