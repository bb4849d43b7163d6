"""Tasks that are done at the same time: sent, sent again where an exit code says so, or interrupted."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synthgen.core.errors import Fault, Interrupted, StageFailed, SynthgenError
from synthgen.core.interrupts import Stopping
from synthgen.core.progress import Reporter
from synthgen.core.text import amount, duration
from synthgen.operations.jobs.files import STAY
from synthgen.operations.ray.cluster import Cluster, Task
from synthgen.operations.ray.plan import Need
from synthgen.operations.ray.progress import PartProgress
from synthgen.operations.ray.retries import OWN_SHARE, Tries
from synthgen.operations.ray.task import Ended, Order
from synthgen.version import __version__

LOOK_SECONDS = 1.0
ROOM_SECONDS = 60.0
"""How long tasks wait where no node that is left has room for them."""


class TaskFailed(SynthgenError):
    """A task has ended badly for good; `exit_code` is that of its process."""

    def __init__(self, faults: Sequence[Fault], code: int) -> None:
        self.exit_code = code
        super().__init__(faults[0].what, faults=faults)


@dataclass(eq=False)
class Step:
    """A task of a part: a shard, the whole part, or its merge."""

    label: str
    words: list[str]
    need: Need
    tries: Tries = field(default_factory=Tries)
    due: float = 0.0


class Sending:
    """How steps get to the cluster.

    Args:
        cluster: where they are sent.
        stopping: watches signals.
        reporter: where is said what becomes of them.
        folder: for their logs, on the disk that all nodes share.
        mark: what the file `task.MARK` there holds.
        grace: seconds that requests in flight get after a signal.
    """

    def __init__(
        self,
        cluster: Cluster,
        stopping: Stopping,
        reporter: Reporter,
        folder: Path,
        mark: str,
        grace: float,
    ) -> None:
        self._cluster, self._stopping, self._reporter = cluster, stopping, reporter
        self._folder, self._mark, self._grace = folder.absolute(), mark, grace
        self._waiting: deque[Step] = deque()
        self._sent: dict[Task, Step] = {}
        self._failed: list[tuple[Step, TaskFailed]] = []
        self._given_up = False
        self._nodes = len(cluster.nodes())
        self._room = time.monotonic()  # when there last was a node that could do them

    def perform(self, steps: Sequence[Step], progress: PartProgress) -> None:
        """Sends all steps, some again, until all have ended well.

        Raises:
            TaskFailed: one has ended badly for good; the others have ended, too.
            Interrupted: a signal came; all have ended.
        """
        self._waiting.extend(steps)
        self._room = time.monotonic()
        with self._stopping.graceful():
            while self._waiting or self._sent:
                if number := self._stopping.signal():
                    self._interrupt()
                    raise Interrupted(number)
                self._send()
                self._watch_nodes(steps)
                if not self._sent:
                    time.sleep(LOOK_SECONDS)
                    continue
                for task in self._cluster.ended(list(self._sent), LOOK_SECONDS):
                    self._look_at(self._sent.pop(task), task)
                progress.look(len(self._sent), len(self._waiting), len(steps))
        if self._failed:
            raise _first(self._failed, len(steps))

    def _send(self) -> None:
        now = time.monotonic()
        for step in [step for step in self._waiting if step.due <= now]:
            self._waiting.remove(step)
            order = Order(
                words=step.words,
                folder=os.getcwd(),
                log=str(self._folder / f"{step.label}.log"),
                mark=self._mark,
                version=__version__,
            )
            self._sent[self._cluster.send(order, step.need, step.label)] = step

    def _look_at(self, step: Step, task: Task) -> None:
        """Takes in what a task came to; it may be tried again."""
        try:
            ended = self._cluster.result(task)
        except SynthgenError as fault:
            what = Fault(f"{step.label}: {fault.faults[0].what}", "", fault.faults[0].next)
            self._fail(step, TaskFailed([what], fault.exit_code))
            return
        if ended is None or ended["code"] == 0 or self._given_up:
            return
        now = time.monotonic()
        seconds = step.tries.after(ended["code"], now)
        if seconds is None:
            self._fail(step, _failure(step, ended))
            return
        if step.tries.held_since in (None, now):  # a lock that is waited for is told once
            said = ended["faults"][0]["what"][:200]
            when = f"in {duration(seconds)}" if seconds else "at once"
            self._reporter.say(
                f"{step.label}: exit code {ended['code']} on {ended['host']} ({said}); tried again {when}"
            )
        step.due = now + seconds
        self._waiting.append(step)

    def _fail(self, step: Step, fault: TaskFailed) -> None:
        """Notes a failure; where it is no matter of a shard's own share, the others are interrupted."""
        self._failed.append((step, fault))
        if fault.exit_code not in OWN_SHARE and not self._given_up:
            self._given_up = True
            self._waiting.clear()
            self._cluster.cancel(list(self._sent))

    def _watch_nodes(self, steps: Sequence[Step]) -> None:
        """Says when nodes come and go; where none is left that could do a step, that is a failure."""
        nodes = self._cluster.nodes()
        if len(nodes) != self._nodes:
            lost = self._nodes - len(nodes)
            self._reporter.say(
                f"Ray: {amount(abs(lost), 'node')} {'lost' if lost > 0 else 'more'}, {len(nodes)} now"
                + ("; what was at work there is begun again, and goes on" if lost > 0 else "")
            )
            self._nodes = len(nodes)
        now = time.monotonic()
        if any(step.need.fits(node) for step in steps for node in nodes):
            self._room = now
        elif now - self._room > ROOM_SECONDS and not self._given_up:
            what = f"no node that is left has {steps[0].need}, for {duration(ROOM_SECONDS)}"
            self._fail(
                steps[0], TaskFailed([Fault(what, next="the same command goes on")], StageFailed.exit_code)
            )

    def _interrupt(self) -> None:
        """Interrupts all tasks and waits until they have ended: a bit longer than requests in flight get."""
        self._cluster.cancel(list(self._sent))
        until = time.monotonic() + self._grace + STAY
        while self._sent and time.monotonic() < until:
            for task in self._cluster.ended(list(self._sent), LOOK_SECONDS):
                del self._sent[task]


def _failure(step: Step, ended: Ended) -> TaskFailed:
    faults = [
        Fault(f"{step.label} on {ended['host']}: {one['what']}", one["where"], one["next"])
        for one in ended["faults"]
    ]
    return TaskFailed(faults, ended["code"] if ended["code"] < 128 else 1)


def _first(failed: Sequence[tuple[Step, TaskFailed]], of: int) -> TaskFailed:
    """The failure that counts: one that is no matter of a shard's own share, else the first."""
    fault = next((one for _, one in failed if one.exit_code not in OWN_SHARE), failed[0][1])
    others = [step.label for step, one in failed if one is not fault]
    if not others:
        return fault
    listed = ", ".join(others[:10]) + (" …" if len(others) > 10 else "")
    return TaskFailed(
        [*fault.faults, Fault(f"and {len(others)} more of {of} failed: {listed}")], fault.exit_code
    )
