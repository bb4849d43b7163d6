"""The panel's items: questions with a check each, from the readable files in `items/`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

PartName = Literal["instructions", "json", "arithmetic", "refusing", "answering", "language", "stopping"]
PARTS: tuple[PartName, ...] = get_args(PartName)
VERSION = 1
"""Of questions and checks together: figures of two versions cannot be compared."""
_FILLED = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Item:
    """A question, and what a reply to it has to meet: name of a check -> its terms, see `checks.CHECKS`."""

    id: str
    part: str
    ask: str
    check: Mapping[str, Any]
    whole: bool
    """Whether a reply that was cut at the limit of tokens does not pass."""


@dataclass(frozen=True)
class Part:
    """One file of items, with the name that people read."""

    name: str
    title: str
    items: tuple[Item, ...]


def panel_items(parts: Iterable[str]) -> list[Item]:
    """The items of the named parts, in the panel's own order."""
    wanted = set(parts)
    return [item for name in PARTS if name in wanted for item in read_part(name).items]


@cache
def read_part(name: str) -> Part:
    """One part, from its file."""
    from ruamel.yaml import YAML

    file = Path(__file__).parent / "items" / f"{name}.yaml"
    content = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    whole = bool(content.get("whole", False))
    asked = [pair for entry in content["items"] for pair in _filled(entry)]
    items = tuple(
        Item(f"{name}-{number:02}", name, ask, check, whole) for number, (ask, check) in enumerate(asked, 1)
    )
    return Part(name, content["title"], items)


def _filled(entry: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A template's items: `{name}` in its question and its check takes the values of each line of `with`."""
    lines: list[dict[str, Any]] = entry.get("with") or [{}]
    for values in lines:
        yield _fill(entry["ask"], values), _fill(entry["check"], values)


def _fill(template: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(template, Mapping):
        return {key: _fill(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [_fill(value, values) for value in template]
    if not isinstance(template, str):
        return template
    alone = _FILLED.fullmatch(template)
    if alone and not isinstance(values[alone[1]], str):
        return values[alone[1]]
    return _FILLED.sub(lambda name: str(values[name[1]]), template)
