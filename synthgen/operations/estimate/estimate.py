"""Calls, tokens, dollars and hours of a pipeline, from a small paid probe or, free, from the ledger.

Each stage that asks a teacher (generate, score, evaluate) is tried on a few rows. If the ledger has the
replies already, nobody is asked, and every known reply to the stage's first rows counts. Replies stay in the
ledger, so neither a second estimate nor the run pays for them again. p50 and p95 are percentiles over
resamples: see `forecast`. Rows that stages in between will drop are not predicted; assumptions are stated
with the figures.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synthgen.core.config import resolved
from synthgen.core.hashing import value_hash
from synthgen.core.progress import Reporter
from synthgen.core.text import dollars, duration, table, terminal_columns
from synthgen.operations.estimate.forecast import Call, Forecast, Pace, PoolGoal, likely, over_pool, over_rows
from synthgen.operations.estimate.kept import keep_estimate
from synthgen.operations.estimate.probe import Given, Probe, asking_stages, asks
from synthgen.operations.estimate.training import estimate_training, training_lines
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.spec import Pipeline, StageSpec, stage_id_of
from synthgen.stages.asking.pool_work import FIRST_YIELD, YIELD_CALLS
from synthgen.stages.asking.preview import Preview
from synthgen.tasks.contract import PoolTask
from synthgen.teachers.make import provider_class

AUTO_CONCURRENCY = 64  # in flight, where the pipeline leaves it to be found out
KNOWN_ROWS = 2000  # of a stage's first rows, that are looked up in the ledger
KNOWN_CALLS = 400  # likewise of a pool's calls
POOL_CALLS = 10  # that a pool is tried with, so that its yield is known to some extent


def estimate_pipeline(
    pipeline: Pipeline,
    rows: int = 20,
    *,
    runs: Path = Path("data/runs"),
    ledger: Path = Path("data/ledger"),
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """p50 and p95 of calls, tokens, dollars and hours, by stage and in all; kept in the run's folder.

    Args:
        pipeline: the pipeline.
        rows: how many rows each stage is tried on.
        runs: the folder of all runs.
        ledger: the ledger's folder.
        reporter: where progress goes.

    Returns:
        `stages`, each with `stage`, `kind`, `rows` (that it reads, or is to make), `probed` (rows or calls
        that the figures rest on), `asked` (how many of them were not in the ledger), `notes` and the figures;
        `training`, from `estimate_training`; and `total`, of the stages that ask.

    Raises:
        ConfigError: no stage asks a teacher or trains a student.
    """
    options = RunOptions(runs=runs, ledger=ledger)
    training = estimate_training(pipeline, options.folder(pipeline))
    asking = [spec for spec in pipeline.stages if asks(spec)] if training else asking_stages(pipeline)
    stages, total = [], None
    with tempfile.TemporaryDirectory(prefix="synthgen-estimate-") as scratch:
        with Probe(pipeline, options, Path(scratch), reporter or Reporter(), rows) as probe:
            for spec in asking:
                forecast, entry = _stage(probe, spec)
                stages.append(entry)
                total = forecast if total is None else total + forecast
    whole: dict[str, Any] = {"stages": stages, "training": training, "notes": []}
    if total is not None:
        whole |= {"total": total.plain(), "notes": _budget_notes(pipeline, total.plain())}
    whole["notes"] += keep_estimate(options.folder(pipeline), whole)
    return whole


def _stage(probe: Probe, spec: StageSpec) -> tuple[Forecast, dict[str, Any]]:
    """One stage's figures, and what they rest on."""
    given, task = probe.given(spec), probe.task(spec)
    if task is None:
        tries, known = probe.rows, KNOWN_ROWS
    else:
        expected = math.ceil(task.num_rows / (FIRST_YIELD * task.per_call))
        tries, known = (
            min(max(math.ceil(probe.rows / task.per_call), min(probe.rows, POOL_CALLS)), expected),
            KNOWN_CALLS,
        )
    shown, asked = _tried(probe, spec, given, tries, known)
    seed = f"estimate {probe.pipeline.seed} {spec.id}"
    if task is not None:
        calls, kinds = _calls(probe, shown, task.num_rows)
        pace = _pace(probe, spec.config.teacher)  # type: ignore[attr-defined]
        first = math.ceil(task.num_rows / (FIRST_YIELD * task.per_call))
        forecast = over_pool(
            calls,
            kinds.values(),
            PoolGoal(task.num_rows, task.per_call, task.min_yield, YIELD_CALLS, first),
            pace,
            seed,
        )
        probe.expected[spec.id] = float(task.num_rows)
        wanted = float(task.num_rows)
        notes = [_basis(len(calls), asked, "calls"), *_pool_notes(calls, task, forecast)]
    else:
        forecast, calls, wanted = _parts(probe, spec, given, shown, seed)
        made = sum(call.rows for call in calls)
        probe.expected[spec.id] = given.rows * made / len(calls) if calls else 0.0
        notes = [
            _basis(
                len(calls),
                asked,
                "replies" if spec.stage.writes == "metrics" else "rows",
                wanted if spec.stage.writes != "metrics" else None,
            ),
            *given.assumed,
        ]
    notes += [*_failures(shown), *_silences(calls, probe, spec)]
    return forecast, {
        "stage": spec.id,
        "kind": spec.kind,
        "rows": round(wanted),
        "probed": len(calls),
        "asked": asked,
        "notes": notes,
        **forecast.plain(),
        "options": value_hash(resolved(spec.config)),
    }


def _tried(probe: Probe, spec: StageSpec, given: Given, tries: int, known: int) -> tuple[list[Preview], int]:
    """What is known of a stage's first rows or calls, and how many of those had to be asked about now."""
    shown = probe.look(spec, given, tries, ask=False)
    full = probe.look(spec, given, tries)
    asked = len(full) - len(shown)
    return (full, asked) if asked else (probe.look(spec, given, known, ask=False), 0)


def _parts(
    probe: Probe, spec: StageSpec, given: Given, shown: Sequence[Preview], seed: str
) -> tuple[Forecast, list[Call], float]:
    """The figures of a stage over rows: of each thing that it asks about a row, and together."""
    models = [
        probe.pipeline.stage(stage_id).config
        for reference in spec.reads.get("students", ())
        if (stage_id := stage_id_of(reference))
    ]
    times = spec.stage.asks_per_row(spec.config, models)
    total, every = None, []
    for part, often in times.items():
        previews = [preview for preview in shown if preview.asks == part]
        calls = [_call(probe, preview) for preview in previews]
        every += calls
        part_forecast = over_rows(
            calls, given.rows * often, _pace(probe, previews[0].teacher if previews else ""), f"{seed} {part}"
        )
        total = part_forecast if total is None else total + part_forecast
    assert total is not None
    return total, every, given.rows


def _calls(probe: Probe, shown: Sequence[Preview], wanted: int) -> tuple[list[Call], dict[str, int]]:
    """A pool's calls in order, up to the one that fills it, and how many items were like each kept row."""
    calls: list[Call] = []
    kinds: dict[str, int] = {}
    for preview in shown:
        fit, before = 0, len(kinds)
        for row in preview.rows:
            matched = row["rejection"].get("matched_id") if "rejection" in row else None
            if matched in kinds:
                kinds[matched] += 1
                fit += 1
            elif "rejection" not in row and len(kinds) < wanted:
                kinds[row["id"]] = 1
                fit += 1
        calls.append(_call(probe, preview, len(kinds) - before, fit))
        if len(kinds) >= wanted:
            break
    return calls, kinds


def _call(probe: Probe, preview: Preview, rows: int | None = None, fit: int = 0) -> Call:
    usage = probe.ledger.account(preview.keys)
    seconds = {
        key.rpartition("-")[0]: entry.latency
        for key in preview.keys
        if (entry := probe.ledger.get(key)) is not None
    }
    made = sum("rejection" not in row for row in preview.rows) if rows is None else rows
    return Call(
        len(preview.exchanges),
        usage["prompt_tokens"],
        usage["completion_tokens"],
        usage["cost_usd"] or 0.0,
        sum(seconds.values()),
        made,
        fit,
    )


def _pace(probe: Probe, teacher: str) -> Pace:
    limits = probe.sessions.open(teacher).config.limits
    return Pace(
        limits.concurrency if isinstance(limits.concurrency, int) else AUTO_CONCURRENCY,
        limits.requests_per_minute,
        limits.tokens_per_minute,
    )


def _basis(known: int, asked: int, unit: str, rows: float | None = None) -> str:
    """What figures rest on, in words."""
    if not known:
        return "from nothing: no row came in"
    if asked:
        return f"from {known:,} {unit}, " + (f"{asked:,} of them asked now" if asked < known else "asked now")
    return (
        f"from {known:,} {unit}{' (all there are)' if rows is not None and known >= rows else ''}, "
        "answered by the ledger: nothing was paid"
    )


def _failures(shown: Sequence[Preview]) -> list[str]:
    failed = [preview.failed for preview in shown if preview.failed]
    return [f"{len(failed):,} of {len(shown):,} failed, the first with {failed[0][:200]}"] if failed else []


def _pool_notes(calls: Sequence[Call], task: PoolTask, forecast: Forecast) -> list[str]:
    kept, fit = sum(call.rows for call in calls), sum(call.fit for call in calls)
    if kept >= task.num_rows:
        return [f"{len(calls):,} calls made all {task.num_rows:,} rows"]
    notes = [
        f"{kept:,} of {len(calls) * task.per_call:,} items asked for were kept, {fit - kept:,} were "
        "too much like one of these; the yield falls as the pool fills, which p95 allows for"
    ]
    if forecast.runs_dry > 0.05:
        notes.append(
            f"the yield may fall under min_yield before {task.num_rows:,} rows are kept (in "
            f"{forecast.runs_dry:.0%} of the draws): the stage would stop there"
        )
    return notes


def _silences(calls: Sequence[Call], probe: Probe, spec: StageSpec) -> list[str]:
    """What the known replies do not tell."""
    if not any(call.requests for call in calls):
        return []
    notes = []
    if not any(call.prompt_tokens or call.completion_tokens for call in calls):
        notes.append("these replies tell no tokens: what it costs is not known")
    elif not any(call.usd for call in calls) and any(
        probe.sessions.open(name).config.price is None
        and not provider_class(probe.sessions.open(name).config.provider).costs_nothing
        for name in spec.stage.asks(spec.config)
    ):
        notes.append("no price is known: give teacher.price for dollars")
    if not any(call.seconds for call in calls):
        notes.append("these replies tell no time")
    return notes


def _budget_notes(pipeline: Pipeline, total: dict[str, dict[str, float]]) -> list[str]:
    cap = pipeline.budget.usd if pipeline.budget is not None else None
    if cap is None or total["usd"]["p95"] <= cap:
        return []
    return [
        f"the budget of {dollars(cap)} is "
        f"{'less than the p50' if total['usd']['p50'] > cap else 'between p50 and p95'}: the run "
        f"{'would' if total['usd']['p50'] > cap else 'may'} stop at it (exit code 3)"
    ]


def estimate_text(estimate: dict[str, Any]) -> str:
    """The estimate as a table, p50 with p95 in brackets, and what each stage's figures rest on."""
    training = training_lines(estimate["training"])
    if "total" not in estimate:
        return "\n".join(training)
    rows = []
    for entry in [*estimate["stages"], {"stage": "all", "rows": None, **estimate["total"]}]:
        rows.append(
            [
                entry["stage"],
                f"{entry['rows']:,}" if entry["rows"] is not None else "",
                likely(entry["calls"], "{:,.0f}"),
                likely(entry["prompt_tokens"], "{:,.0f}"),
                likely(entry["completion_tokens"], "{:,.0f}"),
                likely(entry["usd"], dollars),
                likely({p: entry["hours"][p] * 3600 for p in ("p50", "p95")}, duration),
            ]
        )
    lines = [
        table(
            ["stage", "rows", "calls", "prompt tokens", "completion tokens", "cost", "time"],
            rows,
            columns=terminal_columns(),
        ),
        "",
        "p50 (p95); replies that were asked for are in the ledger and are not paid for again",
        "",
    ]
    for entry in estimate["stages"]:
        lines += [f"{entry['stage']}: {note}" for note in entry["notes"]]
    return "\n".join([*lines, *training, *estimate["notes"]])
