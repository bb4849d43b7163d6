"""The runs of a folder, a line each: state, rows, the best student's score, what was paid, size on disk."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthgen.core.errors import InputError, SynthgenError
from synthgen.core.text import dollars, percent, shortened, table, width
from synthgen.evaluation.recorded import best_student
from synthgen.pipeline.attempts import last_attempts
from synthgen.pipeline.recorded import is_run, recorded_stages
from synthgen.pipeline.spec import RESOLVED
from synthgen.reports.run_folder import PublishedStage, dataset_of, stages_of
from synthgen.reports.status import somebody_at_work
from synthgen.store.disk import bytes_of
from synthgen.store.jsonl import read_log
from synthgen.store.manifest import NAME as MANIFEST
from synthgen.store.manifest import read_manifest
from synthgen.training.footprint import size

LOG = "run.log.jsonl"
_STATES = {"interrupted": "stopped"}
_LEAST_NAME = 12
_UNITS = ((60, "s"), (3600, "min"), (86400, "h"), (365 * 86400, "d"), (float("inf"), "y"))


def list_runs(folder: Path, ledger: Path | None = None) -> dict[str, Any]:
    """Plain figures of the runs in a folder, the newest first.

    Args:
        folder: of the runs, or of one.
        ledger: the folder of the ledger, which knows what was paid.

    Returns:
        `folder`, `bytes` (a file that several runs share counts once), `paid_usd` (None without a ledger),
        `paid_elsewhere` (name -> dollars of runs that are not here; a curve or an improvement is charged to
        its pipeline's name) and `runs`. Each of these has `run`, `folder`, `state`, `at` (when it last did
        something), `done` and `stages` (how many have a result, and are in its pipeline), `dataset` (see
        `dataset_of`), `best` (see `best_student`), `paid_usd`, `bytes`, and `fault` where something in it
        cannot be read.

        `state` is done, part (stages are left that no one has started), running, failed, stopped (by a
        signal, a kill, or at the budget), waits (for its batches) or broken.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError("no such folder", str(folder), "name the folder that holds the runs")
    found = [folder] if is_run(folder) else [path for path in folder.iterdir() if _looks_like_a_run(path)]
    paid = _paid(ledger)
    runs = sorted((_run(path, paid) for path in found), key=lambda run: run["run"])
    runs.sort(key=lambda run: str(run["at"]), reverse=True)
    return {
        "folder": str(folder),
        "bytes": bytes_of([path.resolve() for path in found]),
        "paid_usd": None if paid is None else sum(run["paid_usd"] for run in runs),
        "paid_elsewhere": {} if paid is None or found == [folder] else _elsewhere(runs, paid),
        "runs": runs,
    }


def _looks_like_a_run(path: Path) -> bool:
    return (
        not path.name.startswith(".")
        and path.is_dir()
        and (is_run(path) or (any(path.glob(f"*/{MANIFEST}")) and not (path / MANIFEST).exists()))
    )


def _run(path: Path, paid: Mapping[str, float] | None) -> dict[str, Any]:
    name = path.name or path.resolve().name
    planned = recorded_stages(path)
    stages = stages_of(path)
    done = len([stage for stage in stages if planned is None or stage.id in planned])
    try:
        events = [entry for entry in read_log(path / LOG) if entry.get("at")]
        fault = _fault(path)
    except (OSError, SynthgenError):
        events, fault = [], f"{LOG} cannot be read"
    times = [str(entry["at"]) for entry in events[-1:]] or [stage.manifest.finished_at for stage in stages]
    state = "broken" if fault else _state(path, events, done == len(planned or ()))
    return {
        "run": name,
        "folder": str(path),
        "state": state,
        "at": max(times, default="") or _changed(path),
        "done": done,
        "stages": len(planned or ()),
        "dataset": dataset_of(stages),
        "best": _best(path, stages),
        "paid_usd": None if paid is None else _of_run(name, paid),
        "bytes": bytes_of([path.resolve()]),
        **({"fault": fault} if fault else {}),
    }


def _best(path: Path, stages: Sequence[PublishedStage]) -> dict[str, Any] | None:
    try:
        return best_student(path, [stage.id for stage in stages if stage.manifest.kind == "evaluate"])
    except (AttributeError, LookupError, TypeError, ValueError):  # scores that somebody edited hide no run
        return None


def _state(path: Path, events: Sequence[Mapping[str, Any]], whole: bool) -> str:
    if somebody_at_work(path):
        return "running"
    if events and events[-1].get("event") == "done":
        return "done" if whole else "part"
    attempts = list(last_attempts(path, alive=False).values())
    return _STATES.get(attempts[-1].state, attempts[-1].state) if attempts else "stopped"


def _fault(path: Path) -> str:
    """What cannot be read of a run, or nothing."""
    if not (path / RESOLVED).is_file():
        return f"{RESOLVED} is gone" if any(path.glob(f"[!.]*/{MANIFEST}")) else ""
    if recorded_stages(path) is None:
        return f"{RESOLVED} cannot be read"
    broken = [file for file in sorted(path.glob(f"[!.]*/{MANIFEST}")) if read_manifest(file.parent) is None]
    return f"{broken[0].relative_to(path)} cannot be read" if broken else ""


def _paid(folder: Path | None) -> dict[str, float] | None:
    from synthgen.store.ledger.ledger import open_ledger

    if folder is None or not folder.is_dir():
        return None
    ledger = open_ledger(folder)
    try:
        return ledger.paid()
    finally:
        ledger.close()


def _of_run(name: str, paid: Mapping[str, float]) -> float:
    """What a run and its shards have paid."""
    shard = re.compile(rf"{re.escape(name)}\.shard-\d+-of-\d+")
    return sum((usd for run, usd in paid.items() if run == name or shard.fullmatch(run)), 0.0)


def _elsewhere(runs: Sequence[Mapping[str, Any]], paid: Mapping[str, float]) -> dict[str, float]:
    """What was paid for runs that are not listed."""
    listed = "|".join(re.escape(run["run"]) for run in runs)
    own = re.compile(rf"({listed})(\.shard-\d+-of-\d+)?")
    return {name: usd for name, usd in paid.items() if usd and not own.fullmatch(name)}


def _changed(path: Path) -> str:
    when = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC)
    return when.isoformat(timespec="milliseconds")


def runs_table(listed: Mapping[str, Any], columns: int, now: datetime.datetime) -> str:
    """The runs as text, a line each.

    Where the terminal has no room, versions and sums of nothing are left out, and names are cut.
    """
    runs = listed["runs"]
    if not runs:
        return f"no runs in {listed['folder']}"
    header = ["run", "state", "age", "rows", "version", "score", "verdict", "paid", "size"]
    rows = [_cells(run, now) for run in runs]
    needless = [name for at, name in enumerate(header) if not any(row[at] for row in rows)]
    spared = ["version", *([] if any(run["paid_usd"] for run in runs) else ["paid"])]  # the last line says so
    for name in [*needless, *spared]:
        if name in header and (name in needless or _width(header, rows) > columns):
            at = header.index(name)
            header, rows = header[:at] + header[at + 1 :], [row[:at] + row[at + 1 :] for row in rows]
    if (over := _width(header, rows) - columns) > 0:
        longest = max(width(row[0]) for row in rows)
        rows = [[_cut(row[0], max(longest - over, _LEAST_NAME)), *row[1:]] for row in rows]
    paid = "" if listed["paid_usd"] is None else f", {dollars(listed['paid_usd'])} paid"
    if others := listed["paid_elsewhere"]:
        names = ", ".join([*list(others)[:3], *(["…"] if len(others) > 3 else [])])
        paid += f", and {dollars(sum(others.values()))} as {names}"
    return "\n".join(
        [
            table(header, rows, left=2, columns=columns),
            "",
            f"{len(runs):,} run{'s' * (len(runs) > 1)}, {size(listed['bytes'])} on disk{paid}",
            *(f"{run['run']} is broken: {run['fault']}" for run in runs if run.get("fault")),
        ]
    )


def _cut(name: str, room: int) -> str:
    """A name without its middle, where it has no room: runs of one pipeline differ at the end."""
    if width(name) <= room:
        return name
    end = room // 2
    return f"{shortened(name, room - end)}{name[-end:]}"


def _cells(run: Mapping[str, Any], now: datetime.datetime) -> list[str]:
    dataset, best = run["dataset"], run["best"]
    state = f"{run['done']} of {run['stages']}" if run["state"] == "part" else run["state"]
    return [
        run["run"],
        state,
        _age(run["at"], now),
        f"{dataset['rows']:,}" if dataset else "",
        dataset["version"] if dataset else "",
        percent(best["value"]) if best else "",
        (best["verdict"] or "") if best else "",
        "" if run["paid_usd"] is None else dollars(run["paid_usd"]),
        size(run["bytes"]),
    ]


def _age(at: str, now: datetime.datetime) -> str:
    """How long ago, in its largest unit: `40 s`, `3 h`, `12 d`."""
    try:
        seconds = max(0.0, (now - datetime.datetime.fromisoformat(at)).total_seconds())
    except (ValueError, TypeError):
        return "?"
    length = 1.0
    for most, unit in _UNITS:
        if seconds < most:
            return f"{seconds / length:.0f} {unit}" if length == 1 else f"{int(seconds / length)} {unit}"
        length = most
    return "?"


def _width(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    lines = (header, *rows)
    return sum(max(width(line[at]) for line in lines) + 2 for at in range(len(header))) - 2
