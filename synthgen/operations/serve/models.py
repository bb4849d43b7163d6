"""The local models of a finished run, by name: students, their variants, and their bases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote

from synthgen.core.artefacts import Artefact
from synthgen.core.errors import InputError, nearest
from synthgen.evaluation.local import Local, locals_of
from synthgen.evaluation.recorded import best_student
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.graph import artefact_of
from synthgen.pipeline.spec import RESOLVED, Pipeline
from synthgen.store.manifest import Manifest, altered, read_manifest
from synthgen.training.completions import question_prefix


def models_of(run_dir: Path) -> dict[str, Local]:
    """Every model of a run: students by their stage's id, `<stage>.<variant>` of export_model, and bases.

    Students come in the order in which they were finished, then variants, then bases.
    """
    manifests = [
        (folder, manifest)
        for folder in sorted(run_dir.iterdir())
        if folder.is_dir() and not folder.name.startswith(".") and (manifest := read_manifest(folder))
    ]
    manifests.sort(key=lambda one: one[1].finished_at)
    students = [artefact_of(folder, None) for folder, manifest in manifests if manifest.writes == "model"]
    found: dict[str, Local] = {}
    every = locals_of(students, ["base", "students"]) if students else []
    found |= {local.name: local for local in every if local.role == "student"}
    for folder, manifest in manifests:
        if manifest.kind == "export_model":
            found |= _variants(artefact_of(folder, None), manifest)
    return found | {local.name: local for local in every if local.role == "base"}


def pipeline_of(run_dir: Path) -> Pipeline | None:
    """The pipeline of a run, as it was resolved; None where that was not kept."""
    return load_pipeline(run_dir / RESOLVED) if (run_dir / RESOLVED).is_file() else None


def last_evaluation(pipeline: Pipeline | None) -> object:
    """The options of a pipeline's last evaluation, which say how its models are asked."""
    found = [spec.config for spec in pipeline.stages if spec.kind == "evaluate"] if pipeline else []
    return found[-1] if found else None


def _variants(exported: Artefact, manifest: Manifest) -> dict[str, Local]:
    (student,) = exported.inputs["student"] or (None,)
    if student is None:
        return {}
    (own,) = locals_of([student], ["students"])
    variants = {}
    for variant in manifest.config["variants"]:
        name, folder = f"{exported.stage_id}.{variant}", str(exported.folder / variant)
        variants[name] = replace(own, name=name, path=folder, tokenizer=folder, source=own.name)
    return variants


def find_model(run_dir: Path, name: str = "", beside: Sequence[str] = ()) -> Local:
    """One model of a run.

    Args:
        run_dir: the run's folder.
        name: as `models_of` has it; where left out, the student with the best score in the last
            evaluation, else the one that was trained last.
        beside: other names that the caller knows, to be told where this one is unknown.

    Raises:
        InputError: there is no such model, or its files are no longer those that were published.
    """
    models = models_of(run_dir)
    students = [local for local in models.values() if local.role == "student" and "." not in local.name]
    if not students:
        raise InputError("this run has no finished student", str(run_dir), "sft, distill or prefer train one")
    if not name:
        best = best_student(run_dir, _evaluations(run_dir))
        local = next((one for one in students if best and one.name == best["student"]), students[-1])
    elif name in models:
        local = models[name]
    else:
        known = [*models, *beside]
        near = nearest(name, known)
        raise InputError(
            f"the run has no model {name!r}",
            str(run_dir),
            f"did you mean {near!r}?" if near else f"its models: {', '.join(known)}",
        )
    _require_whole(run_dir, local)
    return local


def _evaluations(run_dir: Path) -> list[str]:
    found = [manifest for folder in run_dir.iterdir() if (manifest := read_manifest(folder)) is not None]
    found.sort(key=lambda manifest: manifest.finished_at)
    return [manifest.stage for manifest in found if manifest.kind == "evaluate"]


def _require_whole(run_dir: Path, local: Local) -> None:
    folder = Path(local.path).parent
    manifest = read_manifest(folder) if folder.parent == run_dir else None
    changed = altered(folder, manifest) if manifest is not None else []
    if changed := [name for name in changed if name.startswith(f"{Path(local.path).name}/")]:
        raise InputError(
            f"{', '.join(changed[:3])} is no longer what was published",
            str(folder),
            f"run it again: `synthgen run PIPELINE --force {folder.name}`",
        )


def asked_turns(turns: Sequence[Mapping[str, str]], completion: str) -> list[dict[str, str]]:
    """Chat turns as a student is asked them: one of two tasks with `predict: ` before the last question."""
    prefix = question_prefix(completion)
    last = max((at for at, turn in enumerate(turns) if turn["role"] == "user"), default=-1)
    return [
        {**turn, "content": prefix + turn["content"]} if at == last else dict(turn)
        for at, turn in enumerate(turns)
    ]


def vllm_line(local: Local) -> str:
    """The command that serves a model by vLLM on this machine alone."""
    trusted = " --trust-remote-code" if local.trusted else ""
    tokenizer = f" --tokenizer {quote(local.tokenizer)}" if local.tokenizer != local.path else ""
    return (
        f"vllm serve {quote(local.path)} --served-model-name {quote(local.name)} --host 127.0.0.1{tokenizer}"
        f"{trusted}"
    )
