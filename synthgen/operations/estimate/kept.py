"""Which estimate a run is judged by: of each stage the last one that was made before the stage had run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from synthgen.core.hashing import value_hash
from synthgen.store.manifest import read_manifest
from synthgen.store.publish import write_whole

NAME = "estimate.json"


def keep_estimate(folder: Path, made: Mapping[str, Any]) -> list[str]:
    """Keeps an estimate in the run's folder, as far as its stages have not run.

    Args:
        folder: the run's folder.
        made: the estimate: `stages`, `total` and `notes`.

    Returns:
        What was not kept, and why, as notes.
    """
    finished = {entry["stage"] for entry in made["stages"] if _has_run(folder, entry)}
    order = [entry["stage"] for entry in made["stages"]]
    kept: Mapping[str, Any] = made
    if finished:
        before = _read(folder)
        old = {entry["stage"]: entry for entry in before["stages"]} if before is not None else {}
        entries = [
            old.get(entry["stage"]) if entry["stage"] in finished else entry for entry in made["stages"]
        ]
        stages = [entry for entry in entries if entry is not None]
        same = [one["options"] for one in stages] == [
            old.get(one["stage"], {}).get("options") for one in stages
        ]
        if before is not None and same:
            kept = before
        else:
            kept = {"stages": stages, "total": _sum(stages), "notes": ["the total is the sum of the stages'"]}
    if kept["stages"]:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / NAME, orjson.dumps(kept, option=orjson.OPT_INDENT_2))
    if not finished:
        return []
    ran = ", ".join(name for name in order if name in finished)
    return [f"{ran} ran already: `status` and the report compare with the estimate before that, if any"]


def _has_run(folder: Path, entry: Mapping[str, Any]) -> bool:
    """Whether a stage has a result with the options that the estimate is of."""
    manifest = read_manifest(folder / str(entry["stage"]))
    return manifest is not None and value_hash(manifest.config) == entry["options"]


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        estimate = orjson.loads((folder / NAME).read_bytes())
        return estimate if all("options" in entry for entry in estimate["stages"]) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sum(stages: list[Any]) -> dict[str, dict[str, float]]:
    """Each figure's p50 and p95, added up."""
    names = [name for name, figure in stages[0].items() if isinstance(figure, dict)] if stages else []
    return {name: {p: sum(entry[name][p] for entry in stages) for p in ("p50", "p95")} for name in names}
