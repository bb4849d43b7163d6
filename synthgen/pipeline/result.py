"""What a run came to, for Python: its stages' manifests, tables and rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from synthgen.core.errors import ConfigError, InputError, nearest
from synthgen.formats.in_memory import to_dataset, to_pandas
from synthgen.pipeline.notebook import html_of
from synthgen.store.jsonl import read_rows
from synthgen.store.manifest import Manifest, read_manifest


@dataclass(repr=False)
class RunResult:
    """What a run came to: its folder, and for each stage what was done and its manifest."""

    run_dir: Path
    stages: dict[str, Manifest] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)
    """Stage id -> ran, skipped or linked."""

    def table(self, stage_id: str) -> str:
        """What a stage has to show: the scores of an evaluation, the drops of a filter."""
        return str(self.stages[stage_id].extra.get("table", ""))

    def __repr__(self) -> str:
        return f"RunResult({str(self.run_dir)!r}, {self.done})"

    def _repr_html_(self) -> str:
        """What a notebook shows: each stage with its rows, and the tables of those that measured."""
        return html_of(str(self.run_dir), self.stages, self.done)

    def rows(self, stage_id: str | None = None, part: str | None = None) -> Iterator[dict[str, Any]]:
        """The rows that a stage kept, or those of a part: see `published_rows`.

        Where no stage is named, the last one with rows; of a split, its training part.
        """
        return published_rows(self.run_dir, last_rows(self.run_dir) if stage_id is None else stage_id, part)

    @property
    def metrics(self) -> dict[str, Any]:
        """Stage id -> what its `metrics.json` holds, of the stages that measured something."""
        return {
            stage: orjson.loads((self.run_dir / stage / "metrics.json").read_bytes())
            for stage, manifest in self.stages.items()
            if "metrics.json" in manifest.outputs
        }

    def to_dataset(self, stage_id: str | None = None, part: str | None = None) -> Any:
        """The rows as a `datasets.Dataset`, see `rows`; a column of mixed types holds JSON texts."""
        return to_dataset(lambda: self.rows(stage_id, part))

    def to_pandas(self, stage_id: str | None = None, part: str | None = None) -> Any:
        """The rows as a DataFrame, see `rows`."""
        return to_pandas(self.rows(stage_id, part))


def last_rows(run_dir: Path) -> str:
    """The stage whose rows a run came to, or the training part of a split, as `<stage>[.<part>]`.

    Raises:
        InputError: no stage with rows is finished.
    """
    manifests = [
        manifest
        for folder in run_dir.iterdir()
        if folder.is_dir() and not folder.name.startswith(".") and (manifest := read_manifest(folder))
    ]
    found = came_to(sorted(manifests, key=lambda manifest: (manifest.finished_at, manifest.stage)))
    if found is None:
        raise InputError(
            "this run has no finished stage with rows", str(run_dir), f"synthgen status {run_dir}"
        )
    return f"{found.stage}.train" if found.writes == "split" else found.stage


def came_to(manifests: Sequence[Manifest]) -> Manifest | None:
    """The stage whose rows a run came to, or None where none made any.

    What the last student was trained on; without students the last rows that no evaluation reads.

    Args:
        manifests: of the run's stages, in their order.
    """
    made = {manifest.stage: manifest for manifest in manifests if manifest.writes in ("rows", "split")}
    for manifest in reversed(manifests):
        if manifest.writes == "model":
            read = [record.artefact.split(".")[0] for record in manifest.inputs.get("rows", ())]
            if found := [made[name] for name in read if name in made]:
                return found[-1]
    held_out = {
        record.artefact
        for manifest in manifests
        if manifest.kind == "evaluate"
        for records in manifest.inputs.values()
        for record in records
    }
    last = list(made.values())
    return next((one for one in reversed(last) if one.stage not in held_out), last[-1] if last else None)


def published_rows(run_dir: Path, stage_id: str, part: str | None = None) -> Iterator[dict[str, Any]]:
    """The rows that a stage kept, or those of another of its files.

    Args:
        run_dir: the run's folder.
        stage_id: the stage, or `STAGE.PART`.
        part: `train`, `validation` or `test` of a split; `rejected` gives the rows that a stage set aside.

    Raises:
        ConfigError: the run has no result of this stage, or the stage no such rows; what there is, is named.
    """
    stage, _, named = stage_id.partition(".")
    manifest = read_manifest(run_dir / stage) if stage else None
    if manifest is None:
        known = (
            sorted(
                folder.name
                for folder in run_dir.iterdir()
                if folder.is_dir() and not folder.name.startswith(".") and read_manifest(folder) is not None
            )
            if run_dir.is_dir()
            else []
        )
        near = nearest(stage, known)
        raise ConfigError(
            f"this run has no result of a stage {stage!r}",
            str(run_dir),
            f"did you mean {near!r}?" if near else f"there are: {', '.join(known) or 'none'}",
        )
    file = f"{part or named or 'rows'}.jsonl"
    if file not in manifest.outputs:
        offered = [
            f"rows({stage!r}, {name.removesuffix('.jsonl')!r})"
            for name in manifest.outputs
            if name.endswith(".jsonl")
        ]
        what = (
            f"{stage} has no {part or named!r}"
            if part or named
            else f"{stage} makes {'rows in parts' if manifest.writes == 'split' else manifest.writes}"
        )
        raise ConfigError(what, str(run_dir / stage), f"there are: {', '.join(offered) or 'no rows'}")
    return read_rows(run_dir / stage / file)
