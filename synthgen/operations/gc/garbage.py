"""What of one run's folder nothing needs: what killed processes left, and what its pipeline has left behind.

Nothing is here that only money or a person could make again: replies, recorded prompts, marks, reports, files
that synthgen did not write, and results that were edited stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from synthgen.core.errors import SynthgenError
from synthgen.operations.gc.named import Named
from synthgen.operations.rehearse.leftovers import leftovers
from synthgen.operations.shard import is_merged
from synthgen.pipeline.attempts import Attempt, last_attempts
from synthgen.pipeline.recorded import recorded_stages
from synthgen.store.failed import ENDING, read_failure
from synthgen.store.failed import NAME as FAILURE
from synthgen.store.jsonl import read_log
from synthgen.store.lock import is_held
from synthgen.store.manifest import NAME as MANIFEST
from synthgen.store.manifest import altered, read_manifest
from synthgen.store.publish import GONE, KEYS, NEW, OLD

Kind = Literal["unfinished", "failed", "work", "shards", "rows", "model"]


@dataclass(frozen=True)
class Garbage:
    """A file or folder of a run that can go.

    `kind` is `unfinished` (left by a killed process), `failed` (what a failed stage left that is settled
    now), `work` (checkpoints of a stage that is finished), `shards` (merged ones), `rows` or `model` (the
    result of a stage that no pipeline names).
    """

    run: Path
    path: Path
    kind: Kind
    why: str


def garbage_of(run: Path, named: Named) -> Iterator[Garbage]:
    """What can go of one run at which no process is at work.

    Args:
        run: its folder; not a symbolic link.
        named: what all runs name. Where one of them cannot be read, no stage's result can go.
    """
    planned = recorded_stages(run)
    attempts = _attempts(run)
    for path in sorted(run.iterdir()):
        if path.is_symlink():
            continue
        if left := _unfinished(run, path):
            yield Garbage(run, path, "unfinished", left)
        elif planned is None:
            continue
        elif path.name == ".work" and path.is_dir():
            for work in sorted(one for one in path.iterdir() if not one.is_symlink()):
                if (
                    attempts is not None
                    and work.name not in attempts
                    and read_manifest(run / work.name) is not None
                ):
                    yield Garbage(run, work, "work", "its stage is finished")
        elif path.name.endswith(ENDING) and (path / FAILURE).is_file():
            if settled := _settled(run, path, planned):
                yield Garbage(run, path, "failed", settled)
        elif path.name == "shards" and path.is_dir():
            yield from _merged_shards(run, path)
        elif (path / MANIFEST).is_file() and path.name not in planned:
            yield from _left_behind(run, path, named)


def garbage_beside(runs: Path) -> Iterator[Garbage]:
    """What can go beside the runs of a folder: what rehearsals and deletions left that were killed."""
    for path in (*leftovers(runs), *sorted(runs.glob(f"{GONE}*"))):
        if path.is_dir() and not path.is_symlink():
            yield Garbage(runs, path, "unfinished", "its process was killed")


def _unfinished(run: Path, path: Path) -> str:
    """Why something that a process had begun can go, or nothing."""
    if path.is_dir() and path.name.startswith((NEW, GONE)):
        return "its process was killed"
    if path.name.startswith(OLD) and path.is_dir() and (run / path.name.removeprefix(OLD)).exists():
        return "a newer result stands in its place"
    return ""


def _settled(run: Path, path: Path, planned: list[str]) -> str:
    """Why what a failed stage left can go, or nothing."""
    stage = path.name.removesuffix(ENDING)
    failure, manifest = read_failure(run, stage), read_manifest(run / stage)
    if failure is None:
        return ""
    if stage not in planned:
        return "the pipeline no longer names its stage"
    return "its stage has a result since" if manifest and manifest.finished_at > failure.failed_at else ""


def _merged_shards(run: Path, folder: Path) -> Iterator[Garbage]:
    parts: dict[int, list[Path]] = {}
    for path in sorted(folder.glob("*-of-*")):
        match = re.fullmatch(r"\d+-of-(\d+)", path.name)
        if match is not None and path.is_dir() and not path.is_symlink():
            parts.setdefault(int(match[1]), []).append(path)
    merged: list[Path] = []
    for of, paths in parts.items():
        quiet = not any(is_held(path) for path in paths) and all(_ended_well(path) for path in paths)
        if quiet and is_merged(run, paths, of):
            merged += paths
    keys = folder / KEYS
    if merged and {path.name for path in folder.iterdir()} <= {KEYS, *(path.name for path in merged)}:
        merged += [keys] if keys.is_dir() and not keys.is_symlink() else []
    yield from (Garbage(run, path, "shards", "merged into the run") for path in merged)


def _attempts(run: Path) -> Mapping[str, Attempt] | None:
    """The stages whose last start did not end well; None where the run's log cannot be read."""
    try:
        return last_attempts(run, alive=False)
    except (OSError, SynthgenError):
        return None


def _ended_well(run: Path) -> bool:
    last = ""
    try:
        for entry in read_log(run / "run.log.jsonl"):
            last = str(entry.get("event"))
    except (OSError, SynthgenError):
        return False
    return last == "done"


def _left_behind(run: Path, stage: Path, named: Named) -> Iterator[Garbage]:
    """A stage's result that nothing names, if all of it is as synthgen published it."""
    manifest = read_manifest(stage)
    if manifest is None or manifest.stage != stage.name or named.unreadable or stage in named:
        return
    ours = {MANIFEST, *manifest.outputs}
    files = {path.relative_to(stage).as_posix() for path in stage.rglob("*") if not path.is_dir()}
    if files <= ours and not altered(stage, manifest):
        kind: Kind = "model" if manifest.writes == "model" else "rows"
        yield Garbage(run, stage, kind, "no pipeline names it")
