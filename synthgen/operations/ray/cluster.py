"""The one module that knows Ray: how a cluster is reached, what it has, and how orders get to its nodes."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from synthgen.core.errors import ConfigError, StageFailed, SynthgenError, first_line
from synthgen.operations.ray.plan import Need, Node
from synthgen.operations.ray.task import Ended, Order, perform

LOCAL = "local"
"""The address of a cluster of one node that is started here, and ends with the driver."""
CONNECT_SECONDS = 6.0
DEATHS = 20
"""How often Ray starts a task again whose node or worker has died."""
_OBJECTS = 80 << 20
"""Bytes of Ray's object store in a cluster that is started here: the least it takes; it holds exit codes."""
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}

_TOKENS = "RAY_AUTH_MODE"

Task = Any
"""What stands for an order that was sent: Ray's ObjectRef."""


class Lost(SynthgenError):
    """A task's node or worker died again and again."""


class Cluster:
    """A cluster that is connected."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def nodes(self) -> list[Node]:
        """The machines that are alive, with what they have in all."""
        return [
            Node(float(one["Resources"].get("CPU", 0)), float(one["Resources"].get("GPU", 0)))
            for one in self._ray.nodes()
            if one["Alive"]
        ]

    def send(self, order: Order, need: Need, name: str) -> Task:
        """Has an order carried out on a node that has room, now or later."""
        task = self._ray.remote(
            num_cpus=need.cpus,
            num_gpus=need.gpus,
            max_retries=DEATHS,
            scheduling_strategy="SPREAD",
            name=name,
        )(perform)
        return task.remote(order)

    def ended(self, tasks: Sequence[Task], seconds: float) -> list[Task]:
        """Those of some tasks that have ended, after so many seconds at most; returns with the first."""
        return list(self._ray.wait(list(tasks), num_returns=1, timeout=seconds)[0])

    def result(self, task: Task) -> Ended | None:
        """What became of a task that has ended; None where it was cancelled before it began.

        Raises:
            Lost: its nodes died, each time.
            StageFailed: it could not be begun.
        """
        errors = self._ray.exceptions
        try:
            ended: Ended = self._ray.get(task)
            return ended
        except errors.TaskCancelledError:
            return None
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError) as fault:
            raise Lost(
                f"its node or worker died {DEATHS + 1} times",
                next=f"Ray says: {first_line(fault)}",
            ) from None
        except errors.RayError as fault:
            raise StageFailed(
                f"Ray cannot begin it: {_cause(fault)}",
                next="is synthgen installed, in the same version, in the Python that Ray runs on every node?",
            ) from None

    def cancel(self, tasks: Sequence[Task]) -> None:
        """Interrupts what is under way, and takes back what has not begun."""
        for task in tasks:
            with suppress(self._ray.exceptions.RayError, ValueError):
                self._ray.cancel(task, force=False)


def own_nodes() -> list[Node]:
    """The one node of a cluster that is started here; a device that may be a GPU counts as 1,000."""
    devices = ("nvidia[0-9]*", "kfd", "dri/renderD*", "accel*")
    graphic = any(True for pattern in devices for _ in Path("/dev").glob(pattern))
    return [Node(float(_own_cpus()), 1000.0 if graphic else 0.0)]


def _own_cpus() -> int:
    """The CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """A cluster, for as long as the context lasts; stdout stays free of what Ray has to say.

    Args:
        address: `host:port`, `auto` (the one of this machine), or `local`.

    Raises:
        ConfigError: Ray is not installed, or the address is a Ray Client's.
        StageFailed: nothing answers there, or it is another Ray.
    """
    if address.startswith("ray://"):
        raise ConfigError(
            f"{address} is an address of Ray Client",
            next="give this command on a machine of the cluster, with --ray-address HOST:6379",
        )
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if find_spec("ray") is None:
        raise ConfigError(
            "--executor ray needs Ray, which is not installed",
            next="pip install 'synthgen-pipeline[ray]'",
        )
    own = address == LOCAL
    if not own:
        if _TOKENS not in os.environ and _has_token():
            os.environ[_TOKENS] = "token"  # read by the import
        _require_answer(address)
    import ray

    with _set_aside(1):
        try:
            with _set_aside(2):
                ray.init(
                    address=address,
                    include_dashboard=False if own else None,
                    num_cpus=_own_cpus() if own else None,
                    object_store_memory=_OBJECTS if own else None,
                    configure_logging=False,
                    logging_level=logging.CRITICAL,
                    log_to_driver=False,
                )
        except (Exception, SystemExit) as fault:
            raise StageFailed(f"Ray cannot be reached: {first_line(fault)}", address) from None
        try:
            yield Cluster(ray)
        finally:
            ray.shutdown()


def _has_token() -> bool:
    """Whether there is a token for Ray's clusters; Ray gives it only where `RAY_AUTH_MODE` says so."""
    given = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    return bool(given) or (Path.home() / ".ray" / "auth_token").is_file()


def _require_answer(address: str) -> None:
    """Raises StageFailed where no cluster answers; by itself Ray would wait for two minutes."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check"]
    command += [] if address == "auto" else ["--address", address]
    try:
        asked = subprocess.run(command, capture_output=True, timeout=CONNECT_SECONDS)
    except subprocess.TimeoutExpired:
        asked = None
    if asked is not None and b"AuthenticationError" in asked.stderr:
        raise StageFailed(
            "the Ray cluster wants a token, and there is none here, or another one",
            address,
            "give RAY_AUTH_TOKEN, or copy ~/.ray/auth_token from the cluster's head to the same place here",
        )
    if asked is None or asked.returncode:
        raise StageFailed(
            "no Ray cluster answers",
            address,
            "start one with `ray start --head`, or leave --ray-address and RAY_ADDRESS out",
        )


@contextmanager
def _set_aside(stream: int) -> Iterator[None]:
    """Lets what Ray prints go nowhere, from Python and from C++: 1 is stdout, 2 stderr."""
    for one in (sys.stdout, sys.stderr):
        if one is not None:
            one.flush()
    kept = os.dup(stream)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, stream)
        os.close(kept)


def _cause(fault: BaseException) -> str:
    """The last line of what Ray says, which is the error on the node."""
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    return (lines[-1] if lines else type(fault).__name__)[:300]
