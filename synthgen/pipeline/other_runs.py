"""`run:NAME:STAGE[.PART][@VERSION]`: what a stage reads of another run, and what is wrong with it.

A version is the beginning of the content hash of what is read. With one, nothing else is ever read in its
place; without one, the hash of what was read is in the reader's manifest, and the reader runs again when it
changes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from synthgen.core.artefacts import Kind, version_of
from synthgen.core.errors import Fault, nearest
from synthgen.pipeline.spec import RESOLVED, StageSpec
from synthgen.store.manifest import Manifest, altered, artefact_hash, main_file, read_manifest

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class OtherRun:
    """A reference to a stage of another run, taken apart; `part` and `version` may be empty."""

    folder: Path
    """The stage's."""
    part: str
    version: str

    @classmethod
    def parse(cls, reference: str, runs: Path) -> OtherRun:
        """What a well-formed reference names, in the folder that holds the runs."""
        _, run, rest = reference.split(":")
        named, _, version = rest.partition("@")
        stage_id, _, part = named.partition(".")
        # `..` of a shard whose folder is not made yet
        return cls(Path(os.path.normpath(runs / run / stage_id)), part, version)

    @property
    def told(self) -> str:
        """The stage, for people."""
        return f"{self.folder.name!r} of run {self.folder.parent.name!r}"


def other_run_faults(stages: Iterable[StageSpec], runs: Path, where: str) -> Iterator[Fault]:
    """What is missing of the other runs that stages read (`run:NAME:…`).

    Args:
        stages: the stages.
        runs: the folder that holds the runs.
        where: the pipeline file.

    Yields:
        A fault for each reference to a result, or a part of one, that is not there or is another one.
    """
    for spec in stages:
        needs = spec.stage.needs(spec.config) if spec.reads else {}
        for name, references in spec.reads.items():
            wanted = needs[name].kind if name in needs else None
            for reference in references:
                fault = other_run_fault(reference, runs, wanted) if reference.startswith("run:") else None
                if fault is not None:
                    yield Fault(f"{spec.id}: {reference}: {fault.what}", where, fault.next)


def other_run_fault(reference: str, runs: Path, wanted: Kind | None = None) -> Fault | None:
    """What is wrong with what a reference names; None where it can be read.

    Args:
        reference: `run:NAME:…`.
        runs: the folder that holds the runs.
        wanted: the kind of artefact that is read from it.
    """
    other = OtherRun.parse(reference, runs)
    manifest = read_manifest(other.folder)
    if manifest is None:
        return _not_there(other.folder)
    return (
        _not_of_its_kind(reference.partition("@")[0], other, manifest, wanted)
        or _edited(other, manifest)
        or _not_its_version(reference.partition("@")[0], other, manifest)
    )


def _not_there(folder: Path) -> Fault:
    run = folder.parent
    if not run.is_dir():
        known = sorted(other.name for other in run.parent.glob("*") if (other / RESOLVED).is_file())
        near = nearest(run.name, known)
        next_step = f"did you mean {near!r}?" if near else f"runs there: {', '.join(known) or 'none'}"
        return Fault(f"there is no run {run.name!r}", str(run), next_step)
    finished = sorted(other.parent.name for other in run.glob("*/manifest.json"))
    return Fault(
        f"run {run.name!r} has no finished stage {folder.name!r}",
        str(folder),
        f"finished there: {', '.join(finished) or 'none'}",
    )


def _not_of_its_kind(name: str, other: OtherRun, manifest: Manifest, wanted: Kind | None) -> Fault | None:
    where = str(other.folder)
    if other.part and not (manifest.writes == "split" and other.part in PARTS):
        form = f"write {name.removesuffix(f'.{other.part}')}"
        parts = f"{form}.train, .validation or .test" if manifest.writes == "split" else form
        return Fault(f"{other.told} has no part {other.part!r}", where, parts)
    if "model" in (wanted, manifest.writes) and wanted not in (None, manifest.writes):
        return Fault(
            f"{other.told} makes {manifest.writes}, where {wanted} are read",
            where,
            f"name a stage that makes {wanted}",
        )
    if wanted == "rows" and not other.part and manifest.writes == "split":
        parts = f"write {name}.train, .validation or .test"
        return Fault(f"{other.told} is a split: which part?", where, parts)
    return None


def _edited(other: OtherRun, manifest: Manifest) -> Fault | None:
    """A fault where what is read is no longer what was published, so that its hash says nothing of it."""
    if manifest.writes == "split" and not other.part:
        return None
    file = main_file(manifest, other.part)
    changed = [
        name for name in altered(other.folder, manifest) if name == file or name.startswith(f"{file}/")
    ]
    if not changed:
        return None
    return Fault(
        f"{other.told} was changed after it was published ({', '.join(changed[:3])})",
        str(other.folder),
        f"make it again in its run: --force {other.folder.name}; or `load` a copy of the edited file",
    )


def _not_its_version(name: str, other: OtherRun, manifest: Manifest) -> Fault | None:
    there = artefact_hash(manifest, main_file(manifest, other.part))
    if there.startswith(other.version):
        return None
    elsewhere = _elsewhere(other)
    return Fault(
        f"{other.told} has version {version_of(there)}, where {version_of(other.version)} is wanted",
        str(other.folder),
        f"{name}@{version_of(there)} names the one that is there"
        + (f"; the one that is wanted is {elsewhere}" if elsewhere else ""),
    )


def _elsewhere(other: OtherRun) -> str:
    """A reference to what has the version in any run, but for what was made from this stage; or nothing."""
    runs, version = other.folder.parent.parent, other.version
    for file in sorted(runs.glob("[!.]*/[!.]*/manifest.json")):
        run, stage, manifest = file.parent.parent.name, file.parent.name, read_manifest(file.parent)
        read = [record.file for group in manifest.inputs.values() for record in group] if manifest else []
        places = {os.path.normpath(file.parent.parent / one) for one in read}
        if manifest is None or any(Path(place).parent == other.folder for place in places):
            continue
        for part in PARTS if manifest.writes == "split" else ("",):
            if artefact_hash(manifest, main_file(manifest, part)).startswith(version):
                return f"run:{run}:{stage}{f'.{part}' if part else ''}@{version_of(version)}"
    return ""
