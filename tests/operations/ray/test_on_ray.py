"""`run --executor ray` on a Ray cluster of several nodes, of which one dies in the middle."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

pytest.importorskip("ray")

from synthgen.store.lock import is_alive, is_held
from tests import ROOT
from tests.operations.ray.site import ray_site
from tests.servers.misbehaving import MisbehavingTeacher

pytestmark = [pytest.mark.slow]
PIPELINE = """
version: 1
name: asked
teacher:
  provider: openai
  model: m
  base_url: URL
  api_key_env: ASKED_KEY
  sampling: {max_tokens: 64}
  limits: {concurrency: 4}
stages:
- load: {sources: [rows.jsonl]}
- generate: {task: respond}
- filter: {rules: [{length: {field: output, min_words: 1}}]}
- dedup: {methods: [exact]}
"""
ROWS, IN_FLIGHT = 240, 4


@pytest.fixture(scope="module")
def site():
    os.environ.update(PYTHONPATH=str(ROOT), ASKED_KEY="k")
    with ray_site() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def nodes(site):
    return [site.add_node() for _ in range(3)]


@pytest.fixture
def teacher(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"instruction": f"What is {number}?"} for number in range(ROWS)]
    Path("rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    with MisbehavingTeacher(latency=0.1) as teacher:
        Path("asked.yaml").write_text(PIPELINE.replace("URL", teacher.url))
        yield teacher


def start(site, *options):
    """The driver of a run."""
    command = [sys.executable, "-m", "synthgen", "run", "asked.yaml", "--executor", "ray"]
    env = {name: value for name, value in os.environ.items() if name != "RAY_AUTH_MODE"}  # as in a new shell
    return subprocess.Popen(
        [*command, "--ray-address", getattr(site, "address", site), *options],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(holds, process):
    while not (found := holds()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    return found


def rows(run):
    stages = ("load", "generate", "filter", "dedup")
    return [Path(run, stage, "rows.jsonl").read_bytes() for stage in stages]


def whole(teacher):
    """The rows of a run without Ray, which asks for itself."""
    command = [sys.executable, "-m", "synthgen", "run", "asked.yaml", "--runs", "whole", "--ledger", "other"]
    subprocess.run(command, check=True, capture_output=True)
    return rows("whole/asked")


@pytest.mark.parametrize("all_of_it", [True, False])
def test_a_node_dies_and_nothing_is_paid_twice_but_what_was_in_flight_there(site, nodes, teacher, all_of_it):
    driver = start(site, "--shards", "3")
    node = nodes.pop()
    until(lambda: teacher.requests > ROWS / 3 and site.shards_on(node) == 1, driver)
    (shard,) = site.lose(node, all_of_it=all_of_it)
    out, err = driver.communicate(timeout=120)
    assert driver.returncode == 0, err
    assert not is_alive(shard.pid)
    assert ROWS <= teacher.requests <= ROWS + IN_FLIGHT
    assert rows("data/runs/asked") == whole(teacher)
    assert "ray" not in out.lower()


def test_a_signal_ends_all_shards_and_the_same_command_goes_on(site, nodes, teacher):
    driver = start(site, "--shards", "2", "--grace", "5")
    until(lambda: teacher.requests > ROWS / 3, driver)
    driver.send_signal(signal.SIGTERM)
    _, err = driver.communicate(timeout=60)
    assert driver.returncode == 143, err
    assert not any(is_held(folder) for folder in Path("data/runs/asked/shards").glob("*-of-*"))
    assert teacher.in_flight == 0 and teacher.requests < ROWS
    again = start(site)
    _, err = again.communicate(timeout=60)
    assert again.returncode == 0, err
    assert teacher.requests == ROWS
    assert rows("data/runs/asked") == whole(teacher)


def test_a_cluster_too_small_is_an_error_that_names_what_is_missing(site, nodes, teacher):
    driver = start(site, "--shards", "2", "--cpus", "4", "--gpus", "dedup=1")
    _, err = driver.communicate(timeout=60)
    assert driver.returncode == 2
    assert "too small for generate, filter: one task needs 4 CPUs on one node" in err
    assert "too small for dedup: one task needs 4 CPUs and 1 GPU on one node" in err
    assert teacher.requests == 0 and not Path("data/ledger").exists()


def test_an_address_where_no_cluster_answers(teacher):
    driver = start("127.0.0.1:9")
    _, err = driver.communicate(timeout=60)
    assert driver.returncode == 1 and "no Ray cluster answers" in err
