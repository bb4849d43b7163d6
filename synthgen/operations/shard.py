"""Shards: a stage's work in n parts, by n processes or machines, with the same bytes as without shards.

A shard is a run of its own in `<run>/shards/<i>-of-<n>/`. Before a stage that works row by row, a `block`
stage cuts the shard's rows out of what the run has published. In place of a stage that compares rows, a
`pairs` stage finds its part of the rows that are alike. `synthgen merge` puts the parts together.

Three things could depend on the number of shards, and do not. An identical request counts its occurrences
over the rows before its shard too: they are read again, nobody is asked. Ids depend on content and parent,
and a parent is in one shard only; merge checks it. A cap is shared out evenly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from synthgen.core.errors import ConfigError, Fault, StageFailed
from synthgen.pipeline.graph import Graph
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.plan import choose, stage_state
from synthgen.pipeline.spec import Pipeline, StageSpec, ancestors, stage_id_of
from synthgen.stages.contract import OverPairs, RowByRow, Whole
from synthgen.stages.sharding import block, pairs
from synthgen.store.manifest import read_manifest
from synthgen.teachers.config import Budget

_BLOCK = "-block"  # ends the id of a stage that only cuts a shard's rows out


@dataclass(frozen=True)
class Shard:
    """Part `number` (from 1) of `of`."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """`2/7` as a shard."""
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise ConfigError(
                f"--shard wants i/n with i from 1 to n, found {text!r}",
                next="for example --shard 1/4, and 2/4, 3/4, 4/4 beside it",
            )
        return cls(int(match[1]), int(match[2]))

    def folder(self, run_dir: Path) -> Path:
        """The folder of the shard's run."""
        return run_dir / "shards" / f"{self.number}-of-{self.of}"


def sharded(pipeline: Pipeline, options: RunOptions, shard: Shard) -> tuple[Pipeline, RunOptions]:
    """The pipeline of one shard and how to run it: the stages that `options` selects, over this shard's rows.

    Raises:
        ConfigError: a selected stage cannot be sharded; each such stage is named with its reason.
        StageFailed: a stage that the selected ones read has not run, or would run again.
    """
    if options.limit is not None:
        raise ConfigError(
            "--limit does not go with --shard",
            next="try the pipeline with --limit alone, then shard the whole",
        )
    chain = choose(pipeline, options.only, options.start, options.until)
    inside = {spec.id for spec in chain if not isinstance(spec.stage.sharding, Whole)}
    faults = [
        Fault(f"{spec.id} cannot be sharded: {reason}", str(pipeline.path), _how(pipeline))
        for spec in chain
        if (reason := refusal(spec, inside, pipeline))
    ]
    if faults:
        raise ConfigError.of(faults)
    run_dir = options.folder(pipeline)
    graph = Graph(pipeline, run_dir)
    sources = ancestors(pipeline, [spec.id for spec in chain]) - inside
    for source in (spec for spec in pipeline.stages if spec.id in sources):
        state = stage_state(source, pipeline, graph, limit=None, verify=options.verify)
        if state.state != "done":
            raise StageFailed(
                f"{source.id}, which the shards read, is not ready: {state.why}",
                str(run_dir),
                f"run it whole first: synthgen run {pipeline.path} --until {source.id}",
            )
    cut = {
        spec.id
        for spec in chain
        if isinstance(spec.stage.sharding, RowByRow) and stage_id_of(first_input(spec)[0]) not in inside
    }
    charged_run = f"{options.charged_run or run_dir.name}.shard-{shard.number}-of-{shard.of}"
    return shard_pipeline(pipeline, chain, shard, cut), replace(
        options, run_dir=shard.folder(run_dir), only=(), start=None, until=None, charged_run=charged_run
    )


def shard_pipeline(pipeline: Pipeline, chain: Sequence[StageSpec], shard: Shard, cut: set[str]) -> Pipeline:
    """The pipeline of a shard; what its stages read from outside the chain is taken from the run.

    Args:
        pipeline: the whole pipeline.
        chain: its stages that are sharded.
        shard: which part.
        cut: the ids of those before which a `block` stage stands.

    Returns:
        The stages of the chain and their blocks, with the shard's part of the budget.
    """
    inside = {spec.id for spec in chain}
    stages: list[StageSpec] = []
    for spec in chain:
        first = next(iter(spec.reads))
        over_pairs = isinstance(spec.stage.sharding, OverPairs)
        reads = {
            need: tuple(
                reference
                if stage_id_of(reference) in inside and spec.id not in cut and not over_pairs
                else _outside(reference)
                for reference in references
            )
            for need, references in spec.reads.items()
        }
        if over_pairs:
            part = pairs.part_config(spec.config, spec.id, reads[first], shard.number, shard.of)
            stages.append(StageSpec(spec.id, "pairs", pairs.STAGE, part, reads))
            continue
        if spec.id in cut:
            config = block.Config(id=block_id(spec), input=reads[first], number=shard.number, of=shard.of)
            stages.append(StageSpec(block_id(spec), "block", block.STAGE, config, {"rows": reads[first]}))
            reads[first] = (block_id(spec),)
        options = {"input": reads[first], **_named_inputs(spec, reads)}
        stages.append(replace(spec, config=spec.config.model_copy(update=options), reads=reads))
    return replace(pipeline, stages=tuple(stages), budget=_share_of(pipeline, shard))


def first_input(spec: StageSpec) -> tuple[str, ...]:
    """The references that `input:` overrides: the rows that are sharded."""
    return spec.reads[next(iter(spec.reads))]


def block_id(spec: StageSpec) -> str:
    """The id of the `block` stage before a stage."""
    return f"{spec.id}{_BLOCK}"


def is_merged(run_dir: Path, folders: Iterable[Path], of: int) -> bool:
    """Whether a run holds what its shards made, and nothing of them is newer.

    Args:
        run_dir: the run's folder.
        folders: of its shards.
        of: how many shards there are.
    """
    made = [
        manifest
        for folder in folders
        for file in folder.glob("[!.]*/manifest.json")
        if (manifest := read_manifest(file.parent)) is not None and not manifest.stage.endswith(_BLOCK)
    ]
    merged = {part.stage: read_manifest(run_dir / part.stage) for part in made}
    return bool(made) and all(
        (whole := merged[part.stage]) is not None
        and whole.extra.get("shards") == of
        and whole.finished_at >= part.finished_at
        for part in made
    )


def _named_inputs(spec: StageSpec, reads: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """The options that name other inputs (`Need.option`), as the shard's run names them."""
    options: dict[str, Any] = {}
    for name, need in spec.stage.needs(spec.config).items():
        if need.option and reads.get(name):
            options[need.option] = reads[name] if need.many else reads[name][0].removesuffix(f".{need.part}")
    return options


def refusal(spec: StageSpec, inside: set[str], pipeline: Pipeline) -> str:
    """Why a stage cannot be sharded together with those `inside`; empty where it can."""
    sharding = spec.stage.sharding
    if isinstance(sharding, Whole):
        return sharding.reason
    read = first_input(spec) if spec.reads else ()
    before = [stage_id for reference in read if (stage_id := stage_id_of(reference)) in inside]
    if before and isinstance(sharding, OverPairs):
        return f"it compares the rows of all shards, which are together only once {before[0]} is merged"
    undecided = [
        stage_id for stage_id in before if isinstance(pipeline.stage(stage_id).stage.sharding, OverPairs)
    ]
    if undecided:
        return f"which rows {undecided[0]} keeps is not known before it is merged"
    if isinstance(sharding, OverPairs):
        return ""
    if reason := sharding.refuses(spec.config):
        return reason
    if before and spec.stage.asks(spec.config):
        return (
            f"which of its requests repeat one of another shard's is not known before {before[0]} is merged"
        )
    if len(read) > 1 and before:
        return f"it reads several stages, and {before[0]} only in part"
    return ""


def _how(pipeline: Pipeline) -> str:
    """What can be sharded in this pipeline, and how."""
    fit = [spec for spec in pipeline.stages if not refusal(spec, set(), pipeline)]
    together = ", ".join(spec.id for spec in fit if isinstance(spec.stage.sharding, RowByRow))
    alone = ", ".join(spec.id for spec in fit if isinstance(spec.stage.sharding, OverPairs))
    ways = [f"shard {together} with --only"] if together else []
    ways += [f"shard {alone} alone, once what it reads is merged"] if alone else []
    if not ways:
        return "no stage of this pipeline can be sharded"
    return f"{'; '.join(ways)}; run the others whole"


def _share_of(pipeline: Pipeline, shard: Shard) -> Budget | None:
    """The shard's part of the cap.

    Raises:
        ConfigError: a part would be nothing.
    """
    budget = pipeline.budget
    if budget is None:
        return None
    parts = {
        "usd": budget.usd and budget.usd / shard.of,
        "tokens": budget.tokens and budget.tokens // shard.of,
        "requests": budget.requests and budget.requests // shard.of,
    }
    if any(part == 0 for part in parts.values()):
        raise ConfigError(
            f"the budget is too small to be shared by {shard.of} shards",
            str(pipeline.path),
            "raise `budget`, or make fewer shards",
        )
    return budget.model_copy(update=parts)


def _outside(reference: str) -> str:
    """A reference as the shard's run sees it, two folders further down."""
    if reference.startswith("run:"):
        return f"run:../../{reference.removeprefix('run:')}"
    return f"run:..:{reference}"
