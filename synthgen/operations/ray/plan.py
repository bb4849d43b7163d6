"""What a pipeline's parts need of a cluster, into how many shards they go, and what a cluster lacks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synthgen.core.errors import ConfigError, Fault
from synthgen.operations.jobs.parts import Part
from synthgen.pipeline.spec import Pipeline

SHARDS_A_SLOT = 2
"""Shards for each that can run at the same time: what a dead node had begun is then a smaller piece."""
MOST_SHARDS = 1000


@dataclass(frozen=True)
class Node:
    """A machine of the cluster, and what it has in all."""

    cpus: float
    gpus: float = 0.0


@dataclass(frozen=True)
class Need:
    """What one task of a part takes of a node."""

    cpus: float
    gpus: float = 0.0

    def fits(self, node: Node) -> bool:
        """Whether a node has that much."""
        return node.cpus >= self.cpus and node.gpus >= self.gpus

    def __str__(self) -> str:
        parts = [_counted(self.cpus, "CPU")] if self.cpus or not self.gpus else []
        return " and ".join([*parts, *([_counted(self.gpus, "GPU")] if self.gpus else [])])


@dataclass(frozen=True)
class Asked:
    """CPUs or GPUs as the command line asks for them: for all parts, or for the part of a stage."""

    everywhere: float | None = None
    of_stage: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, flag: str, texts: Sequence[str], pipeline: Pipeline) -> Asked:
        """Reads `N` and `STAGE_ID=N`.

        Raises:
            ConfigError: it is neither, or there is no such stage.
        """
        everywhere: float | None = None
        of_stage: dict[str, float] = {}
        for text in texts:
            stage, equals, number = text.rpartition("=")
            wrong = not re.fullmatch(r"\d{1,6}(\.\d{1,4})?", number) or (equals and not stage)
            if wrong or (flag == "--gpus" and float(number) > 1 and not float(number).is_integer()):
                raise ConfigError(
                    f"{flag} wants N or STAGE_ID=N, found {text!r}",
                    next=f"for example {flag} 2, or {flag} {pipeline.stages[-1].id}=4",
                )
            if equals:
                of_stage[pipeline.stage(stage).id] = float(number)
            else:
                everywhere = float(number)
        return cls(everywhere, of_stage)

    def of(self, part: Part) -> float | None:
        """What is asked for a part: the most that is asked for one of its stages, else what is for all."""
        named = [self.of_stage[stage] for stage in part.stages if stage in self.of_stage]
        return max(named) if named else self.everywhere


def need_of(part: Part, cpus: Asked, gpus: Asked, nodes: Sequence[Node]) -> Need:
    """What a task of a part takes.

    A GPU where it trains, or asks a model of its own. One CPU a shard. A part that is not in shards works
    alone, so it takes a node's CPUs: those of the smallest node that could do it.
    """
    wanted = gpus.of(part)
    graphic = (1.0 if wanted is None else wanted) if part.gpu or _named(part, gpus) else 0.0
    if (asked := cpus.of(part)) is not None:
        return Need(asked, graphic)
    if part.shards > 1:
        return Need(1.0, graphic)
    whole = [node.cpus for node in nodes if node.cpus and node.gpus >= graphic]
    return Need(min(whole, default=1.0), graphic)


def lacking(needs: Mapping[Part, Need], nodes: Sequence[Node]) -> list[Fault]:
    """A fault for each part that no node can do, with what is missing."""
    return [
        Fault(
            f"the cluster is too small for {', '.join(part.stages)}: one task needs {need} on one node, "
            f"and {_largest(nodes, need)}",
            next=_instead(part, need, nodes),
        )
        for part, need in needs.items()
        if not any(map(need.fits, nodes))
    ]


def number_of_shards(run_dir: Path, slots: int) -> int:
    """Into how many shards a pipeline goes where nobody says: as many as before, or by the cluster's size.

    Args:
        run_dir: the run's folder; shards of one number that it holds are gone on with.
        slots: how many shards can run at the same time.
    """
    there = {
        int(match[1])
        for folder in (run_dir / "shards").glob("*-of-*")
        if (match := re.fullmatch(r"\d+-of-(\d+)", folder.name))
    }
    return there.pop() if len(there) == 1 else max(1, min(SHARDS_A_SLOT * slots, MOST_SHARDS))


def slots(need: Need, nodes: Sequence[Node]) -> int:
    """How many tasks that need so much can run on the nodes at the same time."""
    return sum(_times(need, node) for node in nodes)


def _times(need: Need, node: Node) -> int:
    pairs = ((node.cpus, need.cpus), (node.gpus, need.gpus))
    return int(min((have // want for have, want in pairs if want), default=node.cpus))


def _named(part: Part, asked: Asked) -> bool:
    return any(stage in asked.of_stage for stage in part.stages)


def _largest(nodes: Sequence[Node], need: Need) -> str:
    """What the nodes have, where it is too little."""
    if not nodes:
        return "no node is alive"
    one = len(nodes) == 1
    cpus, gpus = max(node.cpus for node in nodes), max(node.gpus for node in nodes)
    have = [_counted(cpus, "CPU")] if need.cpus > cpus else []
    have += [_counted(gpus, "GPU") if gpus else "no GPU"] if need.gpus > gpus else []
    if not have:
        return "no node has both"
    return f"{'the only node' if one else f'the largest of {len(nodes)} nodes'} has {' and '.join(have)}"


def _instead(part: Part, need: Need, nodes: Sequence[Node]) -> str:
    """What to ask for in its place."""
    cpu = max((node.cpus for node in nodes), default=0.0)
    ways = [f"--cpus {part.stages[0]}={cpu:g}"] if 0 < cpu < need.cpus else []
    if need.gpus > max((node.gpus for node in nodes), default=0.0):
        ways.append(f"--gpus {part.stages[0]}=0, which trains and asks models on CPUs")
    return f"add a node that has it, or give {' and '.join(ways)}" if ways else "add a node that has both"


def _counted(number: float, noun: str) -> str:
    return f"{number:g} {noun}{'' if number == 1 else 's'}"
