"""What a pipeline will ask, cost and take, before it is paid for: from a small paid probe, or free from the ledger.

Each stage that asks a teacher is tried on a few rows. Their replies stay in the ledger, so that neither a second estimate nor
the run pays for them again. Totals are the probe's mean call times the calls that are to come; p50 and p95 are
percentiles of that total over resamples of the probe (bootstrap). Rows that filters will drop are not foreseen: the figures are
for every row that could arrive.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from synthgen.dispatch.contract import Session
from synthgen.errors import ConfigError
from synthgen.lazy_sessions import LazySessions
from synthgen.pipeline import RunOptions, run_pipeline
from synthgen.pipeline_file import Pipeline, StageSpec
from synthgen.plan import Graph, is_current
from synthgen.progress import Reporter, duration
from synthgen.reports.tables import table
from synthgen.stages.contract import Artefact, Context, Inputs
from synthgen.store.jsonl import read_rows, write_rows
from synthgen.store.ledger import open_ledger
from synthgen.store.publish import write_whole

RESAMPLES = 2000
AUTO_CONCURRENCY = 64  # in flight, where the pipeline leaves it to be found out
FIGURES = ("calls", "prompt_tokens", "completion_tokens", "usd", "hours")


@dataclass(frozen=True)
class _Call:
    """One probed row or call: what it took, and how many rows came of it."""

    requests: int
    prompt_tokens: int
    completion_tokens: int
    usd: float
    seconds: float
    rows: int


def estimate_pipeline(pipeline: Pipeline, rows: int = 20, *, runs: Path = Path("data/runs"), ledger: Path = Path("data/ledger"), reporter: Reporter | None = None) -> dict[str, Any]:
    """p50 and p95 of calls, tokens, dollars and hours of each generate stage, of the test questions, and of all; kept in the run's folder.

    Raises:
        ConfigError: no stage asks a teacher.
    """
    asking = [spec for spec in pipeline.stages if spec.kind == "generate" or (spec.kind == "evaluate" and "teacher" in getattr(spec.config, "models", ()))]
    if not asking:
        raise ConfigError("this pipeline asks no teacher: there is nothing to estimate", str(pipeline.path))
    reporter = reporter or Reporter()
    options = RunOptions(runs=runs, ledger=ledger)
    with tempfile.TemporaryDirectory(prefix="synthgen-estimate-") as scratch:
        probe = _Probe(pipeline, options, Path(scratch), reporter, rows)
        try:
            stages = [probe.stage(spec) if spec.kind == "generate" else probe.questions(spec) for spec in asking]
        finally:
            probe.sessions.close()
    whole = {"stages": stages, "total": {name: {p: sum(stage[name][p] for stage in stages) for p in ("p50", "p95")} for name in FIGURES}}
    folder = options.folder(pipeline)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "estimate.json", orjson.dumps(whole, option=orjson.OPT_INDENT_2))
    return whole


class _Probe:
    def __init__(self, pipeline: Pipeline, options: RunOptions, scratch: Path, reporter: Reporter, rows: int) -> None:
        self.pipeline, self.options, self.scratch, self.reporter, self.rows = pipeline, options, scratch, reporter, rows
        self.sessions = LazySessions(pipeline, options, reporter, lambda: 0, "estimate")
        self.ledger = open_ledger(options.ledger)
        self.samples: dict[str, list[dict[str, Any]]] = {}  # rows that the probe itself made, by stage
        self.expected: dict[str, float] = {}

    def stage(self, spec: StageSpec) -> dict[str, Any]:
        """One stage's figures."""
        config: Any = spec.config
        task = config.task.load()(config.task.options, self.pipeline.seed)
        context = Context(self.scratch, spec.id, self.scratch / "work", self.pipeline.seed, self.sessions, self.reporter, lambda: 0)
        over_rows = hasattr(task, "ask")
        inputs, available = self._inputs(spec, "rows") if over_rows else ({}, 0.0)
        shown = spec.module.plan_preview(inputs, config, context, self.rows if over_rows else max(1, round(self.rows / task.per_call)))
        session = self.sessions.open(config.teacher)
        calls = [self._call(preview.keys, session, max(1, len(preview.exchanges)), sum("rejection" not in row for row in preview.rows)) for preview in shown]
        self.samples[spec.id] = [row for preview in shown for row in preview.rows if "rejection" not in row]
        if over_rows:
            planned = available
            self.expected[spec.id] = available * _mean([call.rows for call in calls])
        else:
            planned = task.num_rows / max(_mean([call.rows for call in calls]), 0.05)
            self.expected[spec.id] = float(task.num_rows)
        return {"stage": spec.id, "probed": len(calls), "rows": round(planned), **_figures(calls, planned, session)}

    def questions(self, spec: StageSpec) -> dict[str, Any]:
        """The test questions that evaluate asks the teacher."""
        from synthgen.evaluation.teacher import asking

        config: Any = spec.config
        inputs, available = self._inputs(spec, "questions")
        session = self.sessions.open(config.teacher)
        rows = list(islice((row for artefact in inputs["questions"] for row in read_rows(artefact.file)), self.rows))
        session.fetch(asking(rows, config.max_new_tokens, session.config), total=len(rows), stage=f"estimate {spec.id}")
        calls = [self._call(rendered.keys, session, 1, 1) for rendered in session.render(asking(rows, config.max_new_tokens, session.config))]
        return {"stage": spec.id, "probed": len(calls), "rows": round(available), **_figures(calls, available, session)}

    def _call(self, keys: tuple[str, ...], session: Session, requests: int, rows: int) -> _Call:
        usage = session.account(keys)
        latencies = {key.rpartition("-")[0]: entry.latency for key in keys if (entry := self.ledger.get(key)) is not None}
        return _Call(requests, usage["prompt_tokens"], usage["completion_tokens"], usage.get("cost_usd") or 0.0, sum(latencies.values()), rows)

    def _inputs(self, spec: StageSpec, need: str) -> tuple[Inputs, float]:
        """The rows to probe with, and how many there will be."""
        reference = spec.reads[need][0]
        source, _, part = reference.partition(".")
        published = Graph(self.pipeline, self.options.folder(self.pipeline))
        if reference.startswith("run:") or is_current(self.pipeline, published.run_dir, [source]):
            inputs = published.inputs(spec, missing_ok=("model",))
            return inputs, float(sum(artefact.rows for artefact in inputs[need]))
        before = self.pipeline.stages[: self.pipeline.stages.index(spec)]
        made = [earlier for earlier in before if earlier.id in self.samples]
        if not made:
            run_pipeline(self.pipeline, RunOptions(run_dir=self.scratch / "run", ledger=self.options.ledger, until=before[-1].id), self.reporter)
            inputs = Graph(self.pipeline, self.scratch / "run").inputs(spec, missing_ok=("model",))
            return inputs, float(sum(artefact.rows for artefact in inputs[need]))
        folder = self.scratch / f"rows-{spec.id}"
        folder.mkdir()
        upto = self.pipeline.stages.index(self.pipeline.stage(source))
        maker = next(earlier for earlier in reversed(made) if self.pipeline.stages.index(earlier) <= upto)
        rows = self.samples[maker.id]
        write_rows(folder / "rows.jsonl", rows)
        artefact = Artefact(maker.id, "generate", "rows", folder, folder / "rows.jsonl", "", len(rows))
        return {need: (artefact,)}, self._part_of(source, part, self.expected[maker.id])

    def _part_of(self, stage_id: str, part: str, rows: float) -> float:
        """What a split leaves of the rows; other stages between are taken to keep them all."""
        for spec in self.pipeline.stages:
            if spec.id == stage_id and spec.kind == "split":
                config: Any = spec.config
                sizes = {name: getattr(config, name) if getattr(config, name) >= 1 else getattr(config, name) * rows for name in ("test", "validation")}
                return float(sizes.get(part, max(rows - sum(sizes.values()), 0.0)))
        return rows


def _figures(calls: Sequence[_Call], planned: float, session: Session) -> dict[str, dict[str, float]]:
    limits = session.config.limits
    at_once = limits.concurrency if isinstance(limits.concurrency, int) else AUTO_CONCURRENCY
    draws = random.Random(0)
    totals: dict[str, list[float]] = {name: [] for name in FIGURES}
    for _ in range(RESAMPLES):
        drawn = draws.choices(calls, k=len(calls))
        requests, tokens_in, tokens_out, usd, seconds = (
            planned * _mean([getattr(call, name) for call in drawn]) for name in ("requests", "prompt_tokens", "completion_tokens", "usd", "seconds")
        )
        hours = seconds / min(at_once, max(planned, 1)) / 3600
        if limits.requests_per_minute:
            hours = max(hours, requests / limits.requests_per_minute / 60)
        if limits.tokens_per_minute:
            hours = max(hours, (tokens_in + tokens_out) / limits.tokens_per_minute / 60)
        for name, value in zip(FIGURES, (requests, tokens_in, tokens_out, usd, hours), strict=True):
            totals[name].append(value)
    return {name: {"p50": _percentile(values, 0.5), "p95": _percentile(values, 0.95)} for name, values in totals.items()}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def estimate_text(found: dict[str, Any]) -> str:
    """The estimate as a table, p50 with p95 in brackets."""
    rows = []
    for entry in [*found["stages"], {"stage": "all", "rows": None, **found["total"]}]:
        rows.append([
            entry["stage"], f"{entry['rows']:,}" if entry["rows"] is not None else "", _both(entry["calls"], "{:,.0f}"), _both(entry["prompt_tokens"], "{:,.0f}"),
            _both(entry["completion_tokens"], "{:,.0f}"), _both(entry["usd"], "${:,.2f}"), f"{duration(entry['hours']['p50'] * 3600)} ({duration(entry['hours']['p95'] * 3600)})",
        ])  # fmt: skip
    head = table(["stage", "rows", "calls", "prompt tokens", "completion tokens", "cost", "time"], rows)
    return head + "\n\np50 (p95) of what the rows that can arrive will take; the probe's replies are in the ledger and are not paid for again"


def _both(figure: dict[str, float], form: str) -> str:
    low, high = form.format(figure["p50"]), form.format(figure["p95"])
    return low if low == high else f"{low} ({high})"
