"""What two sets of options differ in, leaf by leaf."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from synthgen.core.text import shortened


class Change(NamedTuple):
    """One option that differs, by its path such as `rules.length.max_words`; None where a side lacks it."""

    path: str
    before: Any
    after: Any

    def line(self, limit: int = 60) -> str:
        """`path: before -> after`, each of them shortened; or that a part with options came or went."""
        if self.after is None and isinstance(self.before, Mapping):
            return f"{self.path}: left out"
        if self.before is None and isinstance(self.after, Mapping):
            return f"{self.path}: added{f', {_shown(self.after, limit)}' if self.after else ''}"
        return f"{self.path}: {_shown(self.before, limit)} -> {_shown(self.after, limit)}"


def changes(before: Any, after: Any, path: str = "") -> Iterator[Change]:
    """The leaves in which two plain values differ.

    Entries of lists are matched by name, where each has one of its own (rules, metrics, models), else by
    their place.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            yield from changes(before.get(name), after.get(name), f"{path}.{name}" if path else str(name))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _in_lists(before, after, path)
    elif before != after or type(before) is not type(after):
        yield Change(path, before, after)


def _in_lists(before: list[Any], after: list[Any], path: str) -> Iterator[Change]:
    first, second = _named(before), _named(after)
    if first is None or second is None:
        for place in range(max(len(before), len(after))):
            yield from changes(_at(before, place), _at(after, place), f"{path}[{place}]")
        return
    for name in dict.fromkeys([*first, *second]):
        if name in first and name in second:
            yield from changes(first[name], second[name], f"{path}.{name}")
        else:
            yield Change(f"{path}.{name}", first.get(name), second.get(name))
    common = [[name for name in names if name in first and name in second] for names in (first, second)]
    if common[0] != common[1]:
        yield Change(f"{path}, the order", list(first), list(second))


def _named(entries: Sequence[Any]) -> dict[str, Any] | None:
    """The entries of a list by their names, or None where some have none, or the same."""
    named: dict[str, Any] = {}
    for entry in entries:
        if isinstance(entry, str):
            name, value = entry, dict[str, Any]()
        elif isinstance(entry, Mapping) and len(entry) == 1:
            ((name, value),) = entry.items()
        else:
            return None
        if name in named:
            return None
        named[str(name)] = value
    return named


def _at(entries: Sequence[Any], place: int) -> Any:
    return entries[place] if place < len(entries) else None


def _shown(value: Any, limit: int) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return shortened(text, limit) or '""'
