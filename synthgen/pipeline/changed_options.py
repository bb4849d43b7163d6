"""Which options of a stage differ from those of its published result, leaf by leaf."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synthgen.core.changes import Change, changes
from synthgen.core.config import resolved
from synthgen.pipeline.plan import StageState
from synthgen.pipeline.spec import RESOLVED, Pipeline, StageSpec


def changed_options(spec: StageSpec, state: StageState, pipeline: Pipeline, run_dir: Path) -> list[Change]:
    """The changed options of a stage that would run again, its teachers' with them.

    Args:
        spec: the stage as it is now.
        state: from `plan.stage_states`.
        pipeline: the pipeline as it is now.
        run_dir: the run's folder, whose resolved pipeline tells the teachers of the last run.
    """
    if state.manifest is None or state.key_parts is None:
        return []
    old, new = state.manifest.key_parts, state.key_parts
    differing = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    own = {name.removeprefix("option ") for name in differing if name.startswith("option ")}
    fields = set(type(spec.config).model_fields)
    found = [
        change
        for change in changes(state.manifest.config, resolved(spec.config))
        # Options of a component that is written among a stage's own have no part of the key by their name.
        if (name := change.path.split(".")[0].split("[")[0]) in own or (own and name not in fields)
    ]
    teachers = [name for name in sorted(differing) if name.split(" ")[0] == "teacher"]
    if teachers:
        before, now = _last(run_dir), pipeline.resolved()
        for part in teachers:
            name = part.partition(" ")[2]
            found += changes(
                _teacher(before, name), _teacher(now, name), f"teachers.{name}" if name else "teacher"
            )
    if "seed" in differing:
        found.append(Change("seed", old.get("seed"), new.get("seed")))
    return found


def _teacher(pipeline: Any, name: str) -> Any:
    found = (pipeline.get("teachers") or {}).get(name) if name else pipeline.get("teacher")
    return found or {}


def _last(run_dir: Path) -> Any:
    """The pipeline as the run last had it; empty where it cannot be read."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        tree = YAML(typ="safe").load((run_dir / RESOLVED).read_text(encoding="utf-8"))
    except (OSError, YAMLError, UnicodeDecodeError):
        return {}
    return tree if isinstance(tree, dict) else {}
