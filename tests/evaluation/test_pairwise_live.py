"""Pairs before a judge behind HTTP: the budget holds, replies are kept, and nothing is asked twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from synthgen.core import registry
from synthgen.core.errors import BudgetReached
from synthgen.core.progress import Reporter
from synthgen.dispatch.session import open_sessions
from synthgen.evaluation.pairwise import Comparison, Pair, compare_pairs
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


def compared(folder: Path, url: str, requests: int | None, partial: bool = False) -> Comparison:
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
        return compare_pairs(
            sessions.open(""), asking, [PAIR], ROWS, stage="evaluate", accept_partial=partial
        )


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
        assert whole.account.requests == {"planned": 20, "answered": 20, "failed": {}, "unsent": 0}
        assert compared(tmp_path, server.url, None).pairs == whole.pairs and server.requests == 40
