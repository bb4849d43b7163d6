"""Scores by slice: the rows of one topic, of one task, or of one third of lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from synthgen.core.rows import Row, question_text, value_at
from synthgen.core.text import percent, points, table
from synthgen.evaluation.compare import ModelAnswers, aligned
from synthgen.evaluation.intervals import paired_difference, score_interval
from synthgen.evaluation.verdict import Terms

LENGTH = "length"
"""The name that stands for the question's length, as three parts of about equal size."""
LENGTHS = ("short", "middle", "long")
FEWEST = 10
"""Slices of fewer rows are one slice, `REST`."""
MOST = 20
"""Slices of a field beyond so many are in `REST`, too."""
WIDE = 5
"""Up to so many models stand side by side."""
MARK = " *"
"""Behind the score of a student that lies below the teacher."""
REST = "(others)"
NONE = "(none)"


def labels_of(rows: Sequence[Row], fields: Iterable[str]) -> dict[str, list[str]]:
    """The slice of each row by each field.

    Args:
        rows: the test rows.
        fields: names or dotted paths (`meta.topic`), or `LENGTH`.

    Returns:
        Field -> a label for each row; a list's first entry is its label.
    """
    return {
        field: _pooled(_lengths(rows) if field == LENGTH else [_label(value_at(row, field)) for row in rows])
        for field in fields
    }


def labels_since(rows: Sequence[Row], fields: Iterable[str], before: Sequence[Row]) -> dict[str, list[str]]:
    """The slice of each of other rows by each field, among the slices that earlier rows had.

    Args:
        rows: the rows.
        fields: as for `labels_of`.
        before: the earlier rows, which `labels_of` was given; their thirds of lengths hold.

    Returns:
        Field -> a label for each row; `REST` for one that the earlier rows did not have.
    """
    found = {}
    for field, known in labels_of(before, fields).items():
        if field == LENGTH:
            labels = _lengths(rows, before)
        else:
            labels = [_label(value_at(row, field)) for row in rows]
        found[field] = [label if label in known else REST for label in labels]
    return found


def _label(value: Any) -> str:
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    return NONE if value is None or isinstance(value, dict) else str(value)[:80]


def _lengths(rows: Sequence[Row], before: Sequence[Row] | None = None) -> list[str]:
    sizes, earlier = (
        [len(question_text(row) or "") for row in some] for some in (rows, rows if before is None else before)
    )
    ordered = sorted(earlier)
    first, second = (ordered[min(len(ordered) - 1, len(ordered) * part // 3)] for part in (1, 2))
    return [LENGTHS[(size >= first) + (size >= second)] for size in sizes]


def _pooled(labels: Sequence[str]) -> list[str]:
    """Labels with the rare ones as one; equal counts are ordered by name."""
    counts = Counter(labels)
    large = [name for name, count in counts.items() if count >= FEWEST]
    kept = set(sorted(large, key=lambda name: (-counts[name], name))[:MOST])
    return [label if label in kept else REST for label in labels]


def slice_report(
    models: Sequence[ModelAnswers], labels: Mapping[str, Sequence[str]], terms: Terms
) -> dict[str, Any]:
    """Each model's score in each slice, and each student's difference to the teacher and to its base.

    The intervals of all slices of a field hold together (Bonferroni): with m slices each has a confidence of
    1 - (1 - confidence) / m.

    Args:
        models: with their scores.
        labels: from `labels_of`.
        terms: the metric, the confidence, and the margin below which a slice has fallen.

    Returns:
        Field -> {"confidence", "slices": {label: {"rows", "models": {name: {"value", "interval",
        "vs_teacher", "vs_base"}}, "fell": [students below the margin]}}}
    """
    found = {}
    for field, of_rows in labels.items():
        names = sorted(set(of_rows), key=lambda name: (name in (REST, NONE), _order(field, name)))
        confidence = 1 - (1 - terms.confidence) / max(1, len(names))
        found[field] = {
            "confidence": round(confidence, 6),
            "slices": {
                name: _slice(
                    [index for index, one in enumerate(of_rows) if one == name], models, terms, confidence
                )
                for name in names
            },
        }
    return found


def _order(field: str, name: str) -> tuple[int, str]:
    return (LENGTHS.index(name) if field == LENGTH and name in LENGTHS else 0, name)


def _slice(
    rows: Sequence[int], models: Sequence[ModelAnswers], terms: Terms, confidence: float
) -> dict[str, Any]:
    here = [_part(model, rows, terms.metric) for model in models]
    by_name = {model.name: model for model in here}
    teacher = next((model for model in here if model.role == "teacher"), None)
    figures: dict[str, Any] = {}
    fell = []
    for model in here:
        (scores,) = aligned(terms.metric, model)
        if not scores:
            continue
        figures[model.name] = score_interval(scores, terms.share, confidence).figures()
        if model.role != "student":
            continue
        for name, other in (("vs_base", by_name.get(model.base or "")), ("vs_teacher", teacher)):
            if other is None:
                continue
            mine, theirs = aligned(terms.metric, model, other)
            if mine:
                apart = paired_difference(mine, theirs, confidence=confidence)
                figures[model.name][name] = apart.figures()
                if name == "vs_teacher" and apart.high < -terms.margin:
                    fell.append(model.name)
    return {"rows": len(rows), "models": figures, "fell": fell}


def _part(model: ModelAnswers, rows: Sequence[int], metric: str) -> ModelAnswers:
    scores = model.scores[metric]
    return ModelAnswers(
        model.name, model.role, [], model.base, scores={metric: [scores[index] for index in rows]}
    )


def fallen(report: Mapping[str, Any], student: str) -> list[str]:
    """The slices in which a student lies below the margin, the worst first, as lines for a person.

    Of a field in all of whose slices it does, one line.
    """
    found = []
    for field, of_field in report.items():
        slices = of_field["slices"]
        fell = {
            name: figures["models"][student]["vs_teacher"]["value"]
            for name, figures in slices.items()
            if student in figures["fell"]
        }
        if len(fell) == len(slices) > 1:
            low, high = min(fell.values()), max(fell.values())
            found.append((low, field, "", f"all {len(fell)} slices of {field} ({_between(low, high)})"))
            continue
        found += [
            (value, field, name, f"{field}: {name} ({points(value)} points, {slices[name]['rows']:,} rows)")
            for name, value in fell.items()
        ]
    return [line for *_, line in sorted(found)]


def _between(low: float, high: float) -> str:
    ends = [points(low), points(high)]
    return f"{ends[0]} points" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]} points"


def slice_lines(report: Mapping[str, Any]) -> list[str]:
    """A table for each field: a slice a row, or a model a row where many models would make it too wide."""
    lines: list[str] = []
    mark = ""
    for field, of_field in report.items():
        slices = of_field["slices"]
        models = list(dict.fromkeys(name for figures in slices.values() for name in figures["models"]))
        wide = len(models) > max(WIDE, len(slices))
        mark = MARK if wide else mark
        lines += ["", _by_model(field, slices, models) if wide else _by_slice(field, slices, models)]
    if lines:
        told = f"below the teacher ({mark.strip()})" if mark else "below the teacher"
        lines.append(
            f"intervals of a field's slices hold together (Bonferroni); {told}: by more than the margin, "
            "with the whole interval"
        )
    return lines


def _by_slice(field: str, slices: Mapping[str, Any], models: Sequence[str]) -> str:
    rows = [
        [
            name,
            f"{figures['rows']:,}",
            *(_cell(figures["models"].get(model)) for model in models),
            ", ".join(figures["fell"]) or "–",
        ]
        for name, figures in slices.items()
    ]
    return table([field, "rows", *models, "below the teacher"], rows)


def _by_model(field: str, slices: Mapping[str, Any], models: Sequence[str]) -> str:
    rows = [["rows", *(f"{figures['rows']:,}  " for figures in slices.values())]]
    for model in models:
        cells = [
            _cell(figures["models"].get(model)) + (MARK if model in figures["fell"] else "  ")
            for figures in slices.values()
        ]
        rows.append([model, *cells])
    return table([field, *(f"{name}  " for name in slices)], rows)


def _cell(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return "–"
    low, high = figures["interval"]
    return f"{percent(figures['value'])} ({100 * low:.0f}–{100 * high:.0f})"
