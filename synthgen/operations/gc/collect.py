"""The garbage of a folder of runs: what there is of it, and, where asked, its deletion.

A run is touched only under its lock. Whatever goes vanishes whole, by rename, so a kill in between leaves
a sound run, and the next call frees the rest. The ledger is never touched: its replies were paid for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthgen.core.errors import InputError, RunLocked
from synthgen.operations.gc.garbage import Garbage, garbage_beside, garbage_of
from synthgen.operations.gc.named import Named
from synthgen.pipeline.recorded import MARKS, is_run
from synthgen.store.disk import Freed
from synthgen.store.lock import RunLock, is_held
from synthgen.store.publish import remove


@dataclass(frozen=True)
class Piece:
    """One thing that can go, and the bytes that this frees."""

    garbage: Garbage
    bytes: int

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        one = self.garbage
        path = one.path.relative_to(one.run).as_posix()
        return {"run": one.run.name, "path": path, "kind": one.kind, "why": one.why, "bytes": self.bytes}


@dataclass
class Collected:
    """What there was to free.

    Attributes:
        folder: of the runs.
        deleted: whether `pieces` are gone, or only would go.
        pieces: what goes.
        models: students that no pipeline names, which stay unless they are asked for.
        in_use: runs at which a process is at work; nothing of them was looked at.
        unreadable: runs whose pipeline cannot be read; as long as there are any, no stage's result goes.
        links: runs that are symbolic links, which are not followed.
        unwritable: runs of which not all could be read or deleted, with the system's reason.
    """

    folder: Path
    deleted: bool = False
    pieces: list[Piece] = field(default_factory=list)
    models: list[Piece] = field(default_factory=list)
    in_use: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    unwritable: dict[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """What `pieces` free together."""
        return sum(piece.bytes for piece in self.pieces)

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "folder": str(self.folder),
            "deleted": self.deleted,
            "bytes": self.bytes,
            "pieces": [piece.plain() for piece in self.pieces],
            "models": [piece.plain() for piece in self.models],
            "in_use": self.in_use,
            "unreadable": self.unreadable,
            "links": self.links,
            "unwritable": self.unwritable,
        }


def collect_garbage(folder: Path, *, delete: bool = False, models: bool = False) -> Collected:
    """Finds what nothing needs in a folder of runs, or in one run, and deletes it where asked.

    Args:
        folder: of all runs, or of one; the runs beside that one are only read.
        delete: delete it; else only say what would go.
        models: also students that no pipeline names.

    Returns:
        What went, or would.

    Raises:
        InputError: it is no folder with runs in it, a part of a run, or a link to one.
        RunLocked: the one run is in use.
    """
    if inside := next((parent for parent in folder.resolve().parents if is_run(parent)), None):
        raise InputError("this is a part of a run", str(folder), f"synthgen gc {inside} is about all of it")
    alone = is_run(folder)
    if alone and folder.is_symlink():  # which runs name it is known beside the link, not where it leads
        raise InputError("a symbolic link to a run is not followed", str(folder), "gc is for real folders")
    around = folder.resolve().parent if alone else folder
    runs, links = _runs(around)
    if not alone and not runs and not links:
        raise InputError(
            "there are no runs here", str(folder), f"a run's folder has {' and '.join(MARKS[:2])}"
        )
    named = Named(_with_shards([*runs, *links]))
    found = Collected(folder, delete, unreadable=[run.name for run in named.unreadable])
    freed = Freed()
    if not alone:
        found.links = [link.name for link in links]
        for garbage in list(garbage_beside(around)):
            _take(garbage, freed, found, models)
    for run in [folder.resolve()] if alone else runs:
        try:
            _collect_run(run, named, freed, found, models)
        except RunLocked:
            if alone:
                raise
            found.in_use.append(run.name)
        except OSError as fault:  # another user's, or on a disk that is mounted to be read
            if alone:
                raise
            found.unwritable[run.name] = fault.strerror or str(fault)
    return found


def _collect_run(run: Path, named: Named, freed: Freed, found: Collected, models: bool) -> None:
    if not found.deleted:
        if is_held(run):
            raise RunLocked("another process holds this run", str(run), "wait for it, or stop it")
        for garbage in garbage_of(run, named):
            _take(garbage, freed, found, models)
        return
    with RunLock(run) as lock:
        for garbage in list(garbage_of(run, named)):
            lock.check()
            with RunLock(garbage.path) if is_run(garbage.path) else contextlib.nullcontext():
                _take(garbage, freed, found, models)


def _take(garbage: Garbage, freed: Freed, found: Collected, models: bool) -> None:
    """Adds a piece to what was found, and deletes it if it is to go."""
    if garbage.kind == "model" and not models:
        found.models.append(Piece(garbage, Freed().add(garbage.path)))
        return
    piece = Piece(garbage, freed.add(garbage.path))
    if found.deleted:
        remove(garbage.run, garbage.path)
    found.pieces.append(piece)


def _runs(folder: Path) -> tuple[list[Path], list[Path]]:
    """The runs of a folder, and the symbolic links to some."""
    try:
        inside = sorted(folder.iterdir())
    except OSError as fault:
        raise InputError(
            "no such folder", str(folder), f"the folder that holds the runs ({fault.strerror})"
        ) from None
    found = [path for path in inside if not path.name.startswith(".") and path.is_dir() and is_run(path)]
    return [path for path in found if not path.is_symlink()], [path for path in found if path.is_symlink()]


def _with_shards(runs: Sequence[Path]) -> Iterator[Path]:
    for run in runs:
        yield run
        yield from sorted(path for path in run.glob("shards/[0-9]*-of-*") if is_run(path))
