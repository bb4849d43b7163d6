"""How torchrun's processes work as one: the first runs the pipeline, the others wait until it trains.

They share a store that torchrun keeps. The first announces each training there, and that it has ended. The
others look every now and then, since stages before a training may take days: a collective would time out.
Each starts and watches its own rank, and says in the store how it ended. torchrun ends them all where one
ends badly.

Imports torch: it is imported only under torchrun.
"""

from __future__ import annotations

import functools
import pickle
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from torch.distributed import PrefixStore, Store, TCPStore

from synthgen.core.errors import Interrupted, StageFailed, SynthgenError, first_line
from synthgen.core.interrupts import Stopping
from synthgen.training.processes.job import fault_bytes, read_fault
from synthgen.training.processes.launch import Launch
from synthgen.training.processes.ranks import LocalRanks, Place

POLL_SECONDS = 0.2
JOIN_SECONDS = 300.0
"""Within these all processes have to be started: torchrun starts them together."""
PART_SECONDS = 60.0
"""How long one waits for the others at the end of a training, and of the run."""
_END = "end"


@dataclass(frozen=True)
class Announcement:
    """A training that begins."""

    folder: str
    address: tuple[str, int]
    extra: Mapping[str, str]


class Company:
    """The processes that torchrun started, as one of them sees them."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        store = TCPStore(
            launch.address,
            launch.port,
            is_master=launch.rank == 0 and not launch.hosted,
            wait_for_workers=False,
            timeout=timedelta(seconds=JOIN_SECONDS),
        )
        self._store: Store = PrefixStore(f"synthgen/{launch.attempt}", store)
        self._number = 0

    def announce(self, announcement: Announcement) -> None:
        """The first process: a training begins."""
        self._number += 1
        self._store.set(f"{self._number}/job", pickle.dumps(announcement))

    def fault(self) -> SynthgenError | OSError | None:
        """The error of another process's rank, where there is one."""
        key = f"{self._number}/fault"
        if not self._has([key]):
            return None
        return read_fault(self._store.get(key))

    def over(self) -> None:
        """The first process: the training has ended; returns when the other ranks have ended, too."""
        self._store.set(f"{self._number}/over", b"1")
        self._wait([f"{self._number}/left/{rank}" for rank in range(1, self.launch.size)])

    def end(self) -> None:
        """The first process: there is nothing more to do."""
        self._store.set(_END, b"1")
        if not self.launch.hosted:  # the store ends with this process
            self._wait([f"gone/{rank}" for rank in range(1, self.launch.size)])

    def next_training(self) -> Announcement | None:
        """Another process: the next training, or None where it has not begun."""
        key = f"{self._number + 1}/job"
        if not self._has([key]):
            return None
        self._number += 1
        announcement: Announcement = pickle.loads(self._store.get(key))
        return announcement

    def ended(self) -> bool:
        """Another process: whether the first has nothing more to do."""
        return self._has([_END])

    def called_off(self) -> bool:
        """Another process: whether the training is over, for the first process."""
        return self._has([f"{self._number}/over"]) or self.ended()

    def blame(self, fault: SynthgenError | OSError) -> None:
        """Another process: its rank has ended badly."""
        self._store.set(f"{self._number}/fault", fault_bytes(fault))

    def leave(self) -> None:
        """Another process: its rank has ended."""
        self._store.set(f"{self._number}/left/{self.launch.rank}", b"1")

    def go(self) -> None:
        """Another process: it ends."""
        self._store.set(f"gone/{self.launch.rank}", b"1")

    def _has(self, keys: list[str]) -> bool:
        try:
            return bool(self._store.check(keys))
        except RuntimeError as fault:
            raise StageFailed(
                f"torchrun or its first process has ended ({first_line(fault, 200)})",
                next="the same command goes on where this one stopped",
            ) from fault

    def _wait(self, keys: list[str]) -> None:
        until = time.monotonic() + PART_SECONDS
        while time.monotonic() < until and not self._has(keys):
            time.sleep(POLL_SECONDS)


@functools.cache
def company_of(launch: Launch) -> Company:
    """The processes that torchrun started, joined once."""
    return Company(launch)


def follow(launch: Launch) -> int:
    """What all of torchrun's processes but the first do: wait, and train when the first one does.

    Args:
        launch: which process this is.

    Returns:
        The exit code: 0 where the first has ended, whatever came of it, since it has said so itself.
    """
    try:
        with Stopping() as stopping:
            company = company_of(launch)
            until = None  # after a signal, the first process is given time to end
            while not company.ended() and (until is None or time.monotonic() < until):
                announcement = company.next_training()
                if announcement is None:
                    time.sleep(POLL_SECONDS)
                    continue
                with stopping.graceful():
                    _take_part(announcement, company, stopping)
                if stopping.signal():
                    until = time.monotonic() + PART_SECONDS
            company.go()
    except Interrupted as stop:
        return stop.exit_code
    except (StageFailed, RuntimeError) as fault:  # RuntimeError: what the store raises where it is gone
        sys.stderr.write(f"rank {launch.rank}: {first_line(fault, 200)}\n")
        return 1
    return 0


def _take_part(announcement: Announcement, company: Company, stopping: Stopping) -> None:
    launch, told = company.launch, False
    folder = Path(announcement.folder)
    try:
        if not folder.is_dir():
            raise StageFailed(
                "this machine does not see the run's folder",
                announcement.folder,
                "machines that train together need one folder for runs: --runs on a disk that they share",
            )
        place = Place(launch.rank, launch.local_rank)
        with LocalRanks(
            folder,
            [place],
            size=launch.size,
            local_size=launch.local_size,
            address=announcement.address,
            extra=announcement.extra,
        ) as ranks:
            while not ranks.done():
                if stopping.signal() and not told:
                    told = True
                    ranks.ask_to_stop()
                if company.called_off():
                    break
                time.sleep(POLL_SECONDS)
    except (SynthgenError, OSError) as fault:
        company.blame(fault)
    finally:
        company.leave()
