"""What the sections of a report are made of: the run's folder, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from synthgen.pipeline.attempts import Attempt, last_attempts
from synthgen.reports.inspect import inspect_run
from synthgen.reports.money import account, read_estimate
from synthgen.reports.run_folder import PublishedStage, rows_stage, stages_of
from synthgen.reports.status import at_work

RESOLVED = "pipeline.resolved.yaml"


@dataclass(frozen=True)
class Evaluation:
    """An evaluation: its stage, and its `metrics.json`."""

    stage: PublishedStage
    report: Mapping[str, Any]

    @property
    def file(self) -> str:
        """Where its figures come from."""
        return f"{self.stage.id}/metrics.json"


@dataclass(frozen=True)
class RunFacts:
    """A run as its report tells it."""

    run_dir: Path
    figures: Mapping[str, Any]
    """What `inspect_run` found: counts, drops, samples."""
    stages: list[PublishedStage]
    attempts: Mapping[str, Attempt]
    samples: int
    seed: int
    ledger: Path | None

    @cached_property
    def came_to(self) -> PublishedStage | None:
        """The stage whose rows the run came to."""
        return rows_stage(self.stages)

    @cached_property
    def students(self) -> list[PublishedStage]:
        """The stages that trained a model."""
        return [stage for stage in self.stages if stage.manifest.writes == "model"]

    @cached_property
    def evaluations(self) -> list[Evaluation]:
        """The evaluations whose figures can be read."""
        found = [
            Evaluation(stage, report)
            for stage in self.stages
            if isinstance(report := read_json(stage.folder / "metrics.json"), dict) and "models" in report
        ]
        return found

    @cached_property
    def money(self) -> dict[str, Any]:
        """What it took against the estimate; the same as `money` of `synthgen status --json`."""
        entries = [
            {
                "stage": stage.id,
                "writes": stage.manifest.writes,
                "counts": stage.manifest.counts,
                "requests": stage.manifest.requests,
                "usage": stage.manifest.usage,
                "options": stage.manifest.config,
            }
            for stage in self.stages
        ]
        return account(entries, read_estimate(self.run_dir), self.came_to.id if self.came_to else None)

    @cached_property
    def pipeline(self) -> tuple[str, Mapping[str, Any]]:
        """The pipeline file as it ran, as text and read; empty where it cannot be read."""
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            text = (self.run_dir / RESOLVED).read_text(encoding="utf-8")
            tree = YAML(typ="safe").load(text)
        except (OSError, YAMLError, UnicodeDecodeError):
            return "", {}
        return text, tree if isinstance(tree, dict) else {}


def read_facts(run_dir: Path, samples: int, seed: int, ledger: Path | None) -> RunFacts:
    """Reads a run.

    Raises:
        InputError: the folder holds no run.
    """
    return RunFacts(
        run_dir=run_dir,
        figures=inspect_run(run_dir, samples, seed),
        stages=stages_of(run_dir),
        attempts=last_attempts(run_dir, at_work(run_dir)),
        samples=samples,
        seed=seed,
        ledger=ledger if ledger is not None and ledger.is_dir() else None,
    )


def read_json(path: Path) -> Any:
    """What a JSON file holds; None where there is none that can be read."""
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None


def counted(stage: PublishedStage, what: str) -> int:
    """How many rows of a stage were `rejected` or `failed`, over all rules or reasons."""
    return sum(stage.manifest.counts.get(what, {}).values())
