"""The values that `--values` and `--set` put into a pipeline file's tree."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthgen.core.config import Location
from synthgen.core.errors import ConfigError, InputError, SynthgenError, nearest
from synthgen.core.yaml_bounds import bounded, refuse_depth
from synthgen.formats.containers.unpacking import container_of
from synthgen.pipeline.yaml_tree import Sources, entry_id, read_yaml, refusal, with_plain_numbers
from synthgen.stages.contract import find_stage

_BESIDE = ("teacher", "teachers", "budget", "seed", "name")


def read_values(path: Path, tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """A file of `--values` for a pipeline file's tree.

    Raises:
        InputError: the file is not there or cannot be read.
        ConfigError: it is something else, with what it should be.
    """
    ids = _ids(tree)
    form = f"it holds options by stage id, such as `{ids[-1]}: {{option: value}}`" if ids else ""
    if not path.exists() and "=" in path.name:
        raise InputError(
            "no such file", str(path), f"--values takes a file; for one value say --set '{path}'"
        )
    if not path.exists():
        folder = path.parent
        names = [file.name for file in folder.iterdir() if file.is_file()] if folder.is_dir() else []
        near = nearest(path.name, names)
        raise InputError("no such file", str(path), f"did you mean {folder / near}?" if near else form)
    if container_of(path) not in (None, "json"):
        raise ConfigError("this is a data file, where a file of values is wanted", str(path), form)
    more = read_yaml(path)
    if not isinstance(more, dict):
        raise ConfigError(
            "the values file is empty"
            if more is None
            else "a values file is a mapping of stage ids (or teacher, budget, seed) to options",
            f"{path}:1",
            form,
        )
    if "stages" in more:
        raise ConfigError("a values file names stages by their ids, without `stages:`", str(path), form)
    return more


def _ids(tree: Mapping[str, Any]) -> list[str]:
    entries = tree.get("stages")
    return [one for entry in entries if (one := entry_id(entry))] if isinstance(entries, list) else []


def _meant(key: str, entries: Sequence[Any]) -> str:
    """What to write in place of a key whose first step is no stage's id."""
    first, _, rest = key.partition(".")
    ids = [one for entry in entries if (one := entry_id(entry))]
    if first == "stages" and rest.partition(".")[0] in ids:
        return f"leave `stages.` out: {rest}"
    owners = [one for one, entry in zip(ids, entries, strict=False) if first in _options(entry)]
    if owners:
        return f"write {' or '.join(f'{owner}.{key}' for owner in owners)}"
    of_kind = [
        one for one, entry in zip(ids, entries, strict=False) if one != first and _kind(entry) == first
    ]
    if of_kind:
        return f"that is a kind; its stages here have the ids {', '.join(of_kind)}"
    known = [*ids, *_BESIDE]
    near = nearest(first, known)
    return f"did you mean {near!r}?" if near else f"known: {', '.join(known)}"


def _kind(entry: Any) -> str:
    return entry if isinstance(entry, str) else str(next(iter(entry))) if isinstance(entry, Mapping) else ""


def _options(entry: Any) -> list[str]:
    """The options that a stage has, also those that it does not name; none where its kind is unknown."""
    try:
        own = list(find_stage(_kind(entry)).config.model_fields)
    except SynthgenError:
        return []
    named = next(iter(entry.values())) if isinstance(entry, Mapping) else None
    return [*own, *named] if isinstance(named, Mapping) else own


def yaml_value(text: str, key: str) -> Any:
    """A value given on the command line, read as YAML."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        refuse_depth(text)
        return with_plain_numbers(bounded(YAML(typ="rt").load(io.StringIO(text))))
    except YAMLError:
        raise ConfigError(
            f"the value of --set {key} is no YAML", next="quote it: --set 'key={a: 1}'"
        ) from None
    except (ValueError, RecursionError) as fault:
        raise ConfigError(f"the value of --set {key} cannot be read: {refusal(fault)}") from None


def put(tree: Any, key: str, value: Any, where: str, sources: Sources) -> None:
    """Puts a value into the tree; blocks are merged into blocks.

    Args:
        tree: the pipeline file's tree.
        key: `STAGE_ID.key…`, or `teacher.key…` and the like.
        value: what is put there.
        where: where the value came from, for faults.
        sources: notes where each value came from.

    Raises:
        ConfigError: there is no such stage, or the key leads through something that is no block.
    """
    steps = key.split(".")
    path: Location = (steps[0],)
    if steps[0] in (*_BESIDE, "version"):
        node: Any = tree
    else:
        stages = tree.get("stages")
        entries = stages if isinstance(stages, list) else []
        index = next((index for index, entry in enumerate(entries) if entry_id(entry) == steps[0]), None)
        if index is None:
            raise ConfigError(f"no stage {steps[0]!r}", where, _meant(key, entries))
        if isinstance(entries[index], str):
            entries[index] = {entries[index]: {}}
        kind = next(iter(entries[index]))
        if entries[index][kind] is None:
            entries[index][kind] = {}
        node, path, steps = entries[index], ("stages", index, kind), [kind, *steps[1:]]
    for depth, step in enumerate(steps[:-1]):
        node, place = _descend(node, step, where)
        path = path if depth == 0 else (*path, place)
    last = steps[-1]
    if len(steps) > 1:
        path = (*path, last)
    if isinstance(node, list):
        node[_index(node, last, where)] = value
    elif (
        isinstance(value, Mapping)
        and isinstance(node, Mapping)
        and isinstance(node.get(last), Mapping)
        and len(steps) == 1
        and path[0] == "stages"
    ):
        node[last].update(value)
    else:
        _expect_block(node, last, where)
        node[last] = value
    sources.overrides[path] = where


def _descend(node: Any, step: str, where: str) -> tuple[Any, Any]:
    if isinstance(node, list):
        index = _index(node, step, where)
        if isinstance(node[index], str):
            node[index] = {node[index]: {}}
        inner = node[index]
        return (inner[step], index) if isinstance(inner, Mapping) and step in inner else (inner, index)
    _expect_block(node, step, where)
    if node.get(step) is None:
        node[step] = {}
    return node[step], step


def _index(entries: list[Any], step: str, where: str) -> int:
    if step.isdigit() and int(step) < len(entries):
        return int(step)
    for index, entry in enumerate(entries):
        if entry == step or (isinstance(entry, Mapping) and step in entry):
            return index
    raise ConfigError(f"no entry {step!r} in the list", where)


def _expect_block(node: Any, step: str, where: str) -> None:
    if not isinstance(node, Mapping):
        raise ConfigError(
            f"{step!r} cannot be set: what stands there is no block of options",
            where,
            "options of a task stand beside `task`, under the stage's own id",
        )


def assignment(item: str) -> tuple[str, Any]:
    """`key=value` as a key and its YAML value."""
    key, equals, text = item.partition("=")
    if not equals or not key:
        raise ConfigError(
            f"--set wants STAGE_ID.key=value, found {key!r}",
            next="the value stands behind the equals sign: --set filter.action=tag",
        )
    return key, yaml_value(text, key)
