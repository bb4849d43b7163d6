"""The figures of a table of sizes and speeds, and which batches are tried."""

from typing import Any

import pytest

from synthgen.evaluation import speed
from synthgen.evaluation.generation import GeneratedReply
from synthgen.evaluation.speed_table import best_batch, speed_lines, usd_per_million

FIGURES = {
    "device": "cpu",
    "first_token_seconds": 0.0123,
    "peak_memory_bytes": 431_000_000,
    "batches": [
        {"batch": 1, "tokens_per_second": 100.0, "answers_per_second": 10.0},
        {"batch": 2, "tokens_per_second": 300.0, "answers_per_second": 25.0},
        {"batch": 4, "tokens_per_second": 310.0, "answers_per_second": 24.0},
    ],
}
SIZES = {
    "models": {
        "base": {"parameters": 1_200_000, "bytes": 4_800_000},
        "big": {"parameters": None, "bytes": None},
    },
    "teacher": {"usd_per_million": 120.0, "prompt_tokens": 80.4, "completion_tokens": 200.0},
}
SPEED = {
    "models": {"base": {**FIGURES, "usd_per_million": 4.0}, "big": {"failed": "no memory"}},
    "usd_per_hour": 0.36,
    "machine": {"cores": 2, "device": "cpu"},
    "questions": 32,
    "max_new_tokens": 64,
}


def test_the_price_is_by_the_batch_that_answers_most():
    assert best_batch(FIGURES)["batch"] == 2
    assert usd_per_million(FIGURES, 0.36) == pytest.approx(4.0)
    assert usd_per_million(FIGURES, None) is None and usd_per_million({"failed": "x"}, 1.0) is None


def test_the_table():
    assert "\n".join(speed_lines(SIZES, SPEED)).splitlines() == [
        "model      weights  disk  memory  first token  tok/s  best (batch)  1M answers",
        "base     1,200,000  5 MB  431 MB        12 ms    100       300 (2)       $4.00",
        "big              –     –       –            –      –             –           –",
        "teacher          –     –       –            –      –             –     $120.00",
        "",
        "big: not measured: no memory",
        "a million answers at $0.36 an hour for this machine, in the best batch",
        "the teacher's: 80 tokens of prompt and 200 of reply a question, at its price",
        "on cpu, 2 cores; 32 test questions, answers of at most 64 tokens",
    ]


class Model:
    """Answers every prompt with three tokens; a batch takes `cost(size)` seconds of the clock."""

    device = "cpu"

    def __init__(self, cost):
        self.cost, self.now, self.asked = cost, 0.0, []

    def answer(self, prompts, decoding):
        self.asked.append((len(prompts), decoding.batch_size))
        for start in range(0, len(prompts), decoding.batch_size):
            batch = prompts[start : start + decoding.batch_size]
            self.now += self.cost(len(batch))
            yield list(range(len(batch))), [GeneratedReply("x", "stop", 3) for _ in batch]


def tried(monkeypatch, cost, most=64, seconds=1e9):
    model: Any = Model(cost)
    monkeypatch.setattr("time.perf_counter", lambda: model.now)
    asked = speed.Measurement(path="", tokenizer="", prompts=[], max_new_tokens=9, most=most, seconds=seconds)
    from synthgen.evaluation.generation import Decoding

    return model, speed._batches(model, [[1]] * 6, asked, lambda tokens, size: Decoding(tokens, size))


def test_batches_double_while_that_is_faster(monkeypatch):
    model, batches = tried(monkeypatch, lambda size: 1.0 if size <= 8 else size / 4)
    assert [one["batch"] for one in batches] == [1, 2, 4, 8, 16]
    assert [one["answers_per_second"] for one in batches] == [1, 2, 4, 8, 4]
    assert batches[3]["tokens_per_second"] == 32  # with the token that ends an answer
    assert model.asked[-1] == (32, 16), "batches are full, though there are only six prompts"


def test_no_larger_batch_than_was_said_and_none_after_the_time(monkeypatch):
    assert [one["batch"] for one in tried(monkeypatch, lambda size: 1.0, most=4)[1]] == [1, 2, 4]
    assert [one["batch"] for one in tried(monkeypatch, lambda size: 1.0, seconds=8.5)[1]] == [1, 2]


def test_the_peak_of_memory_is_this_programs_own():
    import subprocess
    import sys

    held = bytearray(300_000_000)
    for place in range(0, len(held), 4096):
        held[place] = 1
    code = "from synthgen.evaluation.speed import peak_memory; print(peak_memory())"
    child = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert child < 200_000_000 and len(held) < speed.peak_memory()
