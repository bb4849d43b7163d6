"""What a run's folder says of its pipeline, without checking it against the files that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synthgen.pipeline.spec import RESOLVED

MARKS = (RESOLVED, "run.log.jsonl", "status.json")
"""Files by which a folder is a run's."""


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, also of one that was cut off early."""
    return any((folder / name).is_file() for name in MARKS)


def recorded_stages(run_dir: Path) -> list[str] | None:
    """The ids of a run's stages, in its pipeline's order; None where its record cannot be read."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        tree: Any = YAML(typ="safe").load((run_dir / RESOLVED).read_text(encoding="utf-8"))
        stages = [str(options["id"]) for entry in tree["stages"] for options in entry.values()]
        return stages or None
    except (OSError, YAMLError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # whatever somebody has made of it, it must not stop what looks at all runs
