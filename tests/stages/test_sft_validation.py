"""Validation rows: a student is measured on them while it trains, by loss or by accuracy."""

import pytest

from synthgen.core.errors import ConfigError
from synthgen.store.jsonl import read_log, write_rows
from synthgen.training.checkpoints import all_checkpoints
from tests.stages.sft_bench import STEPS, Bench, rows

pytestmark = pytest.mark.slow


def test_validation_rows_with_completions_are_measured_by_loss_and_stop_early(tmp_path):
    bench = Bench(tmp_path, early_stopping={"patience": 2, "min_gain": 100}, measure_every=3, epochs=4)
    bench.validation = bench.folder / "validation.jsonl"
    write_rows(bench.validation, rows(20, seed=9))
    outcome = bench.run()
    measured = [
        entry for entry in read_log(bench.folder / "out" / "metrics.jsonl") if "validation_loss" in entry
    ]
    assert [entry["step"] for entry in measured] == [0, 3, 6, 9]
    noted = [note for note in bench.noted if note.startswith("measured")]
    assert noted == [f"measured {done}/20 validation rows" for done in (8, 16, 20)] * 4
    assert outcome.extra["training"]["at step"] == 3
    best = all_checkpoints(bench.work / "checkpoints")[0]
    assert best.name == "checkpoint-3"
    assert (best / "model.safetensors").read_bytes() == (
        bench.folder / "out" / "model" / "model.safetensors"
    ).read_bytes()
    before = bench.bytes()
    bench.run()  # killed after its end and before it was published
    assert bench.bytes() == before


def test_validation_rows_with_references_only_are_measured_by_accuracy(tmp_path):
    bench = Bench(tmp_path, epochs=1, measure_every=6)
    bench.validation = bench.folder / "validation.jsonl"
    write_rows(bench.validation, rows(5, seed=9, solved=False))
    bench.run()
    measured = [
        entry["validation_accuracy"]
        for entry in read_log(bench.folder / "out" / "metrics.jsonl")
        if "validation_accuracy" in entry
    ]
    assert len(measured) == 3 and all(0 <= value <= 1 for value in measured)
    assert "measured 0/5 validation rows" in bench.noted


def test_validation_rows_with_neither_are_refused(tmp_path):
    bench = Bench(tmp_path)
    bench.validation = bench.folder / "validation.jsonl"
    write_rows(bench.validation, [{"id": "v", "instruction": "Why?"}])
    with pytest.raises(ConfigError, match="0 a reference"):
        bench.run()


def test_early_stopping_without_validation_rows_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="needs validation rows"):
        Bench(tmp_path, early_stopping={}).run()


def test_the_best_measurement_becomes_the_model_without_stopping_early(tmp_path):
    bench = Bench(
        tmp_path, epochs=2, measure_every=3, learning_rate=0.05, schedule="constant", publish="best"
    )
    bench.validation = bench.folder / "validation.jsonl"
    write_rows(bench.validation, rows(20, seed=9))
    outcome = bench.run()
    losses = {
        entry["step"]: entry["validation_loss"]
        for entry in read_log(bench.folder / "out" / "metrics.jsonl")
        if "validation_loss" in entry
    }
    best = outcome.extra["training"]["at step"]
    assert outcome.extra["training"]["steps"] == max(losses) == STEPS
    assert losses[best] == min(loss for step, loss in losses.items() if step) and 0 in losses
    kept = bench.work / "checkpoints" / f"checkpoint-{best}" / "model.safetensors"
    assert kept.read_bytes() == (bench.folder / "out" / "model" / "model.safetensors").read_bytes()


def test_the_best_measurement_needs_validation_rows(tmp_path):
    with pytest.raises(ConfigError, match="student: publish: best needs validation rows"):
        Bench(tmp_path, publish="best").run()
