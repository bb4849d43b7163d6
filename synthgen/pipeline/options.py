"""How a pipeline is run: what the command line and the Python API pass on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from synthgen.pipeline.spec import Pipeline


@dataclass(frozen=True)
class RunOptions:
    """How a pipeline is run. Only `limit` and `accept_partial` change what comes of it."""

    runs: Path = Path("data/runs")
    run_dir: Path | None = None
    ledger: Path = Path("data/ledger")
    only: tuple[str, ...] = ()
    start: str | None = None
    until: str | None = None
    force: tuple[str, ...] = ()
    limit: int | None = None
    accept_partial: bool = False
    retry_failed: bool | Literal["all"] = False
    """Rows that failed are asked about again; "all": also those that the server had refused for good."""
    verify: bool = False
    grace: float = 30.0
    workers: int = 0
    """Processes for CPU-heavy stages; 0: one for each core."""
    other_runs: Path | None = None
    """Where `run:NAME:…` finds other runs; beside the run's own folder where left out."""
    metrics_file: Path | None = None
    """Where figures for Prometheus go, while it runs."""
    command: str = ""
    """What was typed, for manifests and the report; from Python nothing was."""
    charged_run: str = ""
    """The run whose budget is charged and whose failed requests count; this one where left out."""

    def folder(self, pipeline: Pipeline) -> Path:
        """The run's folder; `--limit` is a run of its own."""
        if self.run_dir is not None:
            return self.run_dir
        return self.runs / (pipeline.name if self.limit is None else f"{pipeline.name}.limit-{self.limit}")

    def others(self, pipeline: Pipeline) -> Path:
        """The folder that holds the other runs that stages may read."""
        return self.other_runs or self.folder(pipeline).parent
