"""Who is asking for what: a file for each sample that is asked for, made before the request is sent.

While several processes write to one ledger, each makes `<ledger>/attempts/<ledger key>` before it sends a
request, and takes it away once the reply is committed. The file is a hard link to the owner's own file, which
only one process can make, on any file system. Who comes second waits, and then finds the reply in the ledger.

The file of an owner that is dead is never removed by another: two that find it dead at the same moment could
then both take over. The claim goes on in a second file, whose name is made of the key and the dead owner's
name, and which again only one process can make.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import xxhash

from synthgen.store.ledger.owner import Owner, Presence

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EACCES})


class Attempts:
    """The samples that one writer of a ledger is asking for; every method may be called by any thread.

    Args:
        ledger: the ledger's folder.
        owner: the writer.
    """

    def __init__(self, ledger: Path, owner: Owner) -> None:
        self._folder = ledger / "attempts"
        self._lock = threading.Lock()
        self._under_way: dict[str, int] = {}
        self._files: dict[str, list[Path]] = {}
        self._tells = False
        self._presence = Presence(ledger, owner, self._begin_to_tell, self._sweep)

    def take(self, keys: Sequence[str], *, anyhow: bool = False) -> bool:
        """Says that samples are about to be asked for; False where another living process is asking for one.

        Args:
            keys: the samples' ledger keys.
            anyhow: take them even so.
        """
        with self._lock:
            for place, key in enumerate(keys):
                number = self._under_way.get(key, 0)
                if not number and self._tells and not self._claim(key) and not anyhow:
                    self._give_back(keys[:place])
                    return False
                self._under_way[key] = number + 1
            return True

    def give_back(self, keys: Iterable[str]) -> None:
        """Says that an attempt has ended, after its reply was committed."""
        with self._lock:
            self._give_back(keys)

    def are_asked_elsewhere(self, keys: Iterable[str]) -> bool:
        """Whether another living process is asking for one of these samples."""
        return any(self._is_asked_elsewhere(key) for key in keys)

    def close(self) -> None:
        """Gives everything back, and leaves the ledger's owners."""
        with self._lock:
            for key in list(self._files):
                self._remove(key)
            self._under_way.clear()
        self._presence.close()

    def _give_back(self, keys: Iterable[str]) -> None:
        for key in keys:
            number = self._under_way.pop(key, 0) - 1
            if number > 0:
                self._under_way[key] = number
            else:
                self._remove(key)

    def _is_asked_elsewhere(self, name: str) -> bool:
        while (holder := self._holder(name)) is not None:
            if not holder or self._presence.lives(holder):
                return True
            name = _next(name, holder)
        return False

    def _begin_to_tell(self) -> None:
        """From now on others are told what is under way, beginning with what is so already."""
        with self._lock:
            self._folder.mkdir(exist_ok=True)
            self._tells = True
            for key in self._under_way:
                self._claim(key)

    def _sweep(self) -> None:
        """Removes what dead processes have left, where nobody else is there to see it."""
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            path.unlink(missing_ok=True)

    def _claim(self, key: str) -> bool:
        name, dead = key, list[tuple[Path, str]]()
        while True:
            path = self._folder / name
            if self._make(path):
                # Who had taken over and is done has removed the first of these files before the last.
                if all(self._holder(before.name) == holder for before, holder in dead):
                    self._files[key] = [*(before for before, _ in dead), path]
                    return True
                path.unlink(missing_ok=True)
                name, dead = key, []
                continue
            holder = self._holder(name)
            if holder is None:
                continue  # it was given back at this moment
            if not holder or self._presence.lives(holder):
                return False
            dead.append((path, holder))
            name = _next(name, holder)

    def _make(self, path: Path) -> bool:
        """Makes a file that says who this is, unless it is there."""
        try:
            os.link(self._presence.path, path)
            return True
        except FileExistsError:
            # A network file system may say so after it made the link, when an answer got lost.
            return self._holder(path.name) == self._presence.owner.name
        except OSError as fault:
            if fault.errno not in _NO_LINKS:
                raise
        try:
            with open(path, "xb") as file:
                file.write(self._presence.owner.name.encode() + b"\n")
            return True
        except FileExistsError:
            return False

    def _holder(self, name: str) -> str | None:
        """The owner that a file names, "" where no name is in it yet; None where there is no such file."""
        try:
            return (self._folder / name).read_bytes().split(b"\n", 1)[0].decode("ascii", "replace")
        except FileNotFoundError:
            return None

    def _remove(self, key: str) -> None:
        for path in self._files.pop(key, ()):
            path.unlink(missing_ok=True)


def _next(name: str, dead: str) -> str:
    return xxhash.xxh3_128_hexdigest(f"{name} {dead}".encode())
