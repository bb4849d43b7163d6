"""A viewer as its users start it: a process of its own, over a real run folder."""

import os
import signal
import subprocess
import sys

import orjson
import pytest

from synthgen.core.rows import rejected
from tests.reports.made_runs import stage, worked


def hostile(number):
    return {
        **worked(number),
        "id": f"h{number:03d}",
        "instruction": "<script>window.hit=1</script><img src=x onerror=window.hit=2>",
        "output": '"></pre><svg onload=window.hit=4><a href="javascript:window.hit=5">x</a>\u202eabc\x1b[31m',
    }


@pytest.fixture
def run(tmp_path):
    """A run of one's own."""
    return made_run(tmp_path / "runs" / "made")


def made_run(folder):
    """A run with a filter: 9 kept rows, of which one is hostile, and 3 rejected ones."""
    kept = [worked(number) for number in range(8)] + [hostile(8)]
    twice = {**worked(0), "id": "b000-2", "output": "Seven. The answer is 7.", "final_answer": "7"}
    dropped = [
        rejected(twice, stage="filter", rule="answer_match", value="7", threshold="1"),
        rejected(worked(10), stage="filter", rule="run_on", value=3),
        rejected({**worked(11), "id": "d1"}, stage="filter", rule="exact", matched_id="b001", score=1.0),
    ]
    stage(
        folder,
        "filter",
        "filter",
        "rows",
        {"rows.jsonl": kept, "rejected.jsonl": dropped},
        counts={"in": 12, "kept": 9, "rejected": {"answer_match": 1, "run_on": 1, "exact": 1}, "failed": {}},
    )
    answers = {
        "base": {"text": "1", "right": False, "parsed": "1"},
        "student": {"text": "3", "right": True, "parsed": "3"},
    }
    stage(
        folder,
        "evaluate",
        "evaluate",
        "metrics",
        {"answers.jsonl": orjson.dumps({"id": "a001", "reference": "3", "answers": answers}) + b"\n"},
    )
    return folder


class Started:
    """A viewer process, and its address with the token."""

    def __init__(self, *arguments):
        self.target = arguments[0]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "synthgen", "view", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.address = self.process.stdout.readline().strip()
        self.base, _, self.token = self.address.partition("/?token=")

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.communicate(timeout=20)


@pytest.fixture
def start():
    started = []

    def begin(*arguments):
        started.append(Started(*arguments))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.stop(signal.SIGKILL)
