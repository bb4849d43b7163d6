"""Fields of files' rows made from their other fields, without a pipeline: the stage `map` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthgen.core.config import Location
from synthgen.core.errors import ConfigError
from synthgen.operations.curate_files import check_files, check_out, run_on_files
from synthgen.store.manifest import Manifest

KIND = "map"
_FLAGS = {"fields": "field"}


def map_files(
    files: Sequence[Path],
    out: Path,
    *,
    solution: str | None = None,
    fields: Sequence[str] | Mapping[str, str] = (),
    function: str | None = None,
    drop: Sequence[str] = (),
    columns: Sequence[str] = (),
    sets: Sequence[str] = (),
    overwrite: bool = False,
) -> Manifest:
    """Runs `map` over files into `out`: rows.jsonl, rejected.jsonl and manifest.json.

    Args:
        files: data files of the user's.
        out: the folder to publish.
        solution: a field with worked solutions.
        fields: templates by field, or texts `field=template`.
        function: `module:function`.
        drop: fields to remove.
        columns: `field=column` pairs.
        sets: other options, each `map.key=value`.
        overwrite: replace `out`.

    Raises:
        ConfigError: a text of `fields` is no pair, or an option is wrong.
        EmptyResult: no row is left.
    """
    check_files(files)
    check_out(out, overwrite)
    given = {"solution": solution, "fields": _templates(fields), "function": function, "drop": list(drop)}
    options: dict[str, Any] = {name: value for name, value in given.items() if value}
    return run_on_files(KIND, options, files, out, columns=columns, sets=sets, place=_place)


def _templates(fields: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    if isinstance(fields, Mapping):
        return dict(fields)
    templates: dict[str, str] = {}
    for text in fields:
        name, equals, template = text.partition("=")
        if not equals or not name.strip():
            raise ConfigError(
                f"--field wants name=template, found {text!r}", next="--field 'reference={{ final_answer }}'"
            )
        templates[name.strip()] = template
    return templates


def _place(path: Location) -> str:
    return f"--{_FLAGS.get(str(path[1]), path[1])}" if len(path) > 1 and path[0] == KIND else ""
