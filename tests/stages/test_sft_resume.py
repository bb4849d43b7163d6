"""Training that was stopped, killed with -9, or left with torn checkpoints ends in the same bytes."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from synthgen.core.errors import Interrupted
from synthgen.store.jsonl import read_log
from synthgen.training.checkpoints import all_checkpoints
from tests.stages.sft_bench import STEPS, Bench

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("undisturbed"))
    bench.run()
    return bench


def test_a_signal_leaves_a_checkpoint_from_which_the_same_bytes_come(undisturbed, tmp_path):
    bench = Bench(tmp_path)
    with pytest.raises(Interrupted) as caught:
        bench.run(stopping=bench.stop_at(9, signal.SIGTERM))
    assert caught.value.exit_code == 143
    assert [path.name for path in all_checkpoints(bench.work / "checkpoints")] == [
        "checkpoint-6",
        "checkpoint-9",
    ]
    bench.run()
    assert any("continuing from step 9" in line for line in bench.heard)
    assert bench.bytes() == undisturbed.bytes()


KILLED = """
import os, signal, sys
from tests.stages.sft_bench import Bench
bench = Bench(sys.argv[1])
counted = bench.stop_at(16, 1)
bench.run(stopping=lambda: os.kill(os.getpid(), signal.SIGKILL) if counted() else 0)
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder in which training was killed with -9 after step 16, with checkpoints of steps 6 and 12."""
    folder = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(list(read_log(folder / "work" / "metrics.jsonl"))) >= 15
    return folder


def resumed(killed, tmp_path, tear=None):
    folder = tmp_path / "copy"
    shutil.copytree(killed, folder)
    if tear:
        tear(folder / "work" / "checkpoints" / "checkpoint-12")
    bench = Bench(folder)
    bench.run()
    return bench


@pytest.mark.slow
def test_after_kill_9_the_same_call_gives_the_same_bytes(killed, undisturbed, tmp_path):
    bench = resumed(killed, tmp_path)
    assert any("continuing from step 12" in line for line in bench.heard)
    assert bench.bytes() == undisturbed.bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "tear",
    [
        lambda folder: (folder / "optimizer.pt").unlink(),
        lambda folder: (folder / "model.safetensors").write_bytes(
            (folder / "model.safetensors").read_bytes()[:1000]
        ),
        lambda folder: (folder / "COMPLETE").unlink(),
    ],
    ids=["no optimizer state", "cut weights", "not finished"],
)
def test_a_torn_checkpoint_is_seen_and_the_one_before_it_used(killed, undisturbed, tmp_path, tear):
    bench = resumed(killed, tmp_path, tear)
    assert any("checkpoint-12 cannot be used" in line for line in bench.heard)
    assert any("continuing from step 6" in line for line in bench.heard)
    assert bench.bytes() == undisturbed.bytes()


def test_a_run_that_was_killed_after_its_last_step_gives_the_same_bytes(undisturbed, tmp_path):
    bench = Bench(tmp_path)
    bench.run()
    bench.run("again")
    assert any(f"continuing from step {STEPS}" in line for line in bench.heard)
    assert bench.bytes("again") == bench.bytes() == undisturbed.bytes()


@pytest.mark.parametrize("options", [{"epochs": 0.5}, {"epochs": 1, "trainer": {"max_steps": 7}}], ids=str)
def test_a_training_that_was_done_is_not_trained_further(options, tmp_path):
    bench = Bench(tmp_path, schedule="constant", warmup=0.0, **options)
    bench.run("out")
    first = bench.bytes("out")
    bench.run("again")  # as if the process had died between the last checkpoint and the end of the stage
    assert bench.bytes("again") == first
