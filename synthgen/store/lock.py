"""Only one live process a run: a lock file with machine, pid, heartbeat and a fencing number.

The lock is created exclusively. It is stale if its process is dead (same machine) or if its heartbeat is
older than `STALE_SECONDS` (another machine, or a container of this one whose processes are not seen here). A
process whose lock was taken over notices it by the fencing number before it publishes.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
import xxhash

from synthgen.core.errors import RunLocked

HEARTBEAT_SECONDS = 5.0
STALE_SECONDS = 90.0


class RunLock:
    """Holds a run folder for this process; use as a context manager.

    Raises:
        RunLocked: another live process holds it.
    """

    def __init__(self, run_dir: Path) -> None:
        self.path = run_dir / ".lock"
        self._fence_path = run_dir / ".fence"
        self.fence = 0
        self._stop = threading.Event()
        self._beat: threading.Thread | None = None

    def __enter__(self) -> RunLock:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(20):
            if self._create():
                self._beat = threading.Thread(target=self._keep, name="run-lock", daemon=True)
                self._beat.start()
                return self
            holder = self._holder()
            if holder is not None and not _stale(holder):
                raise RunLocked(
                    f"another process holds this run (pid {holder.get('pid')} on {holder.get('host')})",
                    str(self.path.parent),
                    "wait for it, stop it, or run under another --run-dir",
                )
            self._remove_stale(holder)
        raise RunLocked(
            "the run's lock cannot be taken",
            str(self.path.parent),
            "check whether another process is starting over and over",
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._beat is not None:
            self._beat.join()
        if self.held():
            self.path.unlink(missing_ok=True)

    def held(self) -> bool:
        """Whether the lock is still ours; asked before publishing."""
        holder = self._holder()
        own = {"fence": self.fence, "pid": os.getpid(), "machine": machine_id()}
        return holder is not None and own.items() <= holder.items()

    def check(self) -> None:
        """Raises RunLocked where another process took the run over in the meantime."""
        if not self.held():
            raise RunLocked(
                "another process took this run over while this one stood still",
                str(self.path.parent),
                "nothing was published by this one",
            )

    def _create(self) -> bool:
        fence = self._next_fence()
        content = {
            "host": socket.gethostname(),
            "machine": machine_id(),
            "pid": os.getpid(),
            "born": born(os.getpid()),
            "heartbeat": time.time(),
            "fence": fence,
        }
        aside = self.path.with_name(f".lock.{_own_name()}.{threading.get_ident()}")
        aside.write_bytes(orjson.dumps(content))
        try:
            os.link(aside, self.path)  # exclusive also on network folders, and never seen half written
        except FileExistsError:
            return False
        finally:
            aside.unlink(missing_ok=True)
        self.fence = fence
        self._fence_path.write_text(str(fence))
        return True

    def _next_fence(self) -> int:
        try:
            return int(self._fence_path.read_text()) + 1
        except (OSError, ValueError):
            return 1

    def _holder(self) -> dict[str, Any] | None:
        return _read(self.path)

    def _remove_stale(self, seen: dict[str, Any] | None) -> None:
        if seen is None:
            return
        aside = self.path.with_name(f".lock.stale.{_own_name()}")
        try:
            os.rename(self.path, aside)
        except FileNotFoundError:
            return
        moved = _read(aside) or {}
        if any(moved.get(part) != seen.get(part) for part in ("fence", "machine", "pid")):
            try:
                os.link(aside, self.path)  # it is a live lock that was made meanwhile: put it back
            except FileExistsError:
                pass
        aside.unlink(missing_ok=True)

    def _keep(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            if not self.held():
                return
            holder = self._holder() or {}
            holder["heartbeat"] = time.time()
            aside = self.path.with_name(f".lock.beat.{_own_name()}")
            try:
                aside.write_bytes(orjson.dumps(holder))
                os.replace(aside, self.path)
            except OSError:
                continue  # a full disk must not end the heartbeat


def is_held(run_dir: Path) -> bool:
    """Whether a live process holds a run, so that `RunLock` would refuse it."""
    holder = _read(run_dir / ".lock")
    return holder is not None and not _stale(holder)


def _read(path: Path) -> dict[str, Any] | None:
    """What a lock file holds: None where there is no file, empty where it cannot be read."""
    try:
        holder = orjson.loads(path.read_bytes())
        return holder if isinstance(holder, dict) else {}
    except FileNotFoundError:
        return None
    except (OSError, orjson.JSONDecodeError):
        return {}


def _own_name() -> str:
    """Tells this process from all others, also from one with the same id on another machine."""
    return f"{socket.gethostname()}.{machine_id()}.{os.getpid()}"


def _stale(holder: dict[str, Any]) -> bool:
    here = holder.get("machine", machine_id()) == machine_id() and holder.get("host") == socket.gethostname()
    if here and isinstance(holder.get("pid"), int):
        return born(holder["pid"]) != holder.get("born") or not is_alive(holder["pid"])
    return bool(time.time() - float(holder.get("heartbeat", 0)) > STALE_SECONDS)


@functools.cache
def machine_id() -> str:
    """What tells this machine since its last start, and this namespace of process ids, from all others."""
    known = []
    with contextlib.suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    with contextlib.suppress(OSError):
        known.append(os.readlink("/proc/self/ns/pid"))
    return xxhash.xxh32_hexdigest("".join(known).encode())


def is_alive(pid: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return True


def born(pid: int) -> str:
    """When a process began, which tells it from another with the same pid; "" where it is not known."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""
