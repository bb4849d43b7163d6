"""Merge: the parts that a run's shards made become the run's own results, the same bytes as without shards.

The stages of the whole pipeline run with another `run`, which puts the parts together. So a merged stage has
the key, the account and the bytes of one that was never sharded. Memory: about 100 bytes a row of a stage in
which rows are born.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from synthgen.core.artefacts import Counts, Inputs
from synthgen.core.errors import ConfigError, InputError, StageFailed
from synthgen.core.progress import Reporter
from synthgen.core.text import amount
from synthgen.operations.shard import Shard, block_id, is_merged, shard_pipeline
from synthgen.pipeline.graph import Graph
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.plan import stage_state
from synthgen.pipeline.result import RunResult
from synthgen.pipeline.run import run_pipeline
from synthgen.pipeline.spec import Pipeline, StageSpec, ancestors
from synthgen.stages.contract import Context, Outcome, RowByRow, StageConfig
from synthgen.stages.sharding import pairs
from synthgen.store.jsonl import RowWriter, read_rows
from synthgen.store.manifest import Manifest, read_manifest

COPIED_BYTES = 1 << 20  # at a time
SUMMED = (
    "notes",
    "reasons",
    "reported",
    "grades",
    "asked",
    "stored",
)  # entries of a manifest's `extra` that add up over shards
ALIKE = (  # entries that are the same in every shard
    "evaluation_rows",
    "not_compared",
    "not_looked_for",
    "warnings",
)


@dataclass(frozen=True)
class ShardPart:
    """What one shard made of a stage."""

    folder: Path
    manifest: Manifest


@dataclass(frozen=True)
class Merge:
    """The shards of a run: which stages they did, and before which of those a `block` stage stands."""

    pipeline: Pipeline
    run_dir: Path
    shards: tuple[Shard, ...]
    chain: tuple[StageSpec, ...]
    cut: frozenset[str]


def merge(
    pipeline: Pipeline, options: RunOptions, of: int | None = None, reporter: Reporter | None = None
) -> RunResult:
    """Publishes in the run itself what its shards made, stage by stage.

    Args:
        pipeline: the whole pipeline.
        options: where the run is.
        of: how many shards there are; where left out, those of the only division that is not merged yet.
        reporter: where progress goes.

    Returns:
        The run, with the merged stages.

    Raises:
        InputError: there are no shards.
        StageFailed: a shard is missing, or was made from other rows or options; each is named by its number.
    """
    run_dir = options.folder(pipeline)
    number = _number_of_shards(pipeline, run_dir, of)
    shards = tuple(Shard(one, number) for one in range(1, number + 1))
    finished = {
        spec.id: [
            manifest
            for shard in shards
            if (manifest := read_manifest(shard.folder(run_dir) / spec.id)) is not None
        ]
        for spec in pipeline.stages
    }
    chain = tuple(spec for spec in pipeline.stages if finished[spec.id])
    if not chain:
        raise InputError("no shard has finished a stage", str(run_dir / "shards"))
    cut = frozenset(
        spec.id for spec in chain if finished[spec.id][0].inputs["rows"][0].artefact == block_id(spec)
    )
    plan = Merge(pipeline, run_dir, shards, chain, cut)
    stages = tuple(
        replace(spec, stage=replace(spec.stage, run=partial(_put_together, plan, spec)))
        if spec in chain
        else spec
        for spec in pipeline.stages
    )
    only = tuple(spec.id for spec in chain)
    return run_pipeline(replace(pipeline, stages=stages), replace(options, only=only), reporter)


def _number_of_shards(pipeline: Pipeline, run_dir: Path, of: int | None) -> int:
    """How many shards the run has, by the names of their folders."""
    numbers = {
        int(match[1])
        for folder in (run_dir / "shards").glob("*-of-*")
        if (match := re.fullmatch(r"\d+-of-(\d+)", folder.name))
    }
    if not numbers or (of is not None and of not in numbers):
        raise InputError(
            "there are no shards to merge" if of is None else f"there are no shards of {of}",
            str(run_dir / "shards"),
            f"make them first: synthgen run {pipeline.path} --only STAGE_ID --shard 1/4",
        )
    if of is None and len(numbers) > 1:
        waiting = {
            number
            for number in numbers
            if not is_merged(run_dir, (run_dir / "shards").glob(f"*-of-{number}"), number)
        }
        if len(waiting) == 1:
            return waiting.pop()
        raise ConfigError(
            f"there are shards of {' and of '.join(map(str, sorted(numbers)))}"
            f"{'' if waiting else ', and all of them are merged'}",
            str(run_dir / "shards"),
            f"say which: --of {max(waiting or numbers)}",
        )
    return of or max(numbers)


def _put_together(
    plan: Merge, spec: StageSpec, inputs: Inputs, config: StageConfig, context: Context, out: Path
) -> Outcome:
    """The `run` of a merged stage: its shards' parts, once all of them are there and up to date."""
    parts = _parts(plan, spec)
    if isinstance(spec.stage.sharding, RowByRow):
        return _end_to_end(spec.id, spec.stage.sharding, parts, out)
    outcome = pairs.decide(
        inputs, config, context, out, [part.folder for part in parts], [part.manifest for part in parts]
    )
    return replace(outcome, extra={**outcome.extra, "shards": len(parts)})


def _parts(plan: Merge, spec: StageSpec) -> list[ShardPart]:
    """Each shard's part of a stage; StageFailed where one is missing or out of date."""
    parts: list[ShardPart] = []
    missing: list[int] = []
    stale: list[tuple[int, str]] = []
    for shard in plan.shards:
        folder = shard.folder(plan.run_dir)
        manifest = read_manifest(folder / spec.id)
        if manifest is None:
            missing.append(shard.number)
            continue
        pipeline = shard_pipeline(plan.pipeline, plan.chain, shard, set(plan.cut))
        wanted = ancestors(pipeline, [spec.id])
        graph = Graph(pipeline, folder)
        states = [
            stage_state(one, pipeline, graph, limit=None) for one in pipeline.stages if one.id in wanted
        ]
        whys = [state.why for state in states if state.state != "done"]
        stale += [(shard.number, whys[0])] if whys else []
        parts.append(ShardPart(folder / spec.id, manifest))
    if missing or stale:
        raise _not_ready(plan, spec, missing, stale)
    return parts


def _not_ready(
    plan: Merge, spec: StageSpec, missing: Sequence[int], stale: Sequence[tuple[int, str]]
) -> StageFailed:
    """Which shards must run (again), and the command for the first of them."""
    number = len(plan.shards)
    reasons = [f"shard {_listed(missing)} of {number} has no result"] if missing else []
    if stale:
        listed = ", ".join(f"{one} ({why})" for one, why in stale)
        reasons.append(f"shard {listed} of {number} is not up to date")
    first = missing[0] if missing else stale[0][0]
    again = [spec.id]
    if isinstance(spec.stage.sharding, RowByRow):
        again = [one.id for one in plan.chain if isinstance(one.stage.sharding, RowByRow)]
    return StageFailed(
        f"{spec.id}: {'; '.join(reasons)}",
        str(plan.run_dir / "shards"),
        f"synthgen run {plan.pipeline.path} --only {' --only '.join(again)} --shard {first}/{number}",
    )


def _end_to_end(stage_id: str, sharding: RowByRow[Any], parts: Sequence[ShardPart], out: Path) -> Outcome:
    """The shards' files, one behind the other."""
    if sharding.new_ids:
        check_ids(stage_id, [part.folder for part in parts])
    files: dict[str, int | None] = {}
    for name in sorted({name for part in parts for name in part.manifest.outputs}):
        with RowWriter(out / name) as writer:
            for number, part in enumerate(parts):
                with open(part.folder / name, "rb") as source:
                    if number and name in sharding.headed:
                        source.readline()  # the header, once
                    while piece := source.read(COPIED_BYTES):
                        writer.write_block(piece, 0)
        rows = [part.manifest.outputs[name].rows for part in parts]
        files[name] = None if None in rows else sum(row or 0 for row in rows)
    manifests = [part.manifest for part in parts]
    total = _sum([manifest.counts for manifest in manifests])
    counts = Counts(total["in"], total["kept"], total["rejected"], total["failed"])
    extra = {
        name: _sum([manifest.extra[name] for manifest in manifests if name in manifest.extra])
        for name in SUMMED
        if any(name in manifest.extra for manifest in manifests)
    }
    extra |= {name: manifests[0].extra[name] for name in ALIKE if name in manifests[0].extra}
    return Outcome(
        counts,
        files,
        requests=_sum([manifest.requests for manifest in manifests if manifest.requests]),
        usage=_sum([manifest.usage for manifest in manifests if manifest.usage]),
        asked=extra.pop("asked", None),
        extra={**extra, "shards": len(parts)},
        table=_table(counts, len(parts), extra.get("warnings", ())),
    )


def check_ids(stage_id: str, folders: Sequence[Path]) -> None:
    """Raises StageFailed where two shards gave the same id.

    Without shards one of the rows would have another.

    Ids are numbered within a shard, by content and parent.
    """
    shard_of: dict[str, int] = {}
    for number, folder in enumerate(folders, 1):
        for file in (folder / "rows.jsonl", folder / "rejected.jsonl"):
            for row in read_rows(file):
                row_id = str(row.get("id"))
                failed = row.get("rejection", {}).get("kind") == "failed"
                if not failed and shard_of.setdefault(row_id, number) != number:
                    raise StageFailed(
                        f"{stage_id}: shards {shard_of[row_id]} and {number} made rows with the same id "
                        f"{row_id}",
                        str(file),
                        "their input rows have no ids, or the same ones: run this stage without --shard",
                    )


def _sum(values: Sequence[Any]) -> Any:
    """Numbers added up, mappings key by key; None of nothing."""
    if not values:
        return None
    if isinstance(values[0], dict):
        keys = dict.fromkeys(key for value in values for key in value)
        return {key: _sum([value[key] for value in values if key in value]) for key in keys}
    return sum(values)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:20])) + (" …" if len(numbers) > 20 else "")


def _table(counts: Counts, shards: int, warnings: Sequence[str]) -> str:
    share = counts.kept / max(counts.in_, 1)
    lines = [f"{amount(counts.in_, 'row')} of {shards} shards, {counts.kept:,} kept ({share:.1%})"]
    lines += [f"  WARNING: {warning}" for warning in warnings]
    lines += [f"  {name:<20} {rows:>9,}" for name, rows in sorted(counts.rejected.items())]
    lines += [f"  failed: {name:<12} {rows:>9,}" for name, rows in sorted(counts.failed.items())]
    return "\n".join(lines)
