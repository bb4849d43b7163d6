"""The pipeline file: read with line numbers, completed by --values and --set, and checked as a whole.

Every fault is found before anything runs, and all of them are listed together, each with its line.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

from pydantic import Field

from synthgen import registry
from synthgen.config import Component, Location, Misfit, Unhashed, build, faults_of, resolved
from synthgen.errors import ConfigError, InputError, nearest
from synthgen.stages.contract import Need, StageConfig
from synthgen.teachers.config import Budget, TeacherConfig


class Frame(Component):
    """What a pipeline file holds beside its teachers and stages."""

    version: Literal[1] = 1
    name: Annotated[str, Unhashed()] = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    seed: int = 0
    teacher: Any = None
    teachers: dict[str, Any] = Field(default_factory=dict)
    budget: Annotated[Budget | None, Unhashed()] = None
    stages: list[Any] = Field(min_length=1)


@dataclass(frozen=True)
class StageSpec:
    """One stage of a pipeline: its id, kind, module and options, and the stages that it reads, by need."""

    id: str
    kind: str
    module: ModuleType
    config: StageConfig
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Need -> references (`<stage id>`, `<stage id>.<part>` or `run:NAME:…`)."""


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
        raise ConfigError(f"no stage {stage_id!r} in this pipeline", str(self.path), f"did you mean {near!r}?" if near else f"its stages: {known}")

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


def load_pipeline(path: Path, values: Iterable[Path] = (), sets: Iterable[str] = ()) -> Pipeline:
    """A checked pipeline from its file: defaults < file < `values` files < `sets` (`STAGE_ID.key=value`, the value YAML).

    Raises:
        InputError: the file is not there.
        ConfigError: anything in it is wrong; all faults are listed, each with file and line.
    """
    tree, marks = _read_yaml(path)
    if not isinstance(tree, dict):
        raise ConfigError("a pipeline file is a mapping of version, name, teacher and stages", f"{path}:1")
    sources = _Sources(path, tree)
    for extra in values:
        more, _ = _read_yaml(extra)
        if not isinstance(more, dict):
            raise ConfigError("a values file is a mapping of stage ids (or teacher, budget, seed) to options", f"{extra}:1")
        for key, value in more.items():
            _set(tree, str(key), value, f"{extra}:{_line(more, key)}", sources)
    for item in sets:
        key, equals, text = item.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set wants STAGE_ID.key=value, found {key!r}")
        _set(tree, key, _yaml_value(text, key), f"--set {key}", sources)
    return check_pipeline(path, tree, sources.locate)


def check_pipeline(path: Path, tree: Any, locate: Any) -> Pipeline:
    """A checked pipeline from plain values; `locate(path in the tree)` gives a fault's place."""
    misfits: list[Misfit] = []
    if "name" not in tree:
        tree = {**tree, "name": path.name.split(".")[0]}
    frame = build(Frame, tree, (), misfits)
    teachers = _teachers(tree, misfits)
    specs = _stages(tree, teachers, misfits)
    if misfits or frame is None:
        raise ConfigError.of(faults_of(misfits, locate))
    return Pipeline(path, frame.name, frame.seed, teachers, frame.budget, tuple(specs))


def _teachers(tree: Mapping[str, Any], misfits: list[Misfit]) -> dict[str, TeacherConfig]:
    entries: list[tuple[str, Any, Location]] = [("", tree["teacher"], ("teacher",))] if tree.get("teacher") is not None else []
    named = tree.get("teachers")
    if isinstance(named, Mapping):
        entries += [(str(name), raw, ("teachers", name)) for name, raw in named.items()]
    found: dict[str, TeacherConfig] = {}
    for name, raw, path in entries:
        if not isinstance(raw, Mapping):
            misfits.append(Misfit(path, "a teacher is a mapping: {provider, model, …}"))
            continue
        try:
            provider = registry.find("teacher", str(raw.get("provider", "openai")))
        except ConfigError as fault:
            misfits.append(Misfit((*path, "provider"), fault.faults[0].what, fault.faults[0].next))
            continue
        made = build(provider.Config, raw, path, misfits)
        if made is not None:
            found[name] = made
    return found


def _stages(tree: Mapping[str, Any], teachers: Mapping[str, TeacherConfig], misfits: list[Misfit]) -> list[StageSpec]:
    specs: list[StageSpec] = []
    entries = tree.get("stages")
    known_teachers = set(teachers) | {str(name) for name in tree.get("teachers") or ()} | ({""} if tree.get("teacher") is not None else set())
    ids = [entry_id(entry) for entry in entries] if isinstance(entries, list) else []
    for at, entry in enumerate(entries if isinstance(entries, list) else []):
        path: Location = ("stages", at)
        if isinstance(entry, str):
            entry = {entry: {}}
        if not isinstance(entry, Mapping) or len(entry) != 1:
            misfits.append(Misfit(path, "a stage is one kind with its options", "write `- filter: {rules: [...]}`"))
            continue
        ((kind, options),) = entry.items()
        try:
            module = registry.find("stage", str(kind))
        except ConfigError as fault:
            misfits.append(Misfit((*path, kind), fault.faults[0].what, fault.faults[0].next))
            continue
        config = build(module.Config, options, (*path, kind), misfits)
        stage_id = ids[at]
        if stage_id in ids[:at]:
            misfits.append(Misfit((*path, kind), f"two stages have the id {stage_id!r}", "give one of them `id: another_name`"))
        if config is None:
            specs.append(StageSpec(stage_id, str(kind), module, StageConfig()))
            continue
        for teacher in module.teachers(config) if hasattr(module, "teachers") else ():
            if teacher not in known_teachers:
                what = f"no teacher {teacher!r} in this pipeline" if teacher else f"{stage_id} asks a teacher, but the pipeline names none"
                near = nearest(teacher, known_teachers - {""})
                misfits.append(Misfit((*path, kind, *(("teacher",) if teacher else ())), what, f"did you mean {near!r}?" if near else "add `teacher: {provider: …, model: …}`"))
        reads = _resolve(stage_id, module.needs(config), config, specs, (*path, kind), misfits)
        specs.append(StageSpec(stage_id, str(kind), module, config, reads))
    return specs


def entry_id(entry: Any) -> str:
    """The id of a stage entry as it stands in the file: its `id`, else its kind."""
    if isinstance(entry, str):
        return entry
    if isinstance(entry, Mapping) and len(entry) == 1:
        ((kind, options),) = entry.items()
        return str(options["id"]) if isinstance(options, Mapping) and options.get("id") else str(kind)
    return ""


def _resolve(
    stage_id: str, needs: Mapping[str, Need], config: StageConfig, earlier: list[StageSpec], path: Location, misfits: list[Misfit]
) -> dict[str, tuple[str, ...]]:
    """For each need, the references of the artefacts that meet it."""
    reads: dict[str, tuple[str, ...]] = {}
    for order, (name, need) in enumerate(needs.items()):
        asked = need.choose
        if order == 0 and config.input is not None:
            asked = (config.input,) if isinstance(config.input, str) else config.input
        if asked:
            reads[name] = tuple(_reference(asked_for, need, earlier, path, misfits) for asked_for in asked)
            continue
        fits = [spec for spec in earlier if _meets(spec.module.WRITES, need)]
        if not fits and not need.optional:
            makers = {"rows": "load or generate", "split": "split", "model": "sft"}.get(need.kind, need.kind)
            misfits.append(Misfit(path, f"{stage_id} reads {need.kind}, but no earlier stage makes any", f"put a {makers} stage before it, or say `input:`"))
        chosen = fits if need.many else fits[-1:]
        reads[name] = tuple(f"{spec.id}.{need.part or 'train'}" if spec.module.WRITES == "split" else spec.id for spec in chosen)
    return reads


def _meets(writes: str, need: Need) -> bool:
    return writes == need.kind or (need.kind == "rows" and writes == "split")


def _reference(asked: str, need: Need, earlier: list[StageSpec], path: Location, misfits: list[Misfit]) -> str:
    if asked.startswith("run:"):
        if asked.count(":") != 2:
            misfits.append(Misfit((*path, "input"), f"{asked!r} is no reference to another run", "write run:NAME:STAGE or run:NAME:STAGE.PART"))
        return asked
    stage_id, _, part = asked.partition(".")
    spec = next((spec for spec in earlier if spec.id == stage_id), None)
    if spec is None:
        near = nearest(stage_id, [spec.id for spec in earlier])
        misfits.append(Misfit((*path, "input"), f"no earlier stage {stage_id!r}", f"did you mean {near!r}?" if near else f"earlier stages: {', '.join(spec.id for spec in earlier) or 'none'}"))
        return asked
    if spec.module.WRITES == "split":
        part = part or need.part or "train"
        if part not in ("train", "validation", "test"):
            misfits.append(Misfit((*path, "input"), f"{stage_id} has no part {part!r}", "its parts: train, validation, test"))
        return f"{stage_id}.{part}"
    if part:
        misfits.append(Misfit((*path, "input"), f"{stage_id} has no parts", f"write `input: {stage_id}`"))
    if need.kind != spec.module.WRITES and not (need.kind == "split" and spec.module.WRITES == "rows"):
        misfits.append(Misfit((*path, "input"), f"{stage_id} makes {spec.module.WRITES}, where {need.kind} are read"))
    return stage_id


class _Sources:
    """Where each value of the tree came from: a line of the file, or an override."""

    def __init__(self, path: Path, tree: Any) -> None:
        self.path, self.tree = path, tree
        self.overrides: dict[Location, str] = {}

    def locate(self, path: Location) -> str:
        """`file:line` of a path in the tree, as near to it as the file tells."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.overrides:
                return self.overrides[path[:length]]
        node, line = self.tree, 1
        for step in path:
            try:
                line = _line(node, step)
                node = node[step]
            except (KeyError, IndexError, TypeError, AttributeError):
                break
        return f"{self.path}:{line}"


def _line(node: Any, step: Any) -> int:
    marks = node.lc
    if isinstance(node, Mapping):
        return int(marks.key(step)[0]) + 1
    return int(marks.item(step)[0]) + 1


def _read_yaml(path: Path) -> tuple[Any, None]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = nearest(path.name, [other.name for other in path.parent.glob("*.y*ml")]) if path.parent.is_dir() else None
        raise InputError("no such file", str(path), f"did you mean {path.parent / near}?" if near else "`synthgen init` lays out pipelines to start from") from None
    except (UnicodeDecodeError, IsADirectoryError, PermissionError) as fault:
        raise InputError(f"cannot be read: {type(fault).__name__}", str(path), "a pipeline is a YAML file in UTF-8") from None
    try:
        return YAML(typ="rt").load(io.StringIO(text)), None
    except MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        raise ConfigError(f"not valid YAML: {(fault.problem or 'cannot be parsed').strip().splitlines()[0]}", where) from None
    except YAMLError as fault:
        raise ConfigError(f"not valid YAML: {str(fault).splitlines()[0]}", str(path)) from None


def _yaml_value(text: str, key: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="rt").load(io.StringIO(text))
    except YAMLError:
        raise ConfigError(f"the value of --set {key} is no YAML", next="quote it: --set 'key={a: 1}'") from None


def _set(tree: Any, key: str, value: Any, where: str, sources: _Sources) -> None:
    """Puts a value into the tree under `STAGE_ID.key…` or `teacher.key…`; blocks are merged into blocks."""
    steps = key.split(".")
    path: Location = (steps[0],)
    if steps[0] in ("teacher", "teachers", "budget", "seed", "name", "version"):
        node: Any = tree
    else:
        stages = tree.get("stages")
        entries = stages if isinstance(stages, list) else []
        at = next((index for index, entry in enumerate(entries) if entry_id(entry) == steps[0]), None)
        if at is None:
            known = [entry_id(entry) for entry in entries] + ["teacher", "teachers", "budget", "seed", "name"]
            near = nearest(steps[0], known)
            raise ConfigError(f"no stage {steps[0]!r}", where, f"did you mean {near!r}?" if near else f"known: {', '.join(known)}")
        if isinstance(entries[at], str):
            entries[at] = {entries[at]: {}}
        kind = next(iter(entries[at]))
        if entries[at][kind] is None:
            entries[at][kind] = {}
        node, path, steps = entries[at], ("stages", at, kind), [kind, *steps[1:]]
    for depth, step in enumerate(steps[:-1]):
        node, place = _descend(node, step, where)
        path = path if depth == 0 else (*path, place)
    last = steps[-1]
    if len(steps) > 1:
        path = (*path, last)
    if isinstance(node, list):
        node[_index(node, last, where)] = value
    elif isinstance(value, Mapping) and isinstance(node.get(last), Mapping) and len(steps) == 1 and path[0] == "stages":
        node[last].update(value)
    else:
        node[last] = value
    sources.overrides[path] = where


def _descend(node: Any, step: str, where: str) -> tuple[Any, Any]:
    if isinstance(node, list):
        at = _index(node, step, where)
        if isinstance(node[at], str):
            node[at] = {node[at]: {}}
        inner = node[at]
        return (inner[step], at) if isinstance(inner, Mapping) and step in inner else (inner, at)
    if not isinstance(node, dict):
        raise ConfigError(f"{step!r} cannot be set inside {type(node).__name__}", where)
    if node.get(step) is None:
        node[step] = {}
    return node[step], step


def _index(entries: list[Any], step: str, where: str) -> int:
    if step.isdigit() and int(step) < len(entries):
        return int(step)
    for at, entry in enumerate(entries):
        if entry == step or (isinstance(entry, Mapping) and step in entry):
            return at
    raise ConfigError(f"no entry {step!r} in the list", where)


