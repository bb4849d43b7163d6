"""Two processes learn from preferences as one does, also where one goes on with what the other began."""

import os
import signal
from contextlib import suppress

import psutil
import pytest
from safetensors.numpy import load_file

from synthgen.core.errors import Interrupted
from synthgen.store.jsonl import read_log
from synthgen.training.checkpoints import COMPLETE
from synthgen.training.processes.job import RankFailed
from tests.stages.prefer_bench import Bench, labelled, pairs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # ranks take a while to start


def check_same(one, two):
    """Weights, curve, measurements and files of two benches."""
    file = "out/model/model.safetensors"
    first, second, start = (load_file(path) for path in (one.folder / file, two.folder / file, *_start(one)))
    assert max(abs(first[name] - start[name]).max() for name in start) > 1e-3
    assert max(abs(first[name] - second[name]).max() for name in first) <= 1e-6
    curves = [list(read_log(bench.folder / "out/metrics.jsonl")) for bench in (one, two)]
    for before, after in zip(*curves, strict=True):
        assert after == pytest.approx(before, rel=1e-3, abs=1e-4)
    held = [bench.outcome.extra["held_out"] for bench in (one, two)]
    assert held[0]["rows"] == held[1]["rows"]
    for when in ("start", "end"):
        assert held[1][when] == pytest.approx(held[0][when], rel=1e-3, abs=1e-5)
    assert one.bytes().keys() == two.bytes().keys()


def _start(bench):
    return (bench.start.file / "model.safetensors",)


def test_pairs_are_learned_on_by_one_process_after_a_kill_of_one_of_two(tmp_path):
    options = {
        **{"method": "lora", "sft_weight": 0.5, "learning_rate": 2e-3, "batch_size": 4},
        **{"gradient_accumulation": 2, "epochs": 12, "save_every": 2},
    }
    one, two = Bench(tmp_path / "one", pairs(37), **options), Bench(tmp_path / "two", pairs(37), **options)
    one.outcome = one.run()

    def kill_one():
        if any((two.work / "checkpoints").glob(f"checkpoint-*/{COMPLETE}")):
            for child in psutil.Process().children():
                with suppress(psutil.Error, KeyError):
                    if child.environ()["RANK"] == "1":
                        os.kill(child.pid, signal.SIGKILL)
        return 0

    two.options["processes"] = 2
    with pytest.raises(RankFailed, match="rank 1 of 2 was killed by signal 9"):
        two.run(stopping=kill_one)
    two.options["processes"] = None
    two.outcome = two.run()
    assert any("continuing from step" in line for line in two.heard)
    check_same(one, two)


def test_single_answers_are_learned_on_by_two_processes_with_the_start_that_the_first_had(tmp_path):
    made, options = labelled(pairs(19)), {"loss": "kto", "good_weight": 1.5}
    one, two = Bench(tmp_path / "one", made, **options), Bench(tmp_path / "two", made, **options)
    one.outcome = one.run()
    with pytest.raises(Interrupted):
        two.run(stopping=two.stop_at(3, signal.SIGTERM))
    two.options["processes"] = 2
    two.outcome = two.run()
    assert any("continuing from step 3" in line for line in two.heard)
    assert two.outcome.extra["training"]["processes"] == 2
    check_same(one, two)
