"""Where a run stands: published stages, a stage under way, and what a rerun would do."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from synthgen.core.errors import InputError
from synthgen.core.text import amount, dollars, duration, table, terminal_columns
from synthgen.evaluation.recorded import scores
from synthgen.pipeline.attempts import Attempt, last_attempts
from synthgen.reports.money import account, money_lines, read_estimate
from synthgen.reports.run_folder import dataset_of, reading_published, rows_stage, stages_of
from synthgen.reports.standing import charged, charged_lines, score_lines, shard_lines, shards
from synthgen.store.failed import Failure, read_failure
from synthgen.store.manifest import read_manifest

if TYPE_CHECKING:
    from synthgen.pipeline.plan import StageState
    from synthgen.pipeline.spec import Pipeline


_ENDED = {"failed": "failed", "waits": "waits"}
_SPARED = ("cost", "time", "why")
"""Columns that are left out where no stage has anything in them."""
_WRAPPED = 3
"""So many lines at most may a table of stages be longer for the reasons that are wrapped in it."""


def run_status(
    run_dir: Path, pipeline: Pipeline | None, ledger: Path | None = None, unchecked: str = ""
) -> dict[str, Any]:
    """Plain figures of a run.

    Args:
        run_dir: the run's folder.
        pipeline: what the run is compared with; None where it cannot be read here, so that only what is there
            can be told.
        ledger: the folder of the ledger, which also knows what unfinished stages have cost.
        unchecked: why there is no pipeline.

    Returns:
        `stages`, each with `stage`, `kind`, `state` and `why`, and where there is a result `counts`,
        `requests`, `usage` and `seconds`; `live`, what is under way, or None; `dataset`, the rows that
        the run came to, with their version, or None; `money`, what the run cost
        against its estimate (see `money.account`); `paid`, what this run has paid by the ledger over all its
        tries, or None; `set_aside`, the worst case of its requests that are not settled, or None; `scores`
        and `shards` (see `standing`); `ledger`, whether there is one; `unchecked`, why nothing is said of
        what would run again, or "".

        `state` is done, run (it would run: why), waits (for another stage or a batch), maybe, running,
        failed, interrupted, or stopped (at the budget). Of a stage that did not end well `rerun` says why
        it would run again, `progress` how far it came, and `failed_counts` what became of its rows.
    """
    from synthgen.pipeline.graph import FAILED, NO_RESULT

    live = live_status(run_dir)
    attempts = last_attempts(run_dir, at_work(run_dir))
    stages = []
    for stage_id, kind, now in _states(run_dir, pipeline):
        manifest = read_manifest(run_dir / stage_id)
        entry: dict[str, Any] = {"stage": stage_id, "kind": kind, "state": now.state, "why": now.why}
        if now.state == "waits" and now.why.endswith((NO_RESULT, FAILED)):
            entry["why"] = f"for {now.why.partition(' ')[0]}"
        elif now.state == "waits":  # another run is not as it is named: waiting does not help
            entry["exit_code"] = InputError.exit_code
        if stage_id in attempts:
            entry.update(_unended(attempts[stage_id], now, read_failure(run_dir, stage_id)))
        if live is not None and live["stage"].split(" ")[0] == stage_id and entry["state"] != "done":
            entry.update(state="running", why=live["line"])
        if manifest is not None:
            entry.update(
                counts=manifest.counts,
                requests=manifest.requests,
                usage=manifest.usage,
                seconds=manifest.seconds,
                finished_at=manifest.finished_at,
                partial=manifest.partial,
                options=manifest.config,
                writes=manifest.writes,
            )
            if manifest.writes == "model" and "completion" in manifest.config:
                entry["completion"] = manifest.config["completion"]
        stages.append(entry)
    published = stages_of(run_dir) if run_dir.is_dir() else []
    came_to = rows_stage(published)
    money = account(stages, read_estimate(run_dir), came_to.id if came_to else None)
    for entry in stages:
        entry.pop("options", None)
    paid, aside = charged(ledger, run_dir.name)
    evaluations = [entry["stage"] for entry in stages if entry.pop("writes", None) == "metrics"]
    with reading_published(run_dir):
        found = scores(run_dir, evaluations)
    return {
        "run": run_dir.name,
        "folder": str(run_dir),
        "live": live,
        "stages": stages,
        "dataset": dataset_of(published),
        "money": money,
        "ledger": ledger is not None and ledger.is_dir(),
        "paid": paid,
        "set_aside": aside,
        "scores": found,
        "shards": shards(run_dir, at_work),
        "unchecked": unchecked,
    }


def _states(run_dir: Path, pipeline: Pipeline | None) -> list[tuple[str, str, StageState]]:
    """Id, kind and state of each stage; without a pipeline of those that are published."""
    from synthgen.pipeline.plan import StageState, stage_states

    if pipeline is None:
        return [
            (stage.id, stage.manifest.kind, StageState("done", "unchanged", stage.manifest.key))
            for stage in stages_of(run_dir)
        ]
    limit = re.search(r"\.limit-(\d+)$", run_dir.name)
    states = stage_states(pipeline, run_dir, limit=int(limit.group(1)) if limit else None)
    return [(spec.id, spec.kind, states[spec.id]) for spec in pipeline.stages]


def _unended(attempt: Attempt, now: StageState, failure: Failure | None) -> dict[str, Any]:
    """What `status` says of a stage whose last start did not end well."""
    if attempt.state == "running":
        return {"state": "running", "why": attempt.why}
    if now.state == "done" and not attempt.published:
        return {
            "why": (
                "its result stands, but making it again "
                f"{_ENDED.get(attempt.state, f'was {attempt.state}')}: {attempt.why}"
            )
        }
    entry: dict[str, Any] = {"state": attempt.state, "why": attempt.why, "rerun": now.why}
    if attempt.exit_code is not None:
        entry["exit_code"] = attempt.exit_code
    if attempt.progress:
        entry["progress"] = dict(attempt.progress)
    if attempt.state == "failed" and failure is not None:
        entry["failed_counts"] = failure.counts
        if failure.key != now.key:
            entry["why"] += " (with other options or input than now)"
    return entry


def live_status(run_dir: Path) -> dict[str, Any] | None:
    """What a live process last reported of itself, or None where none is at work here."""
    if not at_work(run_dir):
        return None
    try:
        status = orjson.loads((run_dir / "status.json").read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return status if isinstance(status, dict) else None


def at_work(run_dir: Path) -> bool:
    """Whether a process is at work in the run."""
    try:
        lock = orjson.loads((run_dir / ".lock").read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return False
    return isinstance(lock, dict) and time.time() - lock.get("heartbeat", 0) <= 60 and _alive_here(lock)


def somebody_at_work(run_dir: Path) -> bool:
    """Whether a process is at work in the run or in one of its shards."""
    return any(map(at_work, [run_dir, *(run_dir / "shards").glob("*-of-*")]))


def _alive_here(lock: dict[str, Any]) -> bool:
    import socket

    if lock.get("host") != socket.gethostname():
        # On another machine only the heartbeat can be seen.
        return True
    try:
        os.kill(int(lock["pid"]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def status_table(status: dict[str, Any]) -> str:
    """The figures as aligned text."""
    columns = terminal_columns()
    line = "" if status["live"] is None else status["live"]["line"]
    header = ("stage", "state", "in", "kept", "rejected", "failed", "cost", "time", "why")
    rows = []
    for stage in status["stages"]:
        counts = stage.get("counts") or stage.get("failed_counts") or {}
        cost = (stage.get("usage") or {}).get("cost_usd")
        rows.append(
            (
                stage["stage"],
                "partial" if stage.get("partial") and stage["state"] == "done" else stage["state"],
                _number(counts.get("in")),
                _number(counts.get("kept")),
                _number(sum(counts.get("rejected", {}).values()) if counts else None),
                _number(sum(counts.get("failed", {}).values()) if counts else None),
                dollars(cost) if cost else "",
                duration(stage["seconds"]) if "seconds" in stage else "",
                "" if stage["why"] in ("unchanged", line) else stage["why"],
            )
        )
    head = f"run {status['run']} in {status['folder']}" + (f"\nat work now: {line}" if line else "")
    students = [
        f"{stage['stage']} ({stage['completion']})" for stage in status["stages"] if "completion" in stage
    ]
    money = money_lines(status["money"])
    money += charged_lines(status)
    return "\n".join(
        [
            head,
            "",
            _stage_table(header, rows, columns),
            *(["", dataset_line(status["dataset"])] if status["dataset"] else []),
            *(["", f"students and what they learned to say: {', '.join(students)}"] if students else []),
            *([""] if money else []),
            *money,
            *score_lines(status, columns),
            *(["", *parts] if (parts := shard_lines(status)) else []),
            *_unchecked(status["unchecked"]),
        ]
    )


def dataset_line(dataset: Mapping[str, Any]) -> str:
    """What the run came to, and the version by which cards and other runs name it."""
    return f"dataset: {dataset['stage']}, {amount(dataset['rows'], 'row')}, version {dataset['version']}"


def _unchecked(why: str) -> list[str]:
    return ["", f"what would run again is not known here: {why}"] if why else []


def _stage_table(header: Sequence[str], rows: Sequence[Sequence[str]], columns: int) -> str:
    """A line a stage, without empty columns; reasons that leave no room for the figures stand below."""
    filled = [at for at, title in enumerate(header) if title not in _SPARED or any(row[at] for row in rows)]
    header, rows = [header[at] for at in filled], [[row[at] for at in filled] for row in rows]
    if header[-1] != "why":
        return table(header, rows, left=2, columns=columns)
    whole = table(header, rows, left=2, columns=columns, prose=True)
    if "\n\n" not in whole and whole.count("\n") <= len(rows) + _WRAPPED:
        return whole
    reasons = "\n".join(
        f"{row[0]}: {'waits ' if row[-1].startswith('for ') else ''}{row[-1]}" for row in rows if row[-1]
    )
    figures = table(header[:-1], [row[:-1] for row in rows], left=2, columns=columns)
    return f"{figures}\n\n{reasons}"


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
