"""--dry-run: which option changed from what to what, how many calls that means, and nobody is asked."""

from pathlib import Path

import pytest

from synthgen.core.progress import Reporter
from synthgen.core.text import width
from synthgen.operations.dry_run import dry_run, dry_run_text
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from tests.operations.asking_bench import Asked, asking_pipeline

STAGES = (
    "  - load: {sources: [rows.jsonl]}\n"
    "  - generate: {id: worked, task: rationale, sampling: {temperature: T}}\n"
)


@pytest.fixture
def teacher():
    with Asked() as made:
        yield made


def test_a_changed_option_is_told_with_its_calls_and_their_price(teacher, in_tmp):
    made = asking_pipeline(teacher.url, STAGES.replace("T", "0.5"))
    plan = dry_run(made, RunOptions())
    assert [stage["state"] for stage in plan] == ["run", "waits"]
    assert plan[1]["calls"]["calls"] is None and not Path("data/runs").exists()
    run_pipeline(made, RunOptions(), Reporter("silent"))
    asked = teacher.requests
    assert [stage["calls"] for stage in dry_run(made, RunOptions())] == [None, None]
    plan = dry_run(asking_pipeline(teacher.url, STAGES.replace("T", "0.7")), RunOptions())
    assert plan[1]["changes"] == [{"option": "sampling.temperature", "from": 0.5, "to": 0.7}]
    assert plan[1]["calls"]["calls"] == asked and plan[1]["calls"]["usd"] == pytest.approx(teacher.billed)
    text = dry_run_text(plan)
    assert "sampling.temperature: 0.5 -> 0.7" in text and f"{asked} new calls, about $" in text
    assert max(map(width, text.splitlines())) <= 80 and teacher.requests == asked


def test_what_the_ledger_has_is_not_asked_again(teacher, in_tmp):
    made = asking_pipeline(teacher.url, STAGES.replace("T", "0.5"))
    run_pipeline(made, RunOptions(limit=10), Reporter("silent"))
    run_pipeline(made, RunOptions(until="load"), Reporter("silent"))
    calls = dry_run(made, RunOptions())[1]["calls"]
    assert (calls["calls"], calls["known"], calls["of"]) == (30, 10, 40)
    assert dry_run(made, RunOptions(force=("load",)))[0]["why"] == "forced"
