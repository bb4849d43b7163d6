"""The files of `jobs slurm` under a real Slurm: tasks that are killed, started twice, requeued by signal."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from synthgen.core.resources import shipped
from synthgen.store.jsonl import read_rows
from tests import ROOT
from tests.operations.jobs.slurm_site import missing, slurm

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(missing()), reason=missing() or "Slurm is there"),
]
PIPELINE = """
version: 1
name: sums
seed: 3
teacher:
  provider: builtin
  limits: {concurrency: 1, requests_per_minute: 120}
stages:
  - generate:
      id: questions
      task: self_instruct
      kind: question
      seeds: SEEDS
      num_rows: 60
  - generate: {id: answers, task: rationale}
  - filter: {rules: [truncated, answer_match]}
  - dedup: {methods: [exact]}
"""


@pytest.fixture(scope="module")
def site():
    folder = Path(tempfile.mkdtemp(prefix="sl", dir="/tmp"))
    with slurm(folder / "s") as env:
        programs = folder / "bin"
        programs.mkdir()
        synthgen = programs / "synthgen"
        synthgen.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m synthgen "$@"\n')
        synthgen.chmod(0o755)
        yield env | {"PATH": f"{programs}:{os.environ['PATH']}", "SYNTHGEN_WAIT": "1"}
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sums.yaml").write_text(PIPELINE.replace("SEEDS", str(shipped("data/seeds/arithmetic.jsonl"))))
    return tmp_path


def shell(env, *command):
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout


def queue(env, *options):
    """(job, state) of each task that has not ended."""
    listed = shell(env, "squeue", "-h", "-r", "-o", "%i %T", *options).splitlines()
    return [tuple(line.split()) for line in listed]


def until(holds):
    while not (found := holds()):
        time.sleep(0.2)
    return found


def requests_of(shard):
    log = Path(f"data/runs/sums/shards/{shard}-of-3/status.json")
    return log.exists() and b"answers" in log.read_bytes()


def rows(run):
    return {
        stage: Path(run, stage, "rows.jsonl").read_bytes()
        for stage in ("questions", "answers", "filter", "dedup")
        if Path(run, stage, "rows.jsonl").exists()
    }


def test_killed_started_twice_and_requeued_the_bytes_are_those_of_an_unsharded_run(site, project):
    shell(site, "synthgen", "jobs", "slurm", "sums.yaml", "--shards", "3", "--grace", "0", "-o", "jobs")
    said = shell(site, "jobs/submit.sh").splitlines()
    array = next(line.rpartition(" ")[2] for line in said if "3 shards" in line)
    for shard in (1, 2, 3):
        until(lambda shard=shard: requests_of(shard))
    shell(site, "scancel", "--signal=TERM", "--batch", f"{array}_1")  # as Slurm does when the time is up
    subprocess.run(["pkill", "-KILL", "-f", "--", "sums.yaml.*--shard 2/3"], check=True)  # as out of memory
    twice = ["synthgen", "run", "sums.yaml", "--from", "answers", "--until", "filter", "--shard", "3/3"]
    assert subprocess.run(twice, env=site, capture_output=True).returncode == 5
    until(lambda: not queue(site))
    sharded = rows("data/runs/sums")
    shell(site, "synthgen", "run", "sums.yaml", "--runs", "whole", "--ledger", "whole/ledger")
    assert sharded == rows("whole/sums") and len(sharded) == 4
    assert len(list(read_rows(Path("data/runs/sums/answers/rows.jsonl")))) == 60


def test_more_shards_than_an_array_may_have(site, project):
    shell(site, "synthgen", "jobs", "slurm", "sums.yaml", "--shards", "1500", "-o", "jobs")
    shell(site, "scontrol", "update", "PartitionName=cpu", "State=DOWN")
    try:
        said = shell(site, "jobs/submit.sh").splitlines()
        arrays = next(line.rpartition(" ")[2] for line in said if "1,500 shards" in line).split(":")
        assert [len(queue(site, f"--jobs={array}")) for array in arrays] == [1000, 500]
    finally:
        shell(site, "scancel", "--user=root")
        shell(site, "scontrol", "update", "PartitionName=cpu", "State=UP")
