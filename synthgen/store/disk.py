"""How much of the disk files take, and how much is freed where some of them go.

A result that is the same in two runs is one file with two names (a hard link). It counts once, and is freed
with its last name. Symbolic links are never followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path


def walk(path: Path) -> Iterator[os.stat_result]:
    """The status of every file under a path, or of the file that it is, as far as they are still there."""
    waiting = [path]
    while waiting:
        one = waiting.pop()
        try:
            status = one.lstat()
            if stat.S_ISDIR(status.st_mode):
                waiting += one.iterdir()
                continue
        except OSError:
            continue
        yield status


def bytes_of(paths: Iterable[Path]) -> int:
    """The bytes of all files under some paths, each file once however many names it has."""
    sizes = {(status.st_dev, status.st_ino): status.st_size for path in paths for status in walk(path)}
    return sum(sizes.values())


class Freed:
    """What deleting one path after the other frees."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, int], int] = {}

    def add(self, path: Path) -> int:
        """The bytes that are freed when this path goes, after those before it."""
        freed = 0
        for status in walk(path):
            file = (status.st_dev, status.st_ino)
            self._names[file] = self._names.get(file, 0) + 1
            if self._names[file] == status.st_nlink:
                freed += status.st_size
        return freed
