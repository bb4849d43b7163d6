"""Pairs before a judge behind HTTP: the budget holds, replies are kept, and nothing is asked twice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from synthgen.core import registry
from synthgen.core.errors import BudgetReached
from synthgen.core.progress import Reporter
from synthgen.dispatch.session import open_sessions
from synthgen.evaluation.asking import Failure
from synthgen.evaluation.pairwise import Comparison, Pair, compare_pairs
from synthgen.evaluation.pairwise_report import comparison_lines, comparison_rows, pairwise_report
from synthgen.tasks.judge import Judge, JudgeConfig
from synthgen.teachers.config import Budget, Limits, Sampling
from tests.evaluation.test_pairwise import model
from tests.stages.chat_server import ChatServer

NUMBERS = range(20)
ROWS = [{"id": f"r{number}", "instruction": f"Double {number}."} for number in NUMBERS]
PAIR = Pair(
    model("one", "student", *[f"It is {2 * number}." for number in NUMBERS]),
    model("base", "base", *[f"It is {number}, I am sure." for number in NUMBERS]),
)


def says(text: str, draw: random.Random) -> str:
    """The longer answer; one that orders a verdict is not obeyed, since a judge's words alone are read."""
    first, _, second = text.partition("Answer A:\n")[2].partition("\n\nAnswer B:\n")
    return f"Reason: length.\nVerdict: {'A' if len(first) > len(second.partition(chr(10))[0]) else 'B'}"


def compared(
    folder: Path, url: str, requests: int | None, partial: bool = False, pairs: Sequence[Pair] = (PAIR,)
) -> Comparison:
    judge = registry.find("teacher", "openai").Config(
        provider="openai",
        model="judge-1",
        base_url=url,
        limits=Limits(concurrency=4),
        sampling=Sampling(max_tokens=50),
    )
    with open_sessions(
        {"": judge},
        ledger_dir=folder / "ledger",
        run="r",
        budget=Budget(requests=requests) if requests else None,
        reporter=Reporter("silent"),
        stopping=lambda: 0,
    ) as sessions:
        asking = Judge(JudgeConfig(kind="pairwise", against=""), 0)
        return compare_pairs(sessions.open(""), asking, pairs, ROWS, stage="evaluate", accept_partial=partial)


def test_a_budget_a_rest_and_a_rerun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-needed-here")
    with ChatServer(says) as server:
        with pytest.raises(BudgetReached):
            compared(tmp_path, server.url, 30)
        assert server.requests == 30
        partial = compared(tmp_path, server.url, 30, partial=True)
        (_, found), *_ = partial.pairs
        assert server.requests == 30 and 0 < len(partial.failed) < 20
        assert {one.why for one in found if one.outcome is None} == {"budget"}

        whole = compared(tmp_path, server.url, None)
        assert server.requests == 40 and whole.failed == {}
        assert {one.outcome for one in whole.pairs[0][1]} == {"lost"}
        assert whole.account.requests == {"planned": 40, "answered": 40, "failed": {}, "unsent": 0}
        assert compared(tmp_path, server.url, None).pairs == whole.pairs and server.requests == 40


def test_what_a_judge_refuses_is_counted_by_comparison_question_and_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two students say the same, so one refusal is about two comparisons; one order alone is refused, too."""
    monkeypatch.setenv("OPENAI_API_KEY", "not-needed-here")
    twin = Pair(model("two", "student", *[one.text for one in PAIR.model.answers]), PAIR.than)

    def refuse(text: str) -> str:
        swapped = "Answer A:\nIt is 9, I am sure." in text
        return "this prompt breaks our policy" if "Double 7." in text or swapped else ""

    with ChatServer(says, refuse=refuse) as server:
        found = compared(tmp_path, server.url, None, pairs=[PAIR, twin])
    assert found.failed == dict.fromkeys((7, 9), Failure("http_400", "this prompt breaks our policy"))
    assert found.account.requests == {"planned": 39, "answered": 37, "failed": {"http_400": 2}, "unsent": 0}
    report = pairwise_report(found, "judge-1", ROWS)
    assert [one["no_reply"] for one in report["pairs"]] == [{"http_400": 2}] * 2
    assert report["questions_without_reply"] == 2
    last = comparison_lines({"pairwise": report})[-1]
    assert last.startswith("4 of 40 comparisons, on 2 questions, are left out") and "(http_400 4)" in last
    written = [row for row in comparison_rows(found, ROWS) if row["outcome"] == "http_400"]
    assert [row["id"] for row in written] == ["r7", "r9"] * 2
    assert {row["words"] for row in written} == {"this prompt breaks our policy"}
