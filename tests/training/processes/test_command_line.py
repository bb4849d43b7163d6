"""Two real processes (gloo) through the command line: what they make, and what signals and kills leave."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest
from safetensors.numpy import load_file

from synthgen.store.jsonl import read_rows
from synthgen.training.checkpoints import COMPLETE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # ranks take a while to start

ROWS, EPOCHS, BATCH = 48, 10, 8
STEPS = ROWS // BATCH * EPOCHS
PIPELINE = """
name: p
teacher: {provider: builtin, base_url: "URL", limits: {concurrency: 8}}
stages:
  - load: {sources: [questions.jsonl]}
  - generate: {task: rationale}
  - sft:
      id: student
      student: {init: {hidden_size: 16, layers: 1, heads: 2, vocab_size: 400, positions: 256}}
      completion: rationale_then_answer
      epochs: 10
      batch_size: 8
      learning_rate: 2e-3
      max_length: 256
      threads: 1
      save_every: 4
"""
SYNTHGEN = [sys.executable, "-m", "synthgen"]
TORCHRUN = [
    *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
    *("-m", "synthgen"),
]


class Place:
    """A folder with a pipeline, a ledger, and a folder for each run of it."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        (folder / "p.yaml").write_text(PIPELINE.replace("URL", url))
        from tests.stages.sft_bench import rows

        questions = [{"instruction": row["instruction"]} for row in rows(ROWS, solved=False)]
        (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))

    def start(self, name, *options, launcher=SYNTHGEN, ledger="ledger"):
        command = ["run", "p.yaml", "--runs", name, "--ledger", ledger]
        return subprocess.Popen(
            [*launcher, *command, *options],
            cwd=self.folder,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, name, *options, **how):
        process = self.start(name, *options, **how)
        _, errors = process.communicate(timeout=500)
        assert process.returncode == 0, errors
        return errors

    def weights(self, name):
        return load_file(self.folder / name / "p" / "student" / "model" / "model.safetensors")

    def files(self, name):
        run = self.folder / name / "p"
        return sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())

    def checkpoints(self, name):
        """The steps of its whole checkpoints."""
        found = (self.folder / name / "p" / ".work").rglob(f"checkpoint-*/{COMPLETE}")
        return sorted(int(path.parent.name.partition("-")[2]) for path in found)

    def served(self):
        with urllib.request.urlopen(f"{self.url.removesuffix('/v1')}/stats") as answer:
            return int(json.load(answer)["requests"])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    command = [*SYNTHGEN, "serve-builtin", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = json.loads(server.stdout.readline())
    url = next(value for value in said.values() if isinstance(value, str) and value.startswith("http"))
    place = Place(tmp_path_factory.mktemp("devices"), url if url.endswith("/v1") else f"{url}/v1")
    place.run("one")
    assert place.served() == ROWS
    yield place
    server.terminate()
    server.wait(10)


def same(place, name):
    one, other = place.weights("one"), place.weights(name)
    assert one.keys() == other.keys()
    return max(abs(one[key] - other[key]).max() for key in one) <= 1e-6


def rank_processes(process):
    """The ranks that a process has started, by their number."""
    found = {}
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if "synthgen.training.processes.rank" in child.cmdline():
                found[int(child.environ()["RANK"])] = child
        except (psutil.Error, KeyError):
            continue
    return found


def wait_until_training(place, name, process):
    """Returns the ranks, once there is a checkpoint."""
    while not place.checkpoints(name):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    return rank_processes(process)


def gone(processes):
    _, left = psutil.wait_procs(processes, timeout=20)
    return not left


def test_a_signal_to_one_rank_ends_all_with_a_checkpoint_from_which_one_process_goes_on(place):
    process = place.start("stopped", "--set", "student.processes=2")
    ranks = wait_until_training(place, "stopped", process)
    ranks[1].send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 143, errors
    assert errors.rstrip().endswith("the same command continues where this one stopped")
    assert gone(ranks.values())
    step = place.checkpoints("stopped")[-1]
    assert 4 <= step < STEPS
    assert f"continuing from step {step}" in place.run("stopped")
    assert same(place, "stopped")


def test_torchrun_runs_the_whole_pipeline_once_and_goes_on_after_a_kill_of_one_rank(place):
    before, torchrun = place.served(), {"launcher": TORCHRUN, "ledger": "another ledger"}
    process = place.start("torchrun", **torchrun)
    ranks = wait_until_training(place, "torchrun", process)
    ranks[1].kill()
    _, errors = process.communicate(timeout=200)
    assert process.returncode != 0
    assert "error: rank 1 of 2 was killed by signal 9" in errors
    assert errors.count("student: preflight") == 1
    assert gone(ranks.values())
    step = place.checkpoints("torchrun")[-1]
    assert 4 <= step < STEPS
    errors = place.run("torchrun", **torchrun)
    assert errors.count(f"continuing from step {step}") == 1
    assert errors.count(f"student: {ROWS} kept of {ROWS}") == 1
    assert place.served() - before == ROWS
    assert same(place, "torchrun")
    assert place.files("torchrun") == place.files("one")
    assert len(list(read_rows(place.folder / "torchrun/p/generate/rows.jsonl"))) == ROWS
    manifest = json.loads((place.folder / "torchrun/p/student/manifest.json").read_text())
    assert manifest["extra"]["training"]["processes"] == 2
    assert manifest["extra"]["training"]["steps"] == STEPS


def test_a_signal_to_torchrun_ends_all_with_a_checkpoint(place):
    process = place.start("ended", launcher=TORCHRUN)
    ranks = wait_until_training(place, "ended", process)
    process.terminate()
    process.communicate(timeout=200)
    assert process.returncode != 0  # torchrun kills what takes more than 30 seconds: no words are promised
    assert gone(ranks.values())
    assert 4 <= place.checkpoints("ended")[-1] < STEPS


def test_ranks_end_with_a_run_that_is_killed(place):
    process = place.start("gone", "--set", "student.processes=2")
    ranks = wait_until_training(place, "gone", process)
    process.kill()
    process.communicate()
    assert gone(ranks.values())


def test_a_mistake_is_said_once_and_before_a_teacher_is_asked(place):
    before = place.served()
    process = place.start(
        "mistake", "--set", "student.batch_size=7", launcher=TORCHRUN, ledger="ledger of mistakes"
    )
    _, errors = process.communicate(timeout=200)
    assert process.returncode != 0
    assert errors.count("batch_size: 7 cannot be divided among 2 processes") == 1
    assert place.served() == before
