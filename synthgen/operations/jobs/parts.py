"""A pipeline in parts that are jobs of their own: whole stages in a row, or stages in n shards and a merge.

This is the shard contract, in its one place. A part's stages run by `synthgen run --from … --until …`. Where
it is in shards, that is done n times with `--shard i/n`, in any order, and then `synthgen merge --of n`. The
next part begins when all of that has ended with exit code 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from synthgen.core.errors import ConfigError, Fault
from synthgen.operations.shard import refusal
from synthgen.pipeline.spec import Pipeline, StageSpec
from synthgen.stages.contract import OverPairs
from synthgen.teachers.contract import Provider
from synthgen.teachers.make import make_provider


@dataclass(frozen=True)
class Part:
    """Stages that are one job, or one array of jobs."""

    stages: tuple[str, ...]
    """Their ids; they follow each other in the pipeline."""
    shards: int = 1
    """In how many shards; 1 is whole."""
    trains: bool = False
    gpu: bool = False
    """Whether it trains or asks a model, or starts a teacher's server."""
    keys: tuple[str, ...] = ()
    """The environment variables of the keys that it needs."""

    @property
    def label(self) -> str:
        """Its first and last stage, as a name."""
        ends = dict.fromkeys((self.stages[0], self.stages[-1]))
        return "-to-".join(ends)

    @property
    def span(self) -> tuple[str, ...]:
        """The options of `synthgen run` that choose its stages."""
        return ("--from", self.stages[0], "--until", self.stages[-1])


def divide(pipeline: Pipeline, shards: int, chosen: Sequence[str] = ()) -> list[Part]:
    """The parts of a pipeline, in their order.

    Args:
        pipeline: the pipeline.
        shards: how many shards a part that is sharded has.
        chosen: ids of stages to shard; where left out, those that ask a teacher and can be sharded, with the
            stages behind them that work row by row.

    Raises:
        ConfigError: a chosen stage cannot be sharded, each with its reason; or there is one shard only.
    """
    if chosen and shards == 1:
        raise ConfigError(
            "--sharded says which stages are divided, and there is one shard",
            next="say into how many: --shards N",
        )
    if faults := [
        Fault(f"{name} cannot be sharded: {reason}", str(pipeline.path), "leave it out of --sharded")
        for name in chosen
        if (reason := refusal(pipeline.stage(name), set(), pipeline))
    ]:
        raise ConfigError.of(faults)
    parts: list[Part] = []
    stages = list(pipeline.stages)
    while stages:
        group = _group(stages, pipeline, chosen) if shards > 1 else []
        if group:
            parts.append(_part(pipeline, group, shards))
        else:
            group = stages[:1]
            part = _part(pipeline, group, 1)
            if parts and parts[-1].shards == 1 and parts[-1].gpu == part.gpu:
                part = _joined(parts.pop(), part)
            parts.append(part)
        stages = stages[len(group) :]
    return parts


def _group(stages: Sequence[StageSpec], pipeline: Pipeline, chosen: Sequence[str]) -> list[StageSpec]:
    """The stages at the beginning of `stages` that are sharded together; none where the first is not."""
    first = stages[0]
    wanted = first.id in chosen if chosen else bool(first.stage.asks(first.config))
    if not wanted or refusal(first, set(), pipeline):
        return []
    group = [first]
    for spec in () if isinstance(first.stage.sharding, OverPairs) else stages[1:]:
        inside = {one.id for one in group}
        alone = chosen and spec.id not in chosen
        if alone or isinstance(spec.stage.sharding, OverPairs) or refusal(spec, inside, pipeline):
            break
        group.append(spec)
    return group


def _part(pipeline: Pipeline, group: Sequence[StageSpec], shards: int) -> Part:
    asked = {name for spec in group for name in spec.stage.asks(spec.config)}
    providers = [make_provider(pipeline.teachers[name]) for name in sorted(asked)]
    trains = any(spec.stage.writes == "model" for spec in group)
    models = any(need.kind == "model" for spec in group for need in spec.stage.needs(spec.config).values())
    return Part(
        tuple(spec.id for spec in group),
        shards,
        trains,
        gpu=trains or models or any(map(_own_server, providers)),
        keys=tuple(dict.fromkeys(key for one in providers if (key := one.key_variable))),
    )


def _own_server(provider: Provider) -> bool:
    """Whether the run starts this teacher's server, and that server is a model."""
    return not provider.addresses() and not provider.costs_nothing


def _joined(first: Part, then: Part) -> Part:
    return Part(
        first.stages + then.stages,
        1,
        first.trains or then.trains,
        first.gpu,
        tuple(dict.fromkeys(first.keys + then.keys)),
    )
