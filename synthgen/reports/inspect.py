"""What is in a file of rows or in a run: counts, lengths, random rows, and why rows were dropped.

Works while a run is under way: it reads what a stage has written so far and what the run reports of itself.
Dropped duplicates stand beside the row they matched.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from synthgen.core.artefacts import version_of
from synthgen.core.errors import InputError
from synthgen.core.hashing import file_sha256
from synthgen.core.rows import Row
from synthgen.reports.run_folder import (
    PublishedStage,
    rows_by_id,
    rows_stage,
    stages_of,
    under_way,
    written_rows,
)
from synthgen.reports.survey import Survey
from synthgen.reports.training_curve import training_curve
from synthgen.store.failed import ENDING, REJECTED, read_failure
from synthgen.store.manifest import read_manifest
from synthgen.store.publish import NEW

BROKEN = 5
"""How many unreadable lines are listed."""


def inspect_path(path: Path, samples: int = 3, seed: int = 0, ledger: Path | None = None) -> dict[str, Any]:
    """Plain figures of a file or a run folder, with `samples` random rows; the same draw for the same seed.

    Args:
        path: a row file, a run's folder, or a single stage's (such as `synthgen filter -o` writes).
        samples: how many random rows to show, and of a stage under way how many of the newest replies.
        seed: of the draw.
        ledger: the folder of the ledger, where replies are while a stage is under way.

    Raises:
        InputError: the path is neither a row file nor a run folder.
    """
    if not path.is_dir():
        return inspect_file(path, samples, seed)
    manifest = read_manifest(path)
    return (
        inspect_run(path, samples, seed, ledger)
        if manifest is None
        else inspect_stage(PublishedStage(path.name, path, manifest), samples, seed)
    )


def inspect_file(path: Path, samples: int = 3, seed: int = 0) -> dict[str, Any]:
    """Plain figures of a file in any container that load reads."""
    from synthgen.formats.containers.read import read_file

    if not path.is_file():
        raise InputError("no such file", str(path))
    survey, unreadable = Survey(samples, seed), 0
    broken: list[dict[str, Any]] = []
    for record in read_file(path):
        if record.fields is None:
            unreadable += 1
            if len(broken) < BROKEN:
                broken.append({"line": record.number, "fault": record.fault})
        else:
            survey.add(record.fields)
    beside = [path.with_name("rows.jsonl"), *_inputs_beside(path)]
    return {
        "file": str(path),
        "version": version_of(file_sha256(path)) if path.suffix == ".jsonl" else None,
        **survey.plain(),
        "broken": unreadable,
        "broken_lines": broken,
        "drops": _drops(survey, [file for file in beside if file.is_file() and file != path]),
    }


def inspect_run(run_dir: Path, samples: int = 3, seed: int = 0, ledger: Path | None = None) -> dict[str, Any]:
    """Plain figures of a run: its stages with their drop reasons, its last rows, and the stage under way."""
    from synthgen.reports.status import at_work, live_status

    stages = stages_of(run_dir)
    live, writing, empty = live_status(run_dir), under_way(run_dir), _came_to_nothing(run_dir, seed)
    if not stages and writing is None and live is None and not empty:
        raise InputError(
            "this is no run, or none of its stages has a result yet",
            str(run_dir),
            f"if it is a run, `synthgen status {quote(str(run_dir))}` says what became of its stages",
        )
    figures: dict[str, Any] = {
        "run": run_dir.name,
        "folder": str(run_dir),
        "live": live,
        "stages": [_stage(stage, seed) for stage in stages],
        "came_to_nothing": empty,
        "under_way": None,
        "rows": None,
    }
    if writing is not None:
        figures["under_way"] = _unfinished(writing, samples, seed) | {
            "interrupted": not at_work(run_dir),
            "ledger": _newest(ledger, run_dir.name, samples) if ledger is not None else None,
        }
    last = rows_stage(stages)
    if last is not None:
        file = next(path for _, path in last.row_files())
        figures["rows"] = {
            "stage": last.id,
            "file": str(file),
            **Survey(samples, seed).add_all(written_rows(file)).plain(),
        }
    return figures


def inspect_stage(stage: PublishedStage, samples: int = 3, seed: int = 0) -> dict[str, Any]:
    """Plain figures of one stage's folder, in the form of a run's."""
    figures: dict[str, Any] = {
        "run": None,
        "folder": str(stage.folder),
        "live": None,
        "stages": [_stage(stage, seed)],
        "came_to_nothing": [],
        "under_way": None,
        "rows": None,
    }
    file = next((path for name, path in stage.row_files() if name != "rejected"), None)
    if file is not None:
        figures["rows"] = {
            "stage": stage.id,
            "file": str(file),
            **Survey(samples, seed).add_all(written_rows(file)).plain(),
        }
    return figures


def _stage(stage: PublishedStage, seed: int) -> dict[str, Any]:
    manifest = stage.manifest
    rejected = stage.folder / "rejected.jsonl"
    survey = Survey(0, seed).add_all(written_rows(rejected)) if rejected.is_file() else Survey(0)
    files = [path for name, path in stage.row_files() if name != "rejected"] + stage.input_files()
    return {
        "stage": stage.id,
        "kind": manifest.kind,
        "versions": stage.versions(),
        "counts": manifest.counts,
        "requests": manifest.requests,
        "usage": manifest.usage,
        "seconds": manifest.seconds,
        "partial": manifest.partial,
        "table": manifest.extra.get("table"),
        "reasons": manifest.extra.get("reasons", {}),
        "curve": training_curve(stage.folder),
        "drops": _drops(survey, files),
    }


def _came_to_nothing(run_dir: Path, seed: int) -> list[dict[str, Any]]:
    """The stages that failed for want of rows, each with its message and what it had dropped."""
    stages = []
    for folder in sorted(run_dir.glob(f"*{ENDING}")):
        failure = read_failure(run_dir, folder.name.removesuffix(ENDING))
        if failure is not None:
            drops = Survey(0, seed).add_all(written_rows(folder / REJECTED))
            stages.append(
                {
                    "stage": failure.stage,
                    "kind": failure.kind,
                    "why": failure.what,
                    "file": str(folder / REJECTED),
                    "counts": failure.counts,
                    "drops": _drops(drops, ()),
                }
            )
    return stages


def _unfinished(folder: Path, samples: int, seed: int) -> dict[str, Any]:
    """What a stage has written so far; up to a megabyte is still in its writer's buffer."""
    survey, drops = Survey(samples, seed), Survey(0, seed)
    for path in sorted(folder.glob("*.jsonl")):
        if path.name == "rejected.jsonl":
            drops.add_all(written_rows(path))
        elif path.name != "answers.jsonl":
            survey.add_all(written_rows(path))
    return {
        "stage": folder.name.removeprefix(NEW),
        **survey.plain(),
        "drops": _drops(drops, sorted(folder.glob("rows.jsonl"))),
    }


def _newest(folder: Path, run: str, number: int) -> dict[str, Any]:
    """What the ledger has charged to a run so far, and the run's newest replies."""
    from synthgen.store.ledger.body import parse_body
    from synthgen.store.ledger.ledger import open_ledger
    from synthgen.teachers.replies import sample_of

    ledger = open_ledger(folder)
    try:
        usd, tokens, requests = ledger.spent(run)
        newest = [
            (key, sample_of(parse_body(body) or {}, choice, key=key, index=0, model=""))
            for _, key, body, choice in ledger.recent(run, number)
        ]
    finally:
        ledger.close()
    return {
        "cost_usd": usd,
        "tokens": tokens,
        "requests": requests,
        "newest": [
            {"key": key, "reply": sample.text, "finish_reason": sample.finish_reason}
            for key, sample in newest
        ],
    }


def _drops(survey: Survey, files: Sequence[Path]) -> dict[str, Any]:
    """By rule, how many rows it dropped, and examples, each beside the row it matched."""
    examples = {rule: reservoir.drawn() for rule, reservoir in survey.examples.items()}
    matched = rows_by_id(
        (row["rejection"].get("matched_id") for drawn in examples.values() for row in drawn), files
    )
    return {
        rule: {"rows": number, "examples": [_example(row, matched) for row in examples.get(rule, ())]}
        for rule, number in sorted(survey.dropped.items(), key=lambda entry: (-entry[1], entry[0]))
    }


def _example(row: Row, matched: dict[str, Row]) -> dict[str, Any]:
    rejection = row["rejection"]
    shown = {
        "id": row.get("id"),
        "rejection": rejection,
        "row": {name: value for name, value in row.items() if name != "rejection"},
    }
    if rejection.get("matched_id"):
        shown["matched"] = matched.get(rejection["matched_id"])
    return shown


def _inputs_beside(path: Path) -> list[Path]:
    manifest = read_manifest(path.parent)
    return (
        PublishedStage(path.parent.name, path.parent, manifest).input_files() if manifest is not None else []
    )
