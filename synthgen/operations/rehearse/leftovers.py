"""Where a rehearsal keeps its files, and what killed ones left there."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from synthgen.store.lock import is_alive

OURS = f".rehearsal-{socket.gethostname()}-"
"""How the folder of a rehearsal on this machine begins; its process follows."""


def leftovers(disk: Path) -> Iterator[Path]:
    """The folders that rehearsals of this machine left in a folder when they were killed."""
    for folder in sorted(disk.glob(f"{OURS}*-*")):
        process = folder.name.removeprefix(OURS).partition("-")[0]
        if process.isdigit() and len(process) < 10 and not is_alive(int(process)):
            yield folder


def sweep(disk: Path) -> None:
    """Removes what rehearsals of this machine left in a folder when they were killed."""
    for folder in leftovers(disk):
        shutil.rmtree(folder, ignore_errors=True)
