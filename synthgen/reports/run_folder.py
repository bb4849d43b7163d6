"""What is in a run's folder: its stages in order, their row files, rows by id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synthgen.core.artefacts import version_of
from synthgen.core.errors import InputError
from synthgen.core.rows import Row
from synthgen.pipeline.recorded import recorded_stages
from synthgen.pipeline.result import came_to
from synthgen.store.failed import ENDING, read_failure
from synthgen.store.manifest import Manifest, altered, artefact_hash, main_file, read_manifest
from synthgen.store.publish import NEW

ROW_FILES = ("rows.jsonl", "train.jsonl", "validation.jsonl", "test.jsonl", "rejected.jsonl")
"""Files of rows that a stage may publish, in the order in which they are shown."""


@dataclass(frozen=True)
class PublishedStage:
    """A published stage of a run."""

    id: str
    folder: Path
    manifest: Manifest

    def row_files(self) -> Iterator[tuple[str, Path]]:
        """(`rows`, `train` … or `rejected`, file) of each row file that is there."""
        for name in ROW_FILES:
            path = self.folder / name
            if path.is_file():
                yield name.removesuffix(".jsonl"), path

    def versions(self) -> dict[str, str]:
        """Part -> version of what the stage made; the part is empty, but for a split's.

        Of an export it is that of the rows that it was made from; of an evaluation there is none.
        """
        parts = ("train", "validation", "test") if self.manifest.writes == "split" else ("",)
        if self.manifest.writes == "metrics":
            exported = self.manifest.extra.get("version")
            return {"": version_of(str(exported))} if exported else {}
        return {
            part: version_of(artefact_hash(self.manifest, main_file(self.manifest, part))) for part in parts
        }

    def input_files(self) -> list[Path]:
        """The row files that the stage read, as far as they are still there."""
        records = [record for group in self.manifest.inputs.values() for record in group]
        files = [self.folder.parent / record.file for record in records if record.file.endswith(".jsonl")]
        return [path for path in files if path.is_file()]


@contextmanager
def reading_published(run_dir: Path) -> Iterator[None]:
    """Names the file that somebody edited, where something inside stumbles over what is in a run's files.

    Raises:
        InputError: what was read is not what a stage published.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as fault:
        for stage in stages_of(run_dir):
            if edited := altered(stage.folder, stage.manifest):
                raise InputError(
                    f"{edited[0]} is no longer what {stage.id} wrote, and cannot be read",
                    str(stage.folder / edited[0]),
                    f"restore it, or make it again: --force {stage.id}",
                ) from fault
        raise


def stages_of(run_dir: Path) -> list[PublishedStage]:
    """The published stages of a run, in the order of its pipeline; first those that it no longer names.

    Raises:
        InputError: there is no such folder.
    """
    if not run_dir.is_dir():
        raise InputError("there is no such run", str(run_dir))
    stages = {}
    for folder in sorted(run_dir.iterdir()):
        manifest = read_manifest(folder) if folder.is_dir() and not folder.name.startswith(".") else None
        if manifest is not None:
            stages[folder.name] = PublishedStage(folder.name, folder, manifest)
    order = {stage_id: position for position, stage_id in enumerate(recorded_stages(run_dir) or [])}
    return sorted(
        stages.values(),
        key=lambda stage: (order.get(stage.id, -1), stage.manifest.finished_at, stage.id),
    )


def failed_stages(run_dir: Path) -> list[PublishedStage]:
    """What failed stages left, each as a stage with the kind and the counts that are known of it."""
    left = []
    for folder in sorted(run_dir.glob(f"*{ENDING}")):
        failure = read_failure(run_dir, folder.name.removesuffix(ENDING))
        if failure is not None:
            manifest = Manifest(
                stage=failure.stage,
                kind=failure.kind,
                writes="rows",
                key=failure.key,
                key_parts={},
                config={},
                counts=failure.counts,
            )
            left.append(PublishedStage(f"{failure.stage} (failed)", folder, manifest))
    return left


def rows_stage(stages: Sequence[PublishedStage]) -> PublishedStage | None:
    """The stage whose rows the run came to; see `pipeline.result.came_to`."""
    found = came_to([stage.manifest for stage in stages])
    return next((stage for stage in stages if stage.manifest is found), None)


def dataset_of(stages: Sequence[PublishedStage]) -> dict[str, Any] | None:
    """The rows that a run came to: `stage` (`<stage id>[.train]`), `rows` and `version`; None without any."""
    found = rows_stage(stages)
    if found is None:
        return None
    part, version = next(iter(found.versions().items()))
    record = found.manifest.outputs.get(main_file(found.manifest, part))
    return {
        "stage": f"{found.id}.{part}" if part else found.id,
        "rows": record.rows if record else 0,
        "version": version,
    }


def under_way(run_dir: Path) -> Path | None:
    """The folder that a stage is being written into, or None."""
    folders = sorted(run_dir.glob(f"{NEW}*"))
    return folders[-1] if folders else None


def written_rows(path: Path) -> Iterator[Row]:
    """The rows of a file that is published or being written; a torn last line is skipped."""
    with open(path, "rb") as source:
        for number, line in enumerate(source, 1):
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as fault:
                if not line.endswith(b"\n"):
                    return
                raise InputError(
                    "a line is no JSON object",
                    f"{path}:{number}",
                    "the file was changed after it was written; run its stage again with --force",
                ) from fault
            if isinstance(row, dict):
                yield row


def rows_by_id(ids: Iterable[str], files: Iterable[Path]) -> dict[str, Row]:
    """The first row with each id that the files hold; ids that are in none are left out."""
    wanted = {row_id for row_id in ids if row_id}
    rows: dict[str, Row] = {}
    for path in files:
        if len(rows) == len(wanted):
            break
        for row in written_rows(path):
            row_id = row.get("id")
            if row_id in wanted and row_id not in rows:
                rows[row_id] = row
                if len(rows) == len(wanted):
                    break
    return rows
