"""One line for a part that is under way on many machines: its shards' own status files, added up."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from synthgen.core.progress import Reporter
from synthgen.operations.jobs.parts import Part
from synthgen.operations.shard import Shard
from synthgen.pipeline.spec import Pipeline
from synthgen.store.lock import is_held
from synthgen.store.manifest import read_manifest


class PartProgress:
    """The progress of a part; a context manager.

    Args:
        reporter: where the line is shown.
        pipeline: the pipeline, for its budget.
        part: the part.
        run_dir: the run's folder.
    """

    def __init__(self, reporter: Reporter, pipeline: Pipeline, part: Part, run_dir: Path) -> None:
        self._part = part
        self._cap = pipeline.budget.usd if pipeline.budget else None
        of = part.shards
        shards = [Shard(number, of) for number in range(1, of + 1)]
        self._folders = [one.folder(run_dir) for one in shards] if of > 1 else [run_dir]
        self._began = time.time()
        self._line = reporter.stage(part.stages[0])

    def __enter__(self) -> PartProgress:
        self._line.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.__exit__(kind, error, trace)

    def look(self, sent: int, waiting: int, of: int) -> None:
        """Reads how far all are, and shows it.

        Args:
            sent: tasks that Ray has, under way or queued.
            waiting: tasks that are tried again later.
            of: how many there are in all; another number than the part's shards is its merge.
        """
        seen = [self._seen(folder) for folder in self._folders]
        known = [one for one in seen if one is not None]
        if len(seen) == 1 and known:
            self._line.stage = str(known[0].get("stage", self._line.stage))
        totals = [one["total"] for one in known if one["total"]]
        self._line.update(
            done=sum(one["done"] for one in known),
            reused=sum(one.get("reused", 0) for one in known),
            tokens=sum(one.get("tokens", 0) for one in known),
            cost=sum(one.get("cost_usd") or 0.0 for one in known),
            cap=self._cap,
            failed=sum(one.get("failed", 0) for one in known),
            total=sum(totals) if len(totals) == len(seen) else None,
            note=self._note(sent, waiting, of, bool(known)),
        )

    def _note(self, sent: int, waiting: int, of: int, begun: bool) -> str:
        if of != len(self._folders):
            return "merging"
        soon = [f"{waiting} tried again soon"] if waiting else []
        if of == 1:
            return ", ".join(soon or ([] if begun else ["queued"]))
        running = min(sent, sum(map(is_held, self._folders)))
        words = [f"{running} of {of} shards at work", f"{of - sent - waiting} done"]
        words += [f"{sent - running} queued"] if sent > running else []
        return ", ".join(words + soon)

    def _seen(self, folder: Path) -> dict[str, Any] | None:
        """How far a shard is with the part's first stage, or a whole part with its stage; None: not begun."""
        stage = self._part.stages[0]
        shown = self._part.stages if self._part.shards == 1 else (stage,)
        try:
            status = orjson.loads((folder / "status.json").read_bytes())
        except (OSError, orjson.JSONDecodeError):
            status = None
        if isinstance(status, dict) and status.get("stage") in shown and status.get("at", 0) >= self._began:
            return status
        manifest = read_manifest(folder / stage)
        if manifest is None or self._part.shards == 1:
            return None
        rows = int(manifest.counts.get("in", 0))
        return {
            "done": rows,
            "total": rows,
            "reused": rows,
            "cost_usd": (manifest.usage or {}).get("cost_usd"),
            "failed": manifest.failed_rows(),
        }
