"""A checked pipeline: its stages in order, each with its options and the artefacts that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthgen.core.config import resolved
from synthgen.core.errors import ConfigError, nearest
from synthgen.stages.contract import Stage, StageConfig
from synthgen.teachers.config import Budget, TeacherConfig

RESOLVED = "pipeline.resolved.yaml"
"""In a run's folder: its pipeline with every default filled in."""


@dataclass(frozen=True)
class StageSpec:
    """One stage of a pipeline: its id, kind and options, and the stages that it reads, by need."""

    id: str
    kind: str
    stage: Stage[Any]
    config: StageConfig
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Need -> references (`<stage id>`, `<stage id>.<part>` or `run:NAME:…`)."""

    @property
    def written_id(self) -> str:
        """The id in the file: of a stage with `seeds`, that of all of them."""
        return getattr(self.config, "seed_of", None) or self.id


@dataclass(frozen=True)
class Pipeline:
    """A checked pipeline: every name is known, every input is there, every option is valid."""

    path: Path
    name: str
    seed: int
    teachers: Mapping[str, TeacherConfig]
    """By name; the pipeline's own `teacher` is under ""."""
    budget: Budget | None
    stages: tuple[StageSpec, ...]

    def stage(self, stage_id: str) -> StageSpec:
        """The stage with an id; ConfigError with the nearest one where there is none."""
        for stage in self.stages:
            if stage.id == stage_id:
                return stage
        near = nearest(stage_id, [stage.id for stage in self.stages])
        known = ", ".join(stage.id for stage in self.stages)
        raise ConfigError(
            f"no stage {stage_id!r} in this pipeline",
            str(self.path),
            f"did you mean {near!r}?" if near else f"its stages: {known}",
        )

    def resolved(self) -> dict[str, Any]:
        """The pipeline with every default filled in."""
        whole: dict[str, Any] = {"version": 1, "name": self.name, "seed": self.seed}
        if "" in self.teachers:
            whole["teacher"] = resolved(self.teachers[""])
        named = {name: resolved(teacher) for name, teacher in self.teachers.items() if name}
        if named:
            whole["teachers"] = named
        if self.budget is not None:
            whole["budget"] = resolved(self.budget)
        whole["stages"] = [{stage.kind: {**resolved(stage.config), "id": stage.id}} for stage in self.stages]
        return whole


def stage_id_of(reference: str) -> str:
    """The stage of `<stage id>[.<part>]`; empty for a reference to another run."""
    return "" if reference.startswith("run:") else reference.partition(".")[0]


def readers(pipeline: Pipeline, stage_id: str) -> list[StageSpec]:
    """The stages that read what a stage makes."""
    return [
        other
        for other in pipeline.stages
        if stage_id in {stage_id_of(name) for names in other.reads.values() for name in names}
    ]


def reply_room(pipeline: Pipeline, spec: StageSpec) -> int | None:
    """The fewest tokens that a stage which reads this one's model lets a reply have."""
    limits = (getattr(reader.config, "max_new_tokens", None) for reader in readers(pipeline, spec.id))
    return min((int(limit) for limit in limits if limit), default=None)


def ancestors(pipeline: Pipeline, references: Iterable[str]) -> set[str]:
    """The ids of the stages that references name, and of all that those read; other runs are left out."""
    reached: set[str] = set()
    waiting = [stage_id for reference in references if (stage_id := stage_id_of(reference))]
    while waiting:
        stage_id = waiting.pop()
        if stage_id not in reached:
            reached.add(stage_id)
            waiting += [
                earlier
                for references in pipeline.stage(stage_id).reads.values()
                for reference in references
                if (earlier := stage_id_of(reference))
            ]
    return reached
