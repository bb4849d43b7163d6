"""Values of a row by dotted path, for rules over numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """The value under a field's name or a dotted path (`meta.scores.judge`), or None."""
    if path in row:
        return row[path]
    found: Any = row
    for step in path.split("."):
        if not isinstance(found, Mapping) or step not in found:
            return None
        found = found[step]
    return found


def number_at(row: Mapping[str, Any], path: str) -> float | None:
    """The number there, or None where there is none; true and false are 1 and 0."""
    found = value_at(row, path)
    if isinstance(found, bool | int | float) and found == found:  # a NaN is no number
        return found
    return None
