"""keep: models of earlier measurements stay beside the last one, the same after a kill, by full and lora."""

import os
import signal
import subprocess
import sys

import orjson
import pytest
from safetensors.numpy import load_file

from synthgen.core.errors import Interrupted
from synthgen.store.jsonl import read_log, write_rows
from synthgen.training.checkpoints import all_checkpoints
from synthgen.training.kept import snapshots_folder
from tests.stages.sft_bench import Bench, rows

pytestmark = pytest.mark.slow

CONSTANT = {"schedule": "constant", "warmup": 0.0, "epochs": 2, "save_every": 5}
"""12 steps an epoch, which come out the same whether or not another epoch follows."""


def same(first, second):
    one, two = load_file(first / "model.safetensors"), load_file(second / "model.safetensors")
    return one.keys() == two.keys() and all((one[name] == two[name]).all() for name in one)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Measured at 4, 8 … 24, of which 24 is the model."""
    bench = Bench(tmp_path_factory.mktemp("kept"), keep=3, measure_every=4, **CONSTANT)
    bench.outcome = bench.run()
    return bench


def test_the_newest_models_before_the_last_one_stay_and_the_manifest_lists_them(kept):
    out = kept.folder / "out"
    listed = kept.outcome.extra["checkpoints"]
    assert [(one["step"], one["folder"]) for one in listed] == [
        (step, f"checkpoints/step-{step}") for step in (12, 16, 20)
    ]
    tokens = {entry["step"]: entry["tokens"] for entry in read_log(out / "metrics.jsonl")}
    assert [one["tokens"] for one in listed] == [tokens[step] for step in (12, 16, 20)]
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == ["step-12", "step-16", "step-20"]
    files = {path.name for path in (out / "checkpoints/step-12").iterdir()}
    assert files == {path.name for path in (out / "model").iterdir()}
    assert "# student, step 12" in (out / "checkpoints/step-12/README.md").read_text()


def test_a_kept_model_is_what_a_shorter_training_makes_and_can_be_trained_on(kept, tmp_path):
    shorter = Bench(tmp_path / "shorter", **{**CONSTANT, "epochs": 1})
    shorter.run()
    step_12 = kept.folder / "out" / "checkpoints" / "step-12"
    assert same(step_12, shorter.folder / "out" / "model")
    assert not same(step_12, kept.folder / "out" / "model")
    further = Bench(tmp_path / "further", **{**CONSTANT, "epochs": 0.5, "student": {"model": str(step_12)}})
    assert further.run().extra["training"]["steps"] == 6


def test_keep_changes_nothing_else(kept, tmp_path):
    plain = Bench(tmp_path, **{**CONSTANT, "measure_every": 4})
    plain.run()
    assert same(plain.folder / "out" / "model", kept.folder / "out" / "model")
    assert not (plain.folder / "out" / "checkpoints").exists()


KILLED = """
import os, signal, sys
from tests.stages.sft_bench import Bench
from tests.stages.test_sft_keep import CONSTANT
bench = Bench(sys.argv[1], keep=3, measure_every=4, **CONSTANT)
counted = bench.stop_at(19, 1)
bench.run(stopping=lambda: os.kill(os.getpid(), signal.SIGKILL) if counted() else 0)
"""


def test_after_kill_9_the_same_models_are_kept(kept, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    snapshots = snapshots_folder(tmp_path / "work")
    assert [path.name for path in all_checkpoints(snapshots)][-1] == "checkpoint-16"
    torn = snapshots / ".checkpoint-20" / "model-00001-of-00002.safetensors"
    torn.parent.mkdir()  # as a kill within its writing leaves it
    torn.write_bytes(b"torn")
    bench = Bench(tmp_path, keep=3, measure_every=4, **CONSTANT)
    bench.run()
    assert any("continuing from step 15" in line for line in bench.heard)
    assert bench.bytes() == kept.bytes()


def test_adapters_are_kept_merged_and_alone(tmp_path):
    lora = {**CONSTANT, "method": "lora", "lora": {"rank": 2}}
    longer, shorter = Bench(tmp_path / "longer", keep=1, **lora), Bench(tmp_path / "shorter", **lora)
    shorter.options["epochs"] = 1
    plain = Bench(tmp_path / "plain", **lora)
    for bench in (longer, shorter, plain):
        bench.run()
    folder = longer.folder / "out" / "checkpoints" / "step-12"
    assert same(folder, shorter.folder / "out" / "model")
    one, two = (
        load_file(path / "adapter" / "adapter_model.safetensors") for path in (folder, shorter.folder / "out")
    )
    assert all((one[name] == two[name]).all() for name in one)
    assert same(longer.folder / "out" / "model", plain.folder / "out" / "model")


def test_the_best_measurement_is_the_model_and_not_kept_twice(tmp_path):
    bench = Bench(
        tmp_path, keep=3, measure_every=3, epochs=4, early_stopping={"patience": 2, "min_gain": 100}
    )
    bench.validation = bench.folder / "validation.jsonl"
    write_rows(bench.validation, rows(20, seed=9))
    with pytest.raises(Interrupted):
        bench.run(stopping=bench.stop_at(7, signal.SIGTERM))
    outcome = bench.run()
    assert outcome.extra["training"]["at step"] == 3
    losses = {
        entry["step"]: entry["validation_loss"]
        for entry in read_log(bench.folder / "out" / "metrics.jsonl")
        if "validation_loss" in entry
    }
    listed = [(one["step"], one["validation_loss"]) for one in outcome.extra["checkpoints"]]
    assert listed == [(6, losses[6]), (9, losses[9])]
    assert orjson.dumps(outcome.extra["checkpoints"])


def test_a_training_that_ends_before_its_first_measurement_says_that_nothing_was_kept(tmp_path):
    bench = Bench(tmp_path, rows(8), keep=2, measure_every=100, epochs=1)
    outcome = bench.run()
    assert outcome.extra["checkpoints"] == [] and not (tmp_path / "out" / "checkpoints").exists()
    (line,) = (line for line in bench.heard if "kept nothing" in line)
    assert line.startswith("student: keep: 2 kept nothing: of 1 steps, measured every 100 steps")
