"""The manifest of a published stage: what it was made from, what it made, and the account of its rows.

Written last into a stage's folder; a folder without one is not a result. Everything that varies between two
runs over the same ledger (times, cost, host, versions) is here or in the ledger, never in a row.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from synthgen.core.errors import StageFailed
from synthgen.core.hashing import file_sha256, value_hash

SCHEMA = 1
NAME = "manifest.json"


class FileRecord(BaseModel):
    """One output file: its content hash, its size in bytes, its rows if any, and its time and inode."""

    model_config = ConfigDict(extra="ignore")

    sha256: str
    bytes: int
    rows: int | None = None
    mtime_ns: int = 0
    inode: int = 0


class InputRecord(BaseModel):
    """One input: the artefact (`<stage>[.<part>]`), its file in the run folder, its hash and its rows."""

    model_config = ConfigDict(extra="ignore")

    artefact: str
    file: str
    sha256: str
    rows: int = 0


class Manifest(BaseModel):
    """The account of a published stage."""

    model_config = ConfigDict(extra="ignore")

    schema_version: int = SCHEMA
    stage: str
    kind: str
    writes: str
    key: str
    key_parts: dict[str, str]
    config: dict[str, Any]
    inputs: dict[str, list[InputRecord]] = Field(default_factory=dict)
    outputs: dict[str, FileRecord] = Field(default_factory=dict)
    counts: dict[str, Any] = Field(default_factory=dict)
    requests: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    extra: dict[str, Any] = Field(default_factory=dict)
    partial: bool = False
    linked_from: str | None = None
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    finished_at: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    host: dict[str, Any] = Field(default_factory=dict)
    command: str = ""

    def failed_rows(self) -> int:
        """How many rows of the stage failed."""
        return sum(self.counts.get("failed", {}).values())


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a stage folder, or None where there is none that can be read."""
    try:
        return Manifest.model_validate(orjson.loads((folder / NAME).read_bytes()))
    except (OSError, orjson.JSONDecodeError, ValidationError):
        return None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes the manifest and flushes it to disk."""
    with open(folder / NAME, "wb") as file:
        file.write(orjson.dumps(manifest.model_dump(exclude_none=True), option=orjson.OPT_INDENT_2) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def record_outputs(folder: Path, rows: dict[str, int | None]) -> dict[str, FileRecord]:
    """A record of every file in a folder except the manifest, with the row counts that the stage gave."""
    records = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME):
        name = path.relative_to(folder).as_posix()
        status = path.stat()
        records[name] = FileRecord(
            sha256=file_sha256(path),
            bytes=status.st_size,
            rows=rows.get(name),
            mtime_ns=status.st_mtime_ns,
            inode=status.st_ino,
        )
    missing = [name for name in rows if name not in records and not (folder / name).is_dir()]
    if missing:
        raise StageFailed(f"the stage names files that it did not write: {', '.join(missing)}", str(folder))
    return records


def altered(folder: Path, manifest: Manifest, verify: bool = False) -> list[str]:
    """Names of output files that are gone or no longer what was published.

    A file whose size, time and inode are unchanged counts as unchanged; with `verify` every file is hashed.
    """
    changed = []
    for name, record in manifest.outputs.items():
        try:
            status = (folder / name).stat()
        except OSError:
            changed.append(name)
            continue
        on_disk = (status.st_size, status.st_mtime_ns, status.st_ino)
        same = on_disk == (record.bytes, record.mtime_ns, record.inode)
        if same and not verify:
            continue
        if status.st_size != record.bytes:
            changed.append(name)
            continue
        found = file_sha256(folder / name) if verify else _hashed_once(folder / name, *on_disk)
        if found != record.sha256:
            changed.append(name)
    return changed


@functools.lru_cache(maxsize=10_000)
def _hashed_once(path: Path, size: int, mtime_ns: int, inode: int) -> str:
    """The content hash of a file that is not where it was published: of a copied run, at each look."""
    return file_sha256(path)


MAIN_FILE = {"rows": "rows.jsonl", "model": "model", "metrics": "metrics.json"}
"""What an artefact of a kind is read from; a split has `<part>.jsonl`."""


def main_file(manifest: Manifest, part: str | None = None) -> str:
    """The file, or for a model the folder, that the readers of a stage or of its part read."""
    return f"{part}.jsonl" if manifest.writes == "split" else MAIN_FILE[manifest.writes]


def artefact_hash(manifest: Manifest, file: str) -> str:
    """The content hash of one output file, or of a folder of them (a model) from its files' hashes."""
    if file in manifest.outputs:
        return manifest.outputs[file].sha256
    hashes = {
        name: record.sha256
        for name, record in manifest.outputs.items()
        if name.startswith(file.rstrip("/") + "/")
    }
    return value_hash(hashes)
