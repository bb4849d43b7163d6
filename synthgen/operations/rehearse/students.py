"""Which students of a pipeline are rehearsed: each once, with the one that it starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from synthgen.core.config import resolved
from synthgen.core.errors import ConfigError
from synthgen.core.hashing import value_hash
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.plan import choose
from synthgen.pipeline.spec import Pipeline, StageSpec, ancestors, readers, stage_id_of
from synthgen.store.manifest import read_manifest

UNLIKE = frozenset(("id", "input", "seed", "seed_of", "weights", "report_to"))
"""Options in which stages may differ whose rehearsals would not."""


@dataclass(frozen=True)
class Group:
    """Stages whose students are trained alike; the first one is rehearsed."""

    stages: tuple[StageSpec, ...]
    models: Mapping[str, str]
    """The models of other stages that it reads, as references, by need: its start, its teacher."""
    measured: bool
    """Whether it is measured on validation rows."""
    measured_by_answers: bool
    """Whether these are asked, since the answers of the other rows come from a teacher later."""

    @property
    def spec(self) -> StageSpec:
        """The stage that is rehearsed."""
        return self.stages[0]

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all of them."""
        return tuple(stage.id for stage in self.stages)


def groups(pipeline: Pipeline, options: RunOptions) -> list[Group]:
    """The rehearsals of the chosen stages, in the pipeline's order.

    A student that starts from one without a result in the run has that one rehearsed before, chosen or not.

    Raises:
        ConfigError: no stage that was chosen trains a student.
    """
    chosen = choose(pipeline, options.only, options.start, options.until)
    found: dict[str, list[StageSpec]] = {}
    stands_for: dict[str, str] = {}
    for spec in _with_starts(pipeline, chosen, options.folder(pipeline)):
        models = {need: stands_for.get(name, name) for need, name in _models(spec).items()}
        alike = {name: value for name, value in resolved(spec.config).items() if name not in UNLIKE}
        behind = sorted(
            reader.id for reader in readers(pipeline, spec.id) if reader.stage.writes == "metrics"
        )
        key = value_hash(
            [spec.kind, {**alike, **models}]
            + [behind, _measured(pipeline, spec), _answers_come_later(pipeline, spec)]
        )
        found.setdefault(key, []).append(spec)
        stands_for[spec.id] = found[key][0].id
    if not found:
        raise ConfigError(
            "there is no student to rehearse",
            str(pipeline.path),
            "--rehearse is for pipelines with a stage that trains one, such as sft",
        )
    return [
        Group(
            tuple(specs),
            {need: stands_for.get(name, name) for need, name in _models(specs[0]).items()},
            _measured(pipeline, specs[0]),
            _answers_come_later(pipeline, specs[0]),
        )
        for specs in found.values()
    ]


def _with_starts(pipeline: Pipeline, chosen: list[StageSpec], run_dir: Path) -> list[StageSpec]:
    """The chosen stages that train students, and those that they read models of, if these have no result."""
    wanted = {spec.id for spec in chosen}
    for spec in reversed(pipeline.stages):
        for stage_id in map(stage_id_of, _models(spec).values()):
            if spec.id in wanted and stage_id and read_manifest(run_dir / stage_id) is None:
                wanted.add(stage_id)
    return [spec for spec in pipeline.stages if spec.id in wanted and spec.stage.teaches is not None]


def _models(spec: StageSpec) -> dict[str, str]:
    """The models of other stages that a training reads, by need."""
    if spec.stage.teaches is None:
        return {}
    needs = spec.stage.needs(spec.config)
    return {need: names[0] for need, names in spec.reads.items() if names and needs[need].kind == "model"}


def _measured(pipeline: Pipeline, spec: StageSpec) -> bool:
    """Whether there are rows for a training to be measured on: a validation part, or held-out rows."""
    parts = [name for need, names in spec.reads.items() if need == "validation" for name in names]
    sizes = [
        getattr(pipeline.stage(stage_id).config, "validation", 1) if (stage_id := stage_id_of(name)) else 1
        for name in parts
    ]
    return any(sizes) or getattr(spec.config, "held_out", 0) > 0


def _answers_come_later(pipeline: Pipeline, spec: StageSpec) -> bool:
    """Whether a teacher answers the rows only behind the split, so that its other parts have no answers."""
    parts = spec.reads.get("validation", ())
    rows = ancestors(pipeline, spec.reads.get("rows", ())) - ancestors(pipeline, parts)
    return bool(parts) and any(
        pipeline.stage(stage_id).stage.asks(pipeline.stage(stage_id).config) for stage_id in rows
    )
