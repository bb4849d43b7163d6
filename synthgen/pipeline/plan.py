"""Which stages have to run, and why: stage keys and what changed in them.

A stage's key is made of everything that can change its output and nothing else: its version, its options,
the texts of its prompts and input files, the content of the artefacts it reads, its teachers, and the seed
where it draws. The parts are kept by name in the manifest, so that a rerun can say which of them changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from synthgen.core.artefacts import Inputs
from synthgen.core.config import fingerprint, resolved
from synthgen.core.errors import ConfigError, InputError, StageFailed
from synthgen.core.hashing import value_hash
from synthgen.pipeline.graph import FAILED, NO_RESULT, Graph
from synthgen.pipeline.spec import Pipeline, StageSpec
from synthgen.stages.sharding.block import block_behind, place
from synthgen.store.failed import read_failure
from synthgen.store.manifest import Manifest, altered, read_manifest
from synthgen.teachers.make import make_provider


@dataclass(frozen=True)
class StageState:
    """Whether a stage is `done` (its key is that of the published result), or why it has to run.

    `maybe`: its own key is unchanged, but a stage that it reads from has to run, and may make other rows.
    """

    state: Literal["done", "run", "waits", "maybe"]
    why: str = ""
    key: str = ""
    key_parts: Mapping[str, str] | None = None
    manifest: Manifest | None = None


def key_parts(spec: StageSpec, pipeline: Pipeline, inputs: Inputs, limit: int | None) -> dict[str, str]:
    """The named hashes that a stage's key is made of.

    Args:
        spec: the stage.
        pipeline: its pipeline: teachers and seed.
        inputs: the artefacts that it reads.
        limit: `--limit`, or None.

    Returns:
        Name -> hash, such as `option rules`, `input rows`, `teacher`, `seed`.
    """
    parts: dict[str, str] = {"stage": f"{spec.kind} {spec.stage.version}"}
    for name, value in fingerprint(spec.config).items():
        parts[f"option {name}"] = value_hash(value)
    for need, artefacts in inputs.items():
        parts[f"input {need}"] = value_hash([artefact.sha256 for artefact in artefacts])
        if spec.stage.provenance is not None:
            parts[f"provenance {need}"] = value_hash(spec.stage.provenance(need, artefacts))
    for name in spec.stage.asks(spec.config):
        teacher = pipeline.teachers[name]
        parts["teacher" if not name else f"teacher {name}"] = value_hash(teacher_fingerprint(teacher))
        if limit is not None:
            parts["limit"] = str(limit)
        if block := block_behind(inputs.get("rows", ())):
            parts["shard"] = place(block)
    if spec.stage.seeded:
        own = getattr(spec.config, "seed", None)
        parts["seed"] = str(pipeline.seed if own is None else own)
    return parts


def teacher_fingerprint(teacher: Any) -> Any:
    """What of a teacher can change an answer: not the port of its address."""
    from urllib.parse import urlsplit

    plain = fingerprint(teacher)
    url = plain.pop("base_url", None)
    if url and not plain.get("identity"):
        first = url if isinstance(url, str) else url[0]
        parts = urlsplit(first)
        plain["address"] = f"{parts.hostname}{parts.path}"
    plain["revision"] = make_provider(teacher).revision  # of a local folder: its content
    return plain


def stage_state(
    spec: StageSpec, pipeline: Pipeline, graph: Graph, *, limit: int | None, verify: bool = False
) -> StageState:
    """Whether a stage has to run, and why.

    Args:
        spec: the stage.
        pipeline: the pipeline that it belongs to.
        graph: the run's published artefacts.
        limit: `--limit`, or None.
        verify: hash files again, instead of trusting size and time.

    Returns:
        Its state, with the key that running it now would give.
    """
    folder = graph.run_dir / spec.id
    manifest = read_manifest(folder)
    try:
        inputs = graph.inputs(spec)
    except (StageFailed, InputError) as fault:  # a stage has no result, or another run is not as it is named
        return StageState("waits", fault.faults[0].what, manifest=manifest)
    parts = key_parts(spec, pipeline, inputs, limit)
    key = value_hash(parts)
    if manifest is None:
        failed = read_failure(graph.run_dir, spec.id) is not None
        return StageState("run", FAILED if failed else NO_RESULT, key, parts)
    if manifest.key != key:
        return StageState(
            "run",
            what_changed(manifest, parts, resolved(spec.config), frozenset(type(spec.config).model_fields)),
            key,
            parts,
            manifest,
        )
    gone = altered(folder, manifest, verify)
    if gone:
        missing = [name for name in gone if not (folder / name).exists()]
        why = f"{', '.join(missing)} is gone" if missing else f"edited: {', '.join(gone)}"
        return StageState("run", why, key, parts, manifest)
    return StageState("done", "unchanged", key, parts, manifest)


def stage_states(
    pipeline: Pipeline,
    run_dir: Path,
    *,
    limit: int | None,
    forced: tuple[str, ...] = (),
    verify: bool = False,
) -> dict[str, StageState]:
    """The state of every stage of a pipeline, by id, before anything is run.

    Args:
        pipeline: the pipeline.
        run_dir: the run's folder.
        limit: `--limit`, or None.
        forced: ids of stages that run though nothing changed.
        verify: hash files again, instead of trusting size and time.

    Returns:
        Stage id -> state, in the pipeline's order.
    """
    graph = Graph(pipeline, run_dir)
    states: dict[str, StageState] = {}
    for spec in pipeline.stages:
        state = stage_state(spec, pipeline, graph, limit=limit, verify=verify)
        if spec.id in forced:
            state = replace(state, state="run", why="forced")
        before = {
            reference.partition(".")[0]
            for references in spec.reads.values()
            for reference in references
            if not reference.startswith("run:")
        }
        unsure = [stage_id for stage_id in before if states[stage_id].state != "done"]
        if state.state == "done" and unsure:
            state = replace(
                state, state="maybe", why=f"runs again unless {', '.join(sorted(unsure))} comes out the same"
            )
        states[spec.id] = state
    return states


def is_current(pipeline: Pipeline, run_dir: Path, stage_ids: Iterable[str], limit: int | None = None) -> bool:
    """Whether the published results of these stages are what running them now would give.

    Args:
        pipeline: the pipeline.
        run_dir: the run's folder.
        stage_ids: the stages in question.
        limit: `--limit`, or None.

    Returns:
        True where all of them are done.
    """
    states = stage_states(pipeline, run_dir, limit=limit)
    return all(states[stage_id].state == "done" for stage_id in stage_ids)


def what_changed(
    manifest: Manifest, parts: Mapping[str, str], config: Mapping[str, Any], own: frozenset[str] = frozenset()
) -> str:
    """The names of the parts of a key that differ.

    An option that reads as before differs by the content of the files or prompts that it names.

    Args:
        manifest: the published result's.
        parts: the key's parts now.
        config: the stage's options now.
        own: names of the stage's own options; others in `config` belong to a component that is written
            among them (a task).

    Returns:
        `changed: <names>`.
    """
    old = manifest.key_parts
    beside = (
        sorted(
            name
            for name in {*manifest.config, *config} - own
            if manifest.config.get(name) != config.get(name)
        )
        if own
        else []
    )
    names = []
    for name in sorted({**old, **parts}):
        if old.get(name) == parts.get(name):
            continue
        option = name.removeprefix("option ")
        same = (
            name.startswith("option ") and option in config and manifest.config.get(option) == config[option]
        )
        names += (
            [f"option {one}" for one in beside]
            if same and beside
            else [f"the content of what {option} names" if same else name]
        )
    return f"changed: {', '.join(names)}" if names else "changed"


def choose(
    pipeline: Pipeline,
    only: tuple[str, ...],
    start: str | None,
    until: str | None,
    force: tuple[str, ...] = (),
) -> list[StageSpec]:
    """The stages that a command runs: all, those of `--only`, or `--from` one `--until` another.

    Args:
        pipeline: the pipeline.
        only: ids of `--only`.
        start: the id of `--from`.
        until: the id of `--until`.
        force: ids of `--force`, which must be among them.

    Returns:
        The stages, in the pipeline's order.
    """
    chosen = _chosen(pipeline, only, start, until)
    for name in force:
        if pipeline.stage(name) not in chosen:
            raise ConfigError(
                f"--force {name}: this command does not run {name}",
                str(pipeline.path),
                f"it runs {', '.join(spec.id for spec in chosen)}; change --only, --from or --until, "
                "or leave --force out",
            )
    return chosen


def _chosen(
    pipeline: Pipeline, only: tuple[str, ...], start: str | None, until: str | None
) -> list[StageSpec]:
    if only and (start or until):
        raise ConfigError("--only does not go with --from or --until")
    ids = [spec.id for spec in pipeline.stages]
    if only:
        wanted = {pipeline.stage(name).id for name in only}
        return [spec for spec in pipeline.stages if spec.id in wanted]
    first = ids.index(pipeline.stage(start).id) if start else 0
    last = ids.index(pipeline.stage(until).id) if until else len(ids) - 1
    if first > last:
        raise ConfigError(f"--from {start} comes after --until {until}")
    return list(pipeline.stages[first : last + 1])
