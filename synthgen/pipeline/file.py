"""The pipeline file: read with line numbers, completed by --values and --set, and checked as a whole.

Every fault is found before anything runs, and all of them are listed together, each with its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from synthgen.core import registry
from synthgen.core.config import Component, Location, Misfit, Unhashed, build, faults_of
from synthgen.core.errors import ConfigError, nearest
from synthgen.pipeline.mistaken import mistaken
from synthgen.pipeline.reads import NAME, resolve_reads, with_later_reads
from synthgen.pipeline.seeds import one_a_seed
from synthgen.pipeline.spec import Pipeline, StageSpec
from synthgen.pipeline.values import assignment, put, read_values
from synthgen.pipeline.yaml_tree import Sources, entry_id, line_of, read_yaml, unfit
from synthgen.stages.contract import StageConfig, find_stage
from synthgen.teachers.config import DEFAULT_PROVIDER, Budget, TeacherConfig

LONGEST_NAME = 100  # of a pipeline or a stage: folders bear them, with something before and after


class Frame(Component):
    """What a pipeline file holds beside its teachers and stages."""

    version: Literal[1] = 1
    name: Annotated[str, Unhashed()] = Field(pattern=rf"^{NAME}$", max_length=LONGEST_NAME)
    seed: int = 0
    teacher: Any = None
    teachers: Mapping[str, Any] = Field(default_factory=dict)
    budget: Annotated[Budget | None, Unhashed()] = None
    stages: list[Any] = Field(min_length=1)


def load_pipeline(
    path: Path, values: Iterable[Path] = (), sets: Iterable[str] | Mapping[str, Any] = ()
) -> Pipeline:
    """A checked pipeline from its file, with values from elsewhere.

    Defaults < file < `values` files < `sets` (`STAGE_ID.key=value`, the value YAML).

    Raises:
        InputError: the file is not there.
        ConfigError: anything in it is wrong; all faults are listed, each with file and line.
    """
    if (fault := mistaken(path)) is not None:
        raise fault
    tree = read_yaml(path)
    if not isinstance(tree, dict):
        raise ConfigError("a pipeline file is a mapping of version, name, teacher and stages", f"{path}:1")
    sources = Sources(path, tree)
    for extra in values:
        more = read_values(extra, tree)
        for key, value in more.items():
            put(tree, str(key), value, f"{extra}:{line_of(more, key)}", sources)
    for key, value in sets.items() if isinstance(sets, Mapping) else map(assignment, sets):
        put(tree, key, value, f"--set {key}", sources)
    return check_pipeline(path, tree, sources.locate)


def check_pipeline(path: Path, tree: Any, locate: Any) -> Pipeline:
    """A checked pipeline from plain values; `locate(path in the tree)` gives a fault's place."""
    tree, locate = one_a_seed(tree, locate)
    misfits = list(unfit(tree))
    if misfits:
        raise ConfigError.of(faults_of(misfits, locate))
    if "name" not in tree:
        tree = {**tree, "name": path.name.split(".")[0]}
    frame = build(Frame, tree, (), misfits)
    teachers = _teachers(tree, misfits)
    specs = _stages(tree, teachers, misfits)
    if misfits or frame is None:
        raise ConfigError.of(faults_of(misfits, locate))
    return Pipeline(path, frame.name, frame.seed, teachers, frame.budget, tuple(specs))


def _teachers(tree: Mapping[str, Any], misfits: list[Misfit]) -> dict[str, TeacherConfig]:
    entries: list[tuple[str, Any, Location]] = (
        [("", tree["teacher"], ("teacher",))] if tree.get("teacher") is not None else []
    )
    named = tree.get("teachers")
    if isinstance(named, Mapping):
        entries += [(str(name), raw, ("teachers", name)) for name, raw in named.items()]
    teachers: dict[str, TeacherConfig] = {}
    for name, raw, path in entries:
        if not isinstance(raw, Mapping):
            misfits.append(Misfit(path, "a teacher is a mapping: {provider, model, …}"))
            continue
        try:
            provider = registry.find("teacher", str(raw.get("provider", DEFAULT_PROVIDER)))
        except ConfigError as fault:
            misfits.append(Misfit((*path, "provider"), fault.faults[0].what, fault.faults[0].next))
            continue
        made = build(provider.Config, raw, path, misfits)
        if made is not None:
            teachers[name] = made
    return teachers


def _stages(
    tree: Mapping[str, Any], teachers: Mapping[str, TeacherConfig], misfits: list[Misfit]
) -> list[StageSpec]:
    specs: list[StageSpec] = []
    entries = tree.get("stages")
    known_teachers = (
        set(teachers)
        | {str(name) for name in tree.get("teachers") or ()}
        | ({""} if tree.get("teacher") is not None else set())
    )
    ids = [entry_id(entry) for entry in entries] if isinstance(entries, list) else []
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        path: Location = ("stages", index)
        if isinstance(entry, str):
            entry = {entry: {}}
        if not isinstance(entry, Mapping) or len(entry) != 1:
            misfits.append(
                Misfit(path, "a stage is one kind with its options", "write `- filter: {rules: [...]}`")
            )
            continue
        ((kind, options),) = entry.items()
        try:
            stage = find_stage(str(kind))
        except ConfigError as fault:
            misfits.append(Misfit((*path, kind), fault.faults[0].what, fault.faults[0].next))
            continue
        config = build(stage.config, options, (*path, kind), misfits)
        stage_id = ids[index]
        if len(stage_id) > LONGEST_NAME:
            misfits.append(
                Misfit(
                    (*path, kind),
                    f"the stage's id is longer than {LONGEST_NAME} characters",
                    "its folder bears it: give it a shorter one",
                )
            )
        if stage_id in ids[:index]:
            misfits.append(
                Misfit(
                    (*path, kind),
                    f"two stages have the id {stage_id!r}",
                    "give one of them `id: another_name`",
                )
            )
        if config is None:
            specs.append(StageSpec(stage_id, str(kind), stage, StageConfig()))
            continue
        for teacher in stage.asks(config):
            if teacher not in known_teachers:
                what = (
                    f"no teacher {teacher!r} in this pipeline"
                    if teacher
                    else f"{stage_id} asks a teacher, but the pipeline names none"
                )
                near = nearest(teacher, known_teachers - {""})
                option = (
                    next((str(name) for name, value in options.items() if value == teacher), "teacher")
                    if teacher and isinstance(options, Mapping)
                    else ""
                )
                misfits.append(
                    Misfit(
                        (*path, kind, *((option,) if option else ())),
                        what,
                        f"did you mean {near!r}?" if near else "add `teacher: {provider: …, model: …}`",
                    )
                )
        config = stage.named(config, str(tree["name"]))
        reads = resolve_reads(stage_id, stage.needs(config), config, specs, (*path, kind), misfits)
        specs.append(StageSpec(stage_id, str(kind), stage, config, reads))
    return [with_later_reads(spec, index, specs, misfits) for index, spec in enumerate(specs)]
