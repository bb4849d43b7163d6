"""`seeds: [0, 1, 2]` of a stage that trains: one stage for each, `<id>-seed<number>`, in its place.

So each is trained, resumed, linked and measured as any other stage is. Where `models` of a later stage names
the id, it means all of them. A later stage with seeds of its own that reads the id's model, as `student:
{from: ID}`, `student: {init: {tokenizer_of: ID}}` or `teacher: {from: ID}` does, reads that of its own seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from synthgen.core.config import Location
from synthgen.core.errors import ConfigError
from synthgen.pipeline.yaml_tree import entry_id
from synthgen.stages.contract import find_stage

Locate = Callable[[Location], str]

NAMING_A_MODEL = (("student", "from"), ("student", "init", "tokenizer_of"), ("teacher", "from"))
"""Options that name a stage whose model is read."""


def one_a_seed(tree: Any, locate: Locate) -> tuple[Any, Locate]:
    """The pipeline with a stage for each seed, and where its values stand in the file.

    Entries that cannot be read are left as they are: what is wrong with them is told later.
    """
    entries = tree.get("stages") if isinstance(tree, Mapping) else None
    if not isinstance(entries, list) or not any(map(_seeds, entries)):
        return tree, locate
    spread: list[Any] = []
    origin: list[int] = []
    named: dict[str, list[str]] = {}
    for index, entry in enumerate(entries):
        made = _spread(entry, named)
        spread += made
        origin += [index] * len(made)

    def locate_origin(path: Location) -> str:
        if len(path) > 1 and path[0] == "stages" and isinstance(path[1], int) and path[1] < len(origin):
            path = ("stages", origin[path[1]], *path[2:])
        return locate(path)

    return {**tree, "stages": spread}, locate_origin


def _spread(entry: Any, named: dict[str, list[str]]) -> list[Any]:
    """An entry for each of its seeds; `named` gathers which ids stand for one, for the entries behind it."""
    if not isinstance(entry, Mapping) or len(entry) != 1:
        return [entry]
    ((kind, options),) = entry.items()
    if not isinstance(options, Mapping):
        return [entry]
    if isinstance(models := options.get("models"), list):
        all_named = [one for name in models for one in _of_seeds(name, named)]
        if all_named != models:
            return [{kind: {**options, "models": all_named}}]
    if not (seeds := _seeds(entry)):
        return [entry]
    stage_id = entry_id(entry)
    rest = {name: value for name, value in options.items() if name != "seeds"}
    named[stage_id] = [f"{stage_id}-seed{seed}" for seed in seeds]
    return [
        {kind: {**_from_seed(rest, seed, named), "id": one, "seed": seed, "seed_of": stage_id}}
        for one, seed in zip(named[stage_id], seeds, strict=True)
    ]


def _of_seeds(name: Any, named: Mapping[str, list[str]]) -> list[Any]:
    """A model's name for each seed of its stage; `<id>.teacher` is the teacher that a stage has trained."""
    stage_id, dot, part = str(name).partition(".")
    return [f"{one}{dot}{part}" for one in named[stage_id]] if stage_id in named else [name]


def _from_seed(options: Mapping[str, Any], seed: int, named: Mapping[str, list[str]]) -> Mapping[str, Any]:
    """The options of a stage of one seed; where it reads a model of that seed, too, they name that one."""
    for path in NAMING_A_MODEL:
        options = _with_seed(options, path, seed, named)
    return options


def _with_seed(
    options: Mapping[str, Any], path: tuple[str, ...], seed: int, named: Mapping[str, list[str]]
) -> Mapping[str, Any]:
    """The options with the stage of one seed where the value at a path is an id that stands for it."""
    value = options.get(path[0])
    if len(path) > 1:
        return (
            {**options, path[0]: _with_seed(value, path[1:], seed, named)}
            if isinstance(value, Mapping)
            else options
        )
    one = f"{value}-seed{seed}"
    return {**options, path[0]: one} if one in named.get(str(value), ()) else options


def _seeds(entry: Any) -> list[int]:
    """The seeds of an entry, where it has usable ones."""
    if not isinstance(entry, Mapping) or len(entry) != 1:
        return []
    ((kind, options),) = entry.items()
    seeds = options.get("seeds") if isinstance(options, Mapping) else None
    if not isinstance(seeds, list) or not seeds or options.get("seed") is not None:
        return []
    # The reader's integers know how they were written, and are of a class of their own.
    usable = all(isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 for seed in seeds)
    if not usable or len(set(seeds)) < len(seeds):
        return []
    try:
        return [int(seed) for seed in seeds] if "seed_of" in find_stage(str(kind)).config.model_fields else []
    except ConfigError:
        return []
