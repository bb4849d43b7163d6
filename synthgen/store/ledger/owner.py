"""The processes that write to a ledger at this moment: their names, and whether they live.

Each has a file in `<ledger>/owners/`, which bears its name: machine, process id, when the process began, and
a number. Of a process of this machine, the process id and the start tell for certain whether it lives. Of
one of another machine, the age of its file does, which it touches every few seconds: the age as the file
system has it, so that the machines' clocks need not agree.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from synthgen.store.lock import born, is_alive, machine_id

HEARTBEAT_SECONDS = 5.0
STALE_SECONDS = 90.0
LOOK_SECONDS = 0.25  # between two looks for company
BELIEVED_SECONDS = 1.0  # how long an answer holds about whether a process on another machine lives
HEED_SECONDS = 3.0  # how long a newcomer waits until those who were alone have heeded it
HEEDS = b" heeds others\n"
"""At the end of an owner's file: it says of each request that it is about to send it."""

_numbers = itertools.count(1)


class Owner(NamedTuple):
    """A process that writes to a ledger; `machine` also tells boots and process id namespaces apart."""

    host: str
    machine: str
    pid: int
    born: str
    number: int

    @property
    def name(self) -> str:
        """Its name, in which no two are alike."""
        return f"{self.host}-{self.machine}-{self.pid}-{self.born}-{self.number}"

    @property
    def is_here(self) -> bool:
        """Whether it is a process of this machine, about which this machine's kernel knows."""
        return (self.host, self.machine) == (_host(), machine_id())

    @property
    def runs_here(self) -> bool:
        """Whether it is a living process of this machine."""
        return self.is_here and is_alive(self.pid) and (born(self.pid) or "0") == self.born


def parse(name: str) -> Owner | None:
    """The owner of this name; None where it is none."""
    match = re.fullmatch(r"([A-Za-z0-9_.]*)-([0-9a-f]{8})-(\d+)-(\d+)-(\d+)", name)
    return Owner(match[1], match[2], int(match[3]), match[4], int(match[5])) if match else None


def new_owner() -> Owner:
    """This process, under a number of its own each time."""
    pid = os.getpid()
    return Owner(_host(), machine_id(), pid, born(pid) or "0", next(_numbers))


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())[:24]


class Presence:
    """One writer among the owners of a ledger: its heartbeat, and whether others are there.

    Args:
        ledger: the ledger's folder.
        owner: the writer.
        on_company: called once, from a thread, when another writer is seen for the first time.
        on_alone: called at the start where there is no other; those who come meanwhile wait for its end.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(
        self, ledger: Path, owner: Owner, on_company: Callable[[], None], on_alone: Callable[[], None]
    ) -> None:
        self.owner, self._folder, self._on_company = owner, ledger / "owners", on_company
        self.path = self._folder / owner.name
        self.has_company = False
        self._folder.mkdir(exist_ok=True)
        self._believed: dict[str, tuple[float, bool]] = {}
        self._stop = threading.Event()
        aside = self._folder / f".{owner.name}"
        aside.write_bytes(owner.name.encode() + b"\n")
        os.replace(aside, self.path)  # never seen half written
        self._seen = -1
        self._look()
        if self.has_company:
            self._wait_until_heeded()
        else:
            on_alone()
        self._thread = threading.Thread(target=self._keep, name="ledger-owner", daemon=True)
        self._thread.start()

    def lives(self, name: str) -> bool:
        """Whether an owner is there and can still be waited for."""
        owner = parse(name)
        if owner is None or owner.is_here:
            return owner is not None and owner.runs_here
        now = time.monotonic()
        since, answer = self._believed.get(name, (-BELIEVED_SECONDS, False))
        if now - since >= BELIEVED_SECONDS:
            answer = self._beats(name)
            self._believed[name] = (now, answer)
        return answer

    def close(self) -> None:
        """Takes this writer out of the owners."""
        self._stop.set()
        self._thread.join()
        self.path.unlink(missing_ok=True)

    def _beats(self, name: str) -> bool:
        """Whether an owner on another machine has touched its file of late."""
        try:
            file = os.open(self._folder / name, os.O_RDONLY)  # opening asks the server for its time
            try:
                os.utime(self.path)
                return self.path.stat().st_mtime - os.fstat(file).st_mtime < STALE_SECONDS
            finally:
                os.close(file)
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def _others(self) -> list[str]:
        return [name for name in os.listdir(self._folder) if name != self.owner.name and name[0] != "."]

    def _look(self) -> None:
        """Looks for others where the folder has changed since the last look."""
        changed = self._folder.stat().st_mtime_ns
        if self.has_company or changed == self._seen:
            return
        self._seen = changed
        for name in self._others():
            if self.lives(name):
                self.has_company = True
            elif (owner := parse(name)) is not None and owner.is_here:
                (self._folder / name).unlink(missing_ok=True)
        if self.has_company:
            self._on_company()
            with open(self.path, "ab") as file:
                file.write(HEEDS)

    def _wait_until_heeded(self) -> None:
        """Waits, for a short time at most, until all others have noticed that they are not alone."""
        until = time.monotonic() + HEED_SECONDS
        for name in self._others():
            while time.monotonic() < until and self.lives(name):
                with contextlib.suppress(OSError):
                    if (self._folder / name).read_bytes().endswith(HEEDS):
                        break
                time.sleep(0.02)

    def _keep(self) -> None:
        last = time.monotonic()
        while not self._stop.wait(LOOK_SECONDS):
            with contextlib.suppress(OSError):  # a full disk or a server that is away must not end it
                self._look()
                if time.monotonic() - last >= HEARTBEAT_SECONDS:
                    os.utime(self.path)
                    last = time.monotonic()
