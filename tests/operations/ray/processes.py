"""A cluster without Ray, for all but Ray's own part of the work: a worker is a process of this machine."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import orjson

from synthgen.operations.ray.plan import Need, Node
from synthgen.operations.ray.task import Ended, Order

WORKER = """
import sys, orjson
from synthgen.operations.ray.task import perform
print("ready", file=sys.stderr, flush=True)
sys.stdout.write(orjson.dumps(perform(orjson.loads(sys.argv[1]))).decode())
"""
Worker = subprocess.Popen[bytes]


class Processes:
    """As many tasks at once as are sent; `have` are its nodes."""

    def __init__(self, have: Sequence[Node] = (Node(2),)) -> None:
        self.have = list(have)
        self.sent: list[tuple[str, Need]] = []
        self.cancelled = 0

    def nodes(self) -> list[Node]:
        return self.have

    def send(self, order: Order, need: Need, name: str) -> Worker:
        self.sent.append((name, need))
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, orjson.dumps(order)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert worker.stderr is not None and worker.stderr.readline() == b"ready\n"
        return worker

    def ended(self, tasks: Sequence[Worker], seconds: float) -> list[Worker]:
        until = time.monotonic() + seconds
        while not (found := [task for task in tasks if task.poll() is not None]):
            if time.monotonic() > until:
                return []
            time.sleep(0.01)
        return found[:1]

    def result(self, task: Worker) -> Ended | None:
        out, _ = task.communicate()
        if task.returncode == -signal.SIGINT:
            return None  # it was cancelled before it began
        ended: Ended = orjson.loads(out)
        return ended

    def cancel(self, tasks: Sequence[Worker]) -> None:
        self.cancelled += 1
        for task in tasks:
            task.send_signal(signal.SIGINT)
