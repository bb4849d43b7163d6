"""Two processes make what one makes: by adapters, and where validation rows end the training."""

import json

import pytest
from safetensors.numpy import load_file

from synthgen.core.errors import StageFailed
from synthgen.store.jsonl import read_log, write_rows
from tests.stages.sft_bench import Bench, rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # ranks take a while to start


def both(tmp_path, number, validation=None, **options):
    """One process's bench and that of two, both trained."""
    made = []
    for name, processes in (("one", None), ("two", 2)):
        bench = Bench(tmp_path / name, rows(number), processes=processes, **options)
        if validation:
            bench.validation = bench.folder / "validation.jsonl"
            write_rows(bench.validation, validation)
        bench.outcome = bench.run()
        made.append(bench)
    return made


def apart(one, two, file="model/model.safetensors"):
    first, second = (load_file(bench.folder / "out" / file) for bench in (one, two))
    assert first.keys() == second.keys()
    return max(abs(first[name] - second[name]).max() for name in first)


def test_adapters_are_merged_and_kept_as_by_one_process(tmp_path):
    one, two = both(tmp_path, 24, method="lora", lora={"rank": 4}, keep=1)
    assert apart(one, two) <= 1e-6
    assert apart(one, two, "checkpoints/step-3/model.safetensors") <= 1e-6
    assert apart(one, two, "adapter/adapter_model.safetensors") <= 1e-6
    first, second = (
        json.loads((bench.folder / "out" / "adapter" / "adapter_config.json").read_text())
        for bench in (one, two)
    )
    assert {**first, "target_modules": 0} == {**second, "target_modules": 0}
    assert sorted(first["target_modules"]) == sorted(second["target_modules"])
    assert one.bytes().keys() == two.bytes().keys()


def test_the_best_of_the_measured_models_is_kept_as_by_one_process(tmp_path):
    early = {"patience": 2, "min_gain": 100}
    one, two = both(tmp_path, 32, rows(6, seed=9), early_stopping=early, measure_every=2, epochs=3)
    curves = [list(read_log(bench.folder / "out" / "metrics.jsonl")) for bench in (one, two)]
    assert [entry["step"] for entry in curves[0]] == [entry["step"] for entry in curves[1]]
    measured = [
        [entry["validation_loss"] for entry in curve if "validation_loss" in entry] for curve in curves
    ]
    assert measured[0] == pytest.approx(measured[1], rel=1e-5) and len(measured[0]) == 4
    assert two.outcome.extra["training"]["at step"] == 2
    assert apart(one, two) <= 1e-6


def test_an_error_within_training_is_that_of_one_process(tmp_path):
    with pytest.raises(StageFailed, match="lower learning_rate"):
        Bench(tmp_path / "two", rows(16), processes=2, learning_rate=1e30).run()
