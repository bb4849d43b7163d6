"""Stages that ask a teacher, tried on a few rows, for preview and estimate; earlier stages need not have run.

A stage reads what the run has published, if that is up to date. Otherwise the stages before it run in a
scratch folder, as far as they ask nobody. If one of them has to ask, it is tried on a few rows as well, and
those rows stand in for its result. Stages in between that ask nobody are then left out, and the assumption is
stated.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from types import TracebackType
from typing import Any, Self

from synthgen.core.artefacts import Artefact, Inputs
from synthgen.core.errors import ConfigError
from synthgen.core.progress import Reporter
from synthgen.core.rows import Row
from synthgen.pipeline.graph import Graph, artefact_of
from synthgen.pipeline.lazy_sessions import LazySessions
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.plan import is_current
from synthgen.pipeline.run import run_pipeline
from synthgen.pipeline.spec import Pipeline, StageSpec
from synthgen.stages.asking.preview import Preview
from synthgen.stages.contract import Context
from synthgen.store.jsonl import write_rows
from synthgen.store.ledger.ledger import Ledger, open_ledger
from synthgen.tasks.contract import PoolTask, RowTask, build_task


@dataclass(frozen=True)
class Given:
    """What a stage is tried on: artefacts, how many rows they will have, and the assumptions, in words."""

    inputs: Inputs
    rows: float = 0.0
    assumed: tuple[str, ...] = ()


@dataclass
class _Source:
    """One input of a probe: the artefact, its future rows, stages left out, and its maker."""

    artefact: Artefact
    rows: float
    left_out: list[str] = field(default_factory=list)
    maker: str = ""


def asking_stages(pipeline: Pipeline) -> list[StageSpec]:
    """The stages that ask a teacher, in order.

    Raises:
        ConfigError: there is none.
    """
    asking = [spec for spec in pipeline.stages if asks(spec)]
    if not asking:
        raise ConfigError(
            "this pipeline asks no teacher",
            str(pipeline.path),
            f"`synthgen run {quote(str(pipeline.path))} --dry-run` says what it would do",
        )
    return asking


def asks(spec: StageSpec) -> bool:
    """Whether a stage asks a teacher, and can show what it would ask."""
    return spec.stage.preview is not None and bool(spec.stage.asks(spec.config))


class Probe:
    """Tries asking stages on a few rows; a context manager.

    Replies stay in the ledger, nothing else is written.
    """

    def __init__(
        self, pipeline: Pipeline, options: RunOptions, scratch: Path, reporter: Reporter, rows: int
    ) -> None:
        self.pipeline, self.options, self.scratch, self.reporter, self.rows = (
            pipeline,
            options,
            scratch,
            reporter,
            rows,
        )
        self.sessions = LazySessions(pipeline, options, reporter, lambda: 0, f"{pipeline.name}.probe")
        self.ledger: Ledger = open_ledger(options.ledger)
        self.made: dict[str, list[Row]] = {}
        """Rows that the probe itself made, by stage."""
        self.expected: dict[str, float] = {}
        """How many rows those stages will have made in the end, where that was estimated."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sessions.close()
        self.ledger.close()

    def task(self, spec: StageSpec) -> PoolTask | None:
        """The task of a stage that makes rows from seeds; None where a stage reads rows."""
        config: Any = spec.config
        task = None if spec.reads else build_task(config.task, self.pipeline.seed)
        return None if isinstance(task, RowTask) else task

    def look(self, spec: StageSpec, given: Given, n: int, ask: bool = True) -> list[Preview]:
        """Previews of a stage's first n rows (or calls).

        Args:
            spec: the stage.
            given: what it reads.
            n: how many rows or calls.
            ask: whether the teacher may be asked; if not, only the ledger answers.

        Returns:
            One preview a row or call.
        """
        context = Context(
            self.scratch,
            spec.id,
            self.scratch / "work",
            self.pipeline.seed,
            self.sessions,
            self.reporter,
            lambda: 0,
        )
        assert spec.stage.preview is not None
        previews = spec.stage.preview(given.inputs, spec.config, context, n, ask)
        if spec.stage.writes == "rows":
            self.made[spec.id] = [
                row for preview in previews for row in preview.rows if "rejection" not in row
            ]
        return previews

    def given(self, spec: StageSpec) -> Given:
        """What a stage reads, as far as it is there or can be stood in for.

        Raises:
            ConfigError: an earlier stage asks first, and nothing came of trying it.
        """
        if not spec.reads:
            return Given({})
        need, *others = spec.reads
        sources = [self._source(reference) for reference in spec.reads[need]]
        needed = spec.stage.needs(spec.config)
        models = {name: self._models(spec.reads[name]) for name in others if needed[name].kind == "model"}
        return Given(
            {need: tuple(source.artefact for source in sources), **models},
            sum(source.rows for source in sources),
            tuple(self._said(sources)),
        )

    def _said(self, sources: Iterable[_Source]) -> Iterable[str]:
        for source in sources:
            if source.maker:
                tried = (
                    f"{source.maker} has not run: tried on {source.artefact.rows:,} rows that its own "
                    "trial made"
                )
                count = (
                    f"; taken to be {source.rows:,.0f} in the end" if self.expected.get(source.maker) else ""
                )
                yield tried + count
            if source.left_out:
                yield (
                    f"{', '.join(source.left_out)} not run either: taken to keep every row"
                    if source.maker
                    else f"{', '.join(source.left_out)} not run: taken to keep every row"
                )

    def _models(self, references: Iterable[str]) -> tuple[Artefact, ...]:
        """The models among those that are named which are there: none is trained to try a stage."""
        graph = Graph(self.pipeline, self.options.folder(self.pipeline))
        found = [graph.find(reference, missing_ok=("model",)) for reference in references]
        return tuple(artefact for artefact in found if artefact is not None)

    def _source(self, reference: str) -> _Source:
        run_dir = self.options.folder(self.pipeline)
        if reference.startswith("run:"):
            other = Graph(self.pipeline, run_dir).find(reference)
            assert other is not None
            return _Source(other, other.rows)
        stage_id, _, part = reference.partition(".")
        spec = self.pipeline.stage(stage_id)
        if is_current(self.pipeline, run_dir, [stage_id]):
            artefact = artefact_of(run_dir / stage_id, part or None, {})
            return _Source(artefact, artefact.rows)
        before = self._before(spec)
        if not any(asks(earlier) for earlier in before):
            aside = self.scratch / "run"
            run_pipeline(
                self.pipeline,
                RunOptions(
                    run_dir=aside,
                    other_runs=self.options.others(self.pipeline),
                    ledger=self.options.ledger,
                    only=tuple(earlier.id for earlier in before),
                ),
                self.reporter,
            )
            artefact = artefact_of(aside / stage_id, part or None, {})
            return _Source(artefact, artefact.rows)
        if asks(spec):
            return self._tried(spec)
        source = self._source(next(iter(spec.reads.values()))[0])
        if spec.stage.writes == "split":
            return _Source(source.artefact, _part_of(spec, part, source.rows), source.left_out, source.maker)
        return _Source(source.artefact, source.rows, [*source.left_out, stage_id], source.maker)

    def _tried(self, spec: StageSpec) -> _Source:
        """The rows that trying a stage makes, in the place of its result."""
        if spec.id not in self.made:
            task = self.task(spec)
            self.look(
                spec,
                self.given(spec),
                self.rows if task is None else max(1, math.ceil(self.rows / task.per_call)),
            )
        rows = self.made[spec.id]
        if not rows:
            raise ConfigError(
                f"nothing came of trying {spec.id} on a few rows, which later stages read",
                str(self.pipeline.path),
                f"`synthgen preview {quote(str(self.pipeline.path))} --id {spec.id}` shows why",
            )
        folder = Path(tempfile.mkdtemp(prefix="rows-", dir=self.scratch))
        write_rows(folder / "rows.jsonl", rows)
        artefact = Artefact(spec.id, spec.kind, "rows", folder, folder / "rows.jsonl", "", len(rows))
        return _Source(artefact, self.expected.get(spec.id, float(len(rows))), [], spec.id)

    def _before(self, spec: StageSpec) -> list[StageSpec]:
        """A stage and all that it reads from, near and far, in the pipeline's order."""
        wanted, ids = [spec], {spec.id}
        while wanted:
            for references in wanted.pop().reads.values():
                for reference in references:
                    stage_id = reference.partition(".")[0]
                    if not reference.startswith("run:") and stage_id not in ids:
                        ids.add(stage_id)
                        wanted.append(self.pipeline.stage(stage_id))
        return [earlier for earlier in self.pipeline.stages if earlier.id in ids]


def _part_of(spec: StageSpec, part: str, rows: float) -> float:
    """How many of so many rows a split's part holds."""
    config: Any = spec.config
    sizes = {
        name: getattr(config, name) if getattr(config, name) >= 1 else getattr(config, name) * rows
        for name in ("test", "validation")
    }
    return float(sizes.get(part, max(rows - sum(sizes.values()), 0.0)))
