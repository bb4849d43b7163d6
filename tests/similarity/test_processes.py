import os
import time
from contextlib import closing

import pytest

from synthgen.errors import StageFailed
from synthgen.similarity import processes
from synthgen.similarity.processes import in_order


class Doubler:
    """Works on numbers; the later ones are done sooner."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, block):
        if block == "die":
            os._exit(7)
        time.sleep(0.002 * (block % 5 == 0))
        print("noise")  # a worker that prints must not break what it answers
        return block * self.factor, os.getpid()


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_results_come_in_the_order_of_the_blocks(monkeypatch, workers):
    monkeypatch.setattr(processes, "WORTH_WORKERS", 1)
    found = list(in_order("test_processes:Doubler", (3,), iter(range(40)), workers))
    assert [number for number, _ in found] == [3 * number for number in range(40)]
    assert (os.getpid() in {pid for _, pid in found}) == (workers == 1)


def test_a_small_job_starts_no_process():
    assert {pid for _, pid in in_order("test_processes:Doubler", (1,), range(processes.WORTH_WORKERS), 4)} == {os.getpid()}
    assert list(in_order("test_processes:Doubler", (1,), [], 4)) == []


def test_a_worker_that_dies_is_a_failure_and_the_others_end(monkeypatch):
    monkeypatch.setattr(processes, "WORTH_WORKERS", 0)
    with pytest.raises(StageFailed, match="worker process ended"):
        list(in_order("test_processes:Doubler", (1,), [1, 2, "die", 3, 4, 5, 6], 2))


def test_processes_end_with_the_generator(monkeypatch):
    monkeypatch.setattr(processes, "WORTH_WORKERS", 0)
    with closing(in_order("test_processes:Doubler", (1,), range(1000), 2)) as found:
        pids = {next(found)[1] for _ in range(10)}
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
