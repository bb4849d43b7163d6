"""What `synthgen gc` frees, or would free, as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from synthgen.core.text import table
from synthgen.training.footprint import size


def garbage_text(found: Mapping[str, Any], columns: int) -> str:
    """A line for each thing that goes, what it frees and why; then what stays, and what to do next.

    Args:
        found: `Collected.plain()`.
        columns: how wide it may be.
    """
    return "\n".join(_lines(found, columns))


def _lines(found: Mapping[str, Any], columns: int) -> Iterator[str]:
    pieces, models = found["pieces"], found["models"]
    if pieces:
        rows = [[one["run"], one["path"], size(one["bytes"]), one["why"]] for one in pieces]
        yield table(("run", "what", "frees", "why"), rows, left=2, columns=columns, prose=True)
        yield ""
    amount = size(found["bytes"])
    if not pieces:
        yield f"nothing to free in {found['folder']}"
    elif found["deleted"]:
        yield f"freed {amount}"
    else:
        yield f"would free {amount}; nothing was deleted yet: --yes does it"
    for one in models:
        yield (
            f"kept: {one['run']}/{one['path']}, a student that no pipeline names, {size(one['bytes'])}; "
            "--models frees it, too"
        )
    for run in found["in_use"]:
        yield f"in use, not looked at: {run}"
    for run, why in found["unwritable"].items():
        yield f"{run}: left as it is from where this came up: {why}"
    for run in found["links"]:
        yield f"a symbolic link, not followed: {run}"
    for run in found["unreadable"]:
        yield f"{run}: its pipeline cannot be read, so it is not known which stages are named: all stay"
