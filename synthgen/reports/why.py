"""The story of one row: its seed, prompt and reply, the rules, its neighbours, and the models' answers.

Every row file of the run is read once or twice, a row at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from synthgen.core.errors import InputError
from synthgen.core.rows import Row
from synthgen.reports.relatives import descent, neighbours, row_ancestors
from synthgen.reports.row_text import in_words
from synthgen.reports.run_folder import (
    PublishedStage,
    failed_stages,
    rows_by_id,
    rows_stage,
    stages_of,
    written_rows,
)

AMBIGUOUS = 20
"""How many ids that begin alike are collected."""


class Sighting(NamedTuple):
    """A place where the row stands: the stage, the name of its row file, and the row as it is there."""

    stage: PublishedStage
    file: str
    row: Row


def why_row(run_dir: Path, row_id: str, ledger: Path | None = None) -> dict[str, Any]:
    """Plain data of a row's story.

    Args:
        run_dir: the run's folder.
        row_id: the row's id; its beginning is enough where no other id begins so.
        ledger: folder of the ledger that holds the replies.

    Returns:
        {"id", "row", "path": [{stage, kind, file, verdict, rejection}], "parents": [rows, the oldest first],
        "children", "request", "matched",
        "took_out": rows that were dropped for being like this one, "neighbours", "answers"}

    Raises:
        InputError: no row, or more than one, has this id.
    """
    stages = stages_of(run_dir)
    sightings = _sightings([*stages, *failed_stages(run_dir)], row_id)
    if not sightings:
        raise _unknown(run_dir, row_id, stages)
    full_id = str(sightings[0].row["id"])
    row = sightings[-1].row
    kept = [path for stage in stages for name, path in stage.row_files() if name != "rejected"]
    matched_id = (row.get("rejection") or {}).get("matched_id")
    matched = rows_by_id([str(matched_id)], kept) if matched_id else {}
    children, duplicates = descent(stages, full_id)
    return {
        "id": full_id,
        "row": row,
        "path": [_step(sighting) for sighting in sightings] + _trained(stages, sightings),
        "parents": row_ancestors(row, kept),
        "children": children,
        "request": request_of(row, ledger),
        "matched": next(iter(matched.values()), None),
        "took_out": duplicates,
        "neighbours": neighbours(row, _last_rows(stages)),
        "answers": list(_answers(stages, full_id)),
    }


def _sightings(stages: Sequence[PublishedStage], row_id: str) -> list[Sighting]:
    """Where the row stands, in the order of the pipeline."""
    exact: list[Sighting] = []
    by_beginning: dict[str, list[Sighting]] = {}
    for stage in stages:
        for name, path in stage.row_files():
            for row in written_rows(path):
                other_id = row.get("id")
                if other_id == row_id:
                    exact.append(Sighting(stage, name, row))
                elif (
                    isinstance(other_id, str)
                    and row_id
                    and other_id.startswith(row_id)
                    and (other_id in by_beginning or len(by_beginning) < AMBIGUOUS)
                ):
                    by_beginning.setdefault(other_id, []).append(Sighting(stage, name, row))
    if exact:
        return exact
    if len(by_beginning) > 1:
        number = f"{len(by_beginning)}{' or more' if len(by_beginning) == AMBIGUOUS else ''}"
        raise InputError(
            f"{number} ids begin with {row_id!r}",
            next=f"give more of it: {', '.join(sorted(by_beginning)[:5])} …",
        )
    return next(iter(by_beginning.values()), [])


def _unknown(run_dir: Path, row_id: str, stages: Sequence[PublishedStage]) -> InputError:
    where = ", ".join(stage.id for stage in stages) or "no stage is published"
    return InputError(
        f"no row of this run has the id {row_id!r}",
        str(run_dir),
        f"looked in: {where}; `synthgen {'inspect' if stages else 'status'} {quote(str(run_dir))}` shows "
        + ("rows with their ids" if stages else "what became of its stages"),
    )


def _step(sighting: Sighting) -> dict[str, Any]:
    stage, name, row = sighting
    rejection = row.get("rejection")
    verdict = (
        rejection.get("kind", "rejected")
        if name == "rejected" and isinstance(rejection, dict)
        else "kept"
        if name == "rows"
        else f"in {name}"
    )
    step = {
        "stage": stage.id,
        "kind": stage.manifest.kind,
        "file": str(stage.folder / f"{name}.jsonl"),
        "verdict": verdict,
        "rules": _rules(stage),
    }
    if isinstance(rejection, dict) and name == "rejected":
        step["rejection"] = rejection
    return step


def _trained(stages: Sequence[PublishedStage], sightings: Sequence[Sighting]) -> list[dict[str, Any]]:
    """The students that were trained on a file in which the row is, unless they left it out."""
    files = {stage.folder / f"{name}.jsonl" for stage, name, _ in sightings if name != "rejected"}
    left_out = {stage.id for stage, name, _ in sightings if name == "rejected"}
    return [
        {"stage": stage.id, "kind": stage.manifest.kind, "verdict": "trained on", "rules": []}
        for stage in stages
        if stage.manifest.writes == "model"
        and stage.id not in left_out
        and files & {path for path in stage.input_files() if path.name != "validation.jsonl"}
    ]


def _rules(stage: PublishedStage) -> list[str]:
    """The rules or methods that the stage held the row to, with their options as the manifest has them."""
    config = stage.manifest.config
    listed = config.get("rules") or config.get("methods") or []
    rules = []
    for rule in listed if isinstance(listed, list) else []:
        if isinstance(rule, dict) and len(rule) == 1:
            ((name, options),) = rule.items()
            given = options.items() if isinstance(options, dict) else ()
            said = in_words({key: value for key, value in given if value not in (None, "", [], {})})
            rules.append(f"{name} ({said})" if said else str(name))
        else:
            rules.append(str(rule))
    return rules


def request_of(row: Row, ledger: Path | None) -> dict[str, Any] | None:
    """The prompt as it was sent and the reply as it came, from the ledger."""
    from synthgen.core.errors import SynthgenError
    from synthgen.store.ledger.ledger import open_ledger
    from synthgen.teachers.replies import ordered_choices, sample_of

    meta = row.get("meta")
    key = meta.get("request") if isinstance(meta, dict) else None
    if not isinstance(key, str) or ledger is None:
        return None
    book = open_ledger(ledger)
    try:
        entry = book.get(key)
    except SynthgenError:
        entry = None
    finally:
        book.close()
    if entry is None:
        return {"key": key, "missing": True}
    sharing = len(ordered_choices(entry.reply)) or 1
    sample = sample_of(entry.reply, entry.choice, key=key, index=0, model=entry.model)
    body = entry.request.get("body", {})
    return {
        "key": key,
        "model": entry.model,
        "messages": body.get("messages"),
        "prompt": body.get("prompt"),
        "sampling": {
            name: value for name, value in body.items() if name not in ("messages", "prompt", "model")
        },
        "reply": sample.text,
        "reasoning": sample.reasoning,
        "finish_reason": sample.finish_reason,
        "usage": entry.usage,
        "samples": sharing,
        "cost_usd": None if entry.cost_usd is None else entry.cost_usd / sharing,
        "request_cost_usd": entry.cost_usd,
        "seconds": round(entry.latency, 3),
        "run": entry.run,
    }


def _last_rows(stages: Sequence[PublishedStage]) -> Path | None:
    """The rows that the pipeline came to: what students are trained on."""
    stage = rows_stage(stages)
    files = stage.row_files() if stage is not None else ()
    return next((path for name, path in files if name in ("rows", "train")), None)


def _answers(stages: Sequence[PublishedStage], row_id: str) -> Iterator[dict[str, Any]]:
    """What base, students and teacher answered, where the row was a test question."""
    for stage in stages:
        path = stage.folder / "answers.jsonl"
        for entry in written_rows(path) if path.is_file() else ():
            if entry.get("id") == row_id:
                yield {
                    "stage": stage.id,
                    "reference": entry.get("reference"),
                    "answers": entry.get("answers", {}),
                }
