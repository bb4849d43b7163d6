"""A Ray cluster of several nodes on this machine, of which one can die as a machine does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
OBJECTS = 80 << 20


class Site:
    """A head without CPUs, and nodes with `cpus` each; `address` is where the driver finds it."""

    def __init__(self, cluster: Any, cpus: int) -> None:
        self._cluster, self._cpus = cluster, cpus
        self.address: str = cluster.address

    def add_node(self) -> Any:
        """One more node."""
        return self._cluster.add_node(num_cpus=self._cpus, object_store_memory=OBJECTS)

    def lose(self, node: Any, *, all_of_it: bool) -> list[psutil.Process]:
        """Kills a node's raylet, or all of its processes; returns the shards' processes that it had."""
        raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
        family = raylet.children(recursive=True)
        shards = [one for one in family if "--shard" in one.cmdline()]
        for one in [raylet, *family] if all_of_it else [raylet]:
            os.kill(one.pid, signal.SIGKILL)
        return shards

    def shards_on(self, node: Any) -> int:
        """How many shards' processes a node has."""
        raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
        return sum("--shard" in one.cmdline() for one in raylet.children(recursive=True))


@contextmanager
def ray_site(cpus: int = 1) -> Iterator[Site]:
    """A cluster that has only its head yet."""
    before = {name: os.environ.get(name) for name in QUIET}
    os.environ.update(QUIET)
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "object_store_memory": OBJECTS, "include_dashboard": False},
    )
    try:
        yield Site(cluster, cpus)
    finally:
        cluster.shutdown()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
