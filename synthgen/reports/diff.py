"""What two runs differ in: options, rows added, lost and changed, drop reasons and scores side by side.

Memory: about 250 bytes for each row of a stage that is compared (two stages at a time), and one model's
scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from synthgen.core.changes import changes
from synthgen.core.hashing import value_hash
from synthgen.core.rows import Row, question_text
from synthgen.reports.run_folder import PublishedStage, stages_of, written_rows

EXAMPLES = 3
"""How many rows of a kind are shown."""


def diff_runs(run_a: Path, run_b: Path) -> dict[str, Any]:
    """Plain data: {"a", "b", "stages": [{stage, only_in, options, changes, counts, rows}], "scores": […]}.

    A row is matched with the row of its id; one that has none is matched with an unmatched row that asks
    the same question (a changed answer is a new id), and counts as changed.

    Raises:
        InputError: a folder is not there, or a row file was changed.
    """
    first, second = ({stage.id: stage for stage in stages_of(run)} for run in (run_a, run_b))
    names = [*first, *(name for name in second if name not in first)]
    return {
        "a": str(run_a),
        "b": str(run_b),
        "stages": [_stage(name, first.get(name), second.get(name)) for name in names],
        "scores": [score for name in names for score in _scores(name, first.get(name), second.get(name))],
    }


def _stage(name: str, a: PublishedStage | None, b: PublishedStage | None) -> dict[str, Any]:
    if a is None or b is None:
        only = a or b
        assert only is not None
        return {
            "stage": name,
            "only_in": "a" if b is None else "b",
            "counts": {"a": a.manifest.counts if a else None, "b": b.manifest.counts if b else None},
        }
    options = {
        key: {"a": a.manifest.config.get(key), "b": b.manifest.config.get(key)}
        for key in [*a.manifest.config, *(key for key in b.manifest.config if key not in a.manifest.config)]
        if a.manifest.config.get(key) != b.manifest.config.get(key)
    }
    files = {record.sha256 for record in a.manifest.outputs.values()} ^ {
        record.sha256 for record in b.manifest.outputs.values()
    }
    changed_parts = sorted(
        part
        for part in {**a.manifest.key_parts, **b.manifest.key_parts}
        if a.manifest.key_parts.get(part) != b.manifest.key_parts.get(part)
    )
    entry: dict[str, Any] = {
        "stage": name,
        "options": options,
        "changes": [
            {"option": change.path, "a": change.before, "b": change.after}
            for change in changes(a.manifest.config, b.manifest.config)
        ],
        "changed": changed_parts,
        "same_files": not files,
        "counts": {"a": a.manifest.counts, "b": b.manifest.counts},
    }
    if files and {a.manifest.writes, b.manifest.writes} <= {"rows", "split"}:
        parts = [part for part, _ in [*a.row_files(), *b.row_files()] if part != "rejected"]
        entry["rows"] = {
            part: _rows(a.folder / f"{part}.jsonl", b.folder / f"{part}.jsonl")
            for part in dict.fromkeys(parts)
        }
    return entry


class _Side:
    """The rows of one file by id (a row without one: by its content): content hash and question hash."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content: dict[str, bytes] = {}
        self.question: dict[str, bytes] = {}
        for row in _read(path):
            key = _key(row)
            self.content[key], self.question[key] = _hash(row), _hash(question_text(row))


def _rows(path_a: Path, path_b: Path) -> dict[str, Any]:
    a, b = _Side(path_a), _Side(path_b)
    both = a.content.keys() & b.content.keys()
    changed = {key: key for key in both if a.content[key] != b.content[key]}
    waiting: dict[bytes, list[str]] = {}
    for key, question in a.question.items():
        if key not in both:
            waiting.setdefault(question, []).append(key)
    added = []
    for key, question in b.question.items():
        if key in both:
            continue
        if waiting.get(question):
            changed[waiting[question].pop(0)] = key
        else:
            added.append(key)
    lost = [key for keys in waiting.values() for key in keys]
    same = len(both) - sum(a.content[key] != b.content[key] for key in both)
    picked_lost, picked_added = _first(lost, a), _first(added, b)
    pairs = {key: changed[key] for key in _first(changed, a)}
    rows_a = _picked(path_a, {*picked_lost, *pairs})
    rows_b = _picked(path_b, {*picked_added, *pairs.values()})
    return {
        "a": len(a.content),
        "b": len(b.content),
        "same": same,
        "added": len(added),
        "lost": len(lost),
        "changed": len(changed),
        "examples": {
            "added": [rows_b[key] for key in picked_added],
            "lost": [rows_a[key] for key in picked_lost],
            "changed": [
                {"a": rows_a[old], "b": rows_b[new], "fields": _differing(rows_a[old], rows_b[new])}
                for old, new in pairs.items()
            ],
        },
    }


def _first(keys: Any, side: _Side) -> list[str]:
    """The first few of some keys, in file order."""
    wanted = set(keys)
    chosen: list[str] = []
    for key in side.content:
        if key in wanted:
            chosen.append(key)
            if len(chosen) == EXAMPLES:
                break
    return chosen


def _picked(path: Path, keys: set[str]) -> dict[str, Row]:
    return {key: row for row in _read(path) if (key := _key(row)) in keys} if keys else {}


def _differing(a: Row, b: Row) -> list[str]:
    return [
        name for name in dict.fromkeys([*a, *b]) if name not in ("id", "meta") and a.get(name) != b.get(name)
    ] or ["meta"]


def _read(path: Path) -> Iterator[Row]:
    return written_rows(path) if path.is_file() else iter(())


def _key(row: Row) -> str:
    return str(row["id"]) if row.get("id") else value_hash(row)


def _hash(value: Any) -> bytes:
    return bytes.fromhex(value_hash(value))[:8]


def _scores(name: str, a: PublishedStage | None, b: PublishedStage | None) -> Iterator[dict[str, Any]]:
    """Each model's scores in both runs, with the paired difference where both answered the same questions."""
    reports = [_report(stage) for stage in (a, b)]
    if not any(reports):
        return
    models = [
        *(reports[0] or {}).get("models", {}),
        *(
            model
            for model in (reports[1] or {}).get("models", {})
            if model not in (reports[0] or {}).get("models", {})
        ),
    ]
    metrics = list(dict.fromkeys(metric for report in reports if report for metric in report["metrics"]))
    for model in models:
        for metric in metrics:
            sides = [((report or {}).get("models", {}).get(model) or {}).get(metric) for report in reports]
            if any(sides):
                paired = _paired(a, b, model, metric) if a and b and all(sides) else None
                yield {
                    "stage": name,
                    "model": model,
                    "metric": metric,
                    **{
                        side: figures and {key: figures[key] for key in ("value", "interval", "rows")}
                        for side, figures in zip("ab", sides, strict=True)
                    },
                    "paired": paired,
                }


def _report(stage: PublishedStage | None) -> dict[str, Any] | None:
    try:
        report = orjson.loads((stage.folder / "metrics.json").read_bytes()) if stage is not None else None
    except (OSError, orjson.JSONDecodeError):
        return None
    if not isinstance(report, dict) or "metrics" not in report:
        return None
    return report if isinstance(report.get("models"), Mapping) else None


def _paired(a: PublishedStage, b: PublishedStage, model: str, metric: str) -> dict[str, Any] | None:
    from synthgen.evaluation.intervals import paired_difference

    sides = [_row_scores(stage, model, metric) for stage in (a, b)]
    common = [row_id for row_id in sides[0] if row_id in sides[1]]
    if not common:
        return None
    difference = paired_difference(
        [sides[1][row_id] for row_id in common], [sides[0][row_id] for row_id in common]
    )
    won = sum(sides[1][row_id] > sides[0][row_id] for row_id in common)
    lost = sum(sides[1][row_id] < sides[0][row_id] for row_id in common)
    return {
        "rows": len(common),
        "value": round(difference.value, 6),
        "interval": difference.plain(),
        "won": won,
        "lost": lost,
    }


def _row_scores(stage: PublishedStage, model: str, metric: str) -> dict[str, float]:
    scores = {}
    for entry in _read(stage.folder / "answers.jsonl"):
        value = entry.get("answers", {}).get(model, {}).get("scores", {}).get(metric)
        if entry.get("id") and value is not None:
            scores[str(entry["id"])] = float(value)
    return scores
