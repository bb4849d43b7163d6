"""The artefacts of a run's stages, found as the stages get published."""

from __future__ import annotations

from pathlib import Path

from synthgen.core.artefacts import Artefact, Inputs, Kind
from synthgen.core.errors import InputError, StageFailed
from synthgen.pipeline.other_runs import OtherRun, other_run_fault
from synthgen.pipeline.spec import Pipeline, StageSpec
from synthgen.store.failed import failed_folder, read_failure
from synthgen.store.manifest import Manifest, artefact_hash, main_file, read_manifest

NO_RESULT = "has no result yet"
FAILED = "failed when it last ran"


def artefact_of(folder: Path, part: str | None, inputs: Inputs | None = None) -> Artefact:
    """What a published stage folder offers to its readers.

    Raises:
        StageFailed: the folder holds no published result.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        failure = read_failure(folder.parent, folder.name)
        if failure is not None:
            raise StageFailed(
                f"{folder.name} {FAILED}", str(failed_folder(folder.parent, folder.name)), failure.what
            )
        raise StageFailed(
            f"{folder.name} {NO_RESULT}",
            str(folder),
            f"run it first: synthgen run PIPELINE --until {folder.name}",
        )
    file = main_file(manifest, part)
    record = manifest.outputs.get(file)
    kind: Kind = manifest.writes  # type: ignore[assignment]
    return Artefact(
        stage_id=manifest.stage,
        stage_kind=manifest.kind,
        kind=kind,
        folder=folder,
        file=folder / file,
        sha256=artefact_hash(manifest, file),
        rows=(record.rows or 0) if record else 0,
        part=part,
        inputs=inputs if inputs is not None else _recorded_inputs(folder, manifest),
        config=manifest.config,
    )


def _recorded_inputs(folder: Path, manifest: Manifest) -> Inputs:
    """The artefacts that a stage of another run had read, as far as they are still there."""
    inputs: dict[str, tuple[Artefact, ...]] = {}
    for need, records in manifest.inputs.items():
        artefacts = []
        for record in records:
            stage_folder = (folder.parent / record.file).parent
            part = record.artefact.partition(".")[2] or None
            if read_manifest(stage_folder) is not None:
                artefacts.append(artefact_of(stage_folder, part))
        inputs[need] = tuple(artefacts)
    return inputs


class Graph:
    """The artefacts of a run's stages, found as the stages get published."""

    def __init__(self, pipeline: Pipeline, run_dir: Path, other_runs: Path | None = None) -> None:
        self.pipeline, self.run_dir, self.other_runs = pipeline, run_dir, other_runs or run_dir.parent

    def folder_of(self, stage_id: str) -> Path:
        """Where a stage's result is."""
        return self.run_dir / stage_id

    def inputs(self, spec: StageSpec, missing_ok: tuple[str, ...] = ()) -> Inputs:
        """What a stage reads; a need whose kind is in `missing_ok` may be unpublished and is then empty."""
        return {
            name: tuple(
                artefact
                for reference in references
                if (artefact := self.find(reference, missing_ok)) is not None
            )
            for name, references in spec.reads.items()
        }

    def made_inputs(self, spec: StageSpec) -> Inputs | None:
        """What a stage reads, but for models; None where some of it comes after a student that is trained."""
        try:
            return self.inputs(spec, missing_ok=("model",))
        except StageFailed:
            return None

    def find(self, reference: str, missing_ok: tuple[str, ...] = ()) -> Artefact | None:
        """The artefact that a reference (`<stage id>[.<part>]` or `run:NAME:…`) names."""
        if reference.startswith("run:"):
            if (fault := other_run_fault(reference, self.other_runs)) is not None:
                raise InputError(fault.what, fault.where, fault.next)
            other = OtherRun.parse(reference, self.other_runs)
            return artefact_of(other.folder, other.part or None)
        stage_id, _, part = reference.partition(".")
        spec = self.pipeline.stage(stage_id)
        folder = self.folder_of(stage_id)
        if spec.stage.writes in missing_ok and read_manifest(folder) is None:
            return None
        return artefact_of(folder, part or None, self.inputs(spec, missing_ok))
