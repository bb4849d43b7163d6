"""The variants of a student that were exported, each held to the student itself on the same test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthgen.core.text import percent, points, table
from synthgen.evaluation.compare import ModelAnswers, aligned
from synthgen.evaluation.intervals import paired_difference, score_interval
from synthgen.evaluation.verdict import POWER, Terms, held_to_margin, rows_that_decide
from synthgen.training.footprint import size


def variant_report(
    student: ModelAnswers,
    variants: Sequence[ModelAnswers],
    terms: Terms,
    sizes: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The student and its variants with their scores, and a verdict on each variant, as plain JSON.

    Args:
        student: with its scores.
        variants: with theirs, on the same rows.
        terms: by how much a variant's score may be below the student's.
        sizes: name -> figures that are known of it before it is asked.
    """
    return {
        "metric": terms.metric,
        "margin": terms.margin,
        "confidence": terms.confidence,
        "rows": len(student.answers),
        "student": {**sizes[student.name], **_figures(student, terms)},
        "variants": {
            variant.name: {
                **sizes[variant.name],
                **_figures(variant, terms),
                **held_to_student(variant, student, terms, bool(sizes[variant.name].get("same_weights"))),
            }
            for variant in variants
        },
    }


def _figures(model: ModelAnswers, terms: Terms) -> dict[str, Any]:
    (scores,) = aligned(terms.metric, model)
    replies = len(model.answers)
    return {
        "score": score_interval(scores, terms.share).figures() if scores else None,
        "parsed": round(sum(answer.parsed is not None for answer in model.answers) / replies, 6),
        "stopped": round(sum(answer.stopped for answer in model.answers) / replies, 6),
    }


def held_to_student(
    variant: ModelAnswers, student: ModelAnswers, terms: Terms, same_weights: bool
) -> dict[str, Any]:
    """The verdict on a variant, and what it rests on.

    Args:
        variant: with its scores.
        student: with its own, on the same rows.
        terms: by how much the variant's score may be below.
        same_weights: whether it is the student's own files; then equal replies suffice.
    """
    same = sum(
        (one.text, one.ending) == (other.text, other.ending)
        for one, other in zip(variant.answers, student.answers, strict=True)
    )
    mine, above = aligned(terms.metric, variant, student)
    apart = paired_difference(mine, above, confidence=terms.confidence)
    word, reason = held_to_margin(apart, terms, "student")
    if same_weights and same == len(student.answers):
        word, reason = "DEPLOY", "the student's own weights and tokenizer, and the same replies"
    figures: dict[str, Any] = {
        "verdict": word,
        "reason": reason,
        "vs_student": apart.figures(),
        "same_replies": round(same / len(student.answers), 6),
    }
    if word == "INCONCLUSIVE":
        figures["rows_needed"] = rows_that_decide([mine], above, terms)
    return figures


def variant_lines(report: Mapping[str, Any], name: str) -> list[str]:
    """The report as a person reads it.

    Args:
        report: from `variant_report`.
        name: the student's.
    """
    metric = report["metric"].replace("_", " ")
    header = [
        "variant",
        "size",
        metric,
        "95% interval",
        "to the student",
        "same replies",
        "stopped",
    ]
    rows = [_row(name, report["student"])]
    rows += [_row(variant, figures) for variant, figures in report["variants"].items()]
    return [table(header, rows), "", *variant_verdicts(report)]


def variant_verdicts(report: Mapping[str, Any]) -> list[str]:
    """The verdicts alone, from `variant_report`."""
    metric = report["metric"].replace("_", " ")
    width = max(len(variant) for variant in report["variants"])
    lines = [
        f"verdict (by {metric} on {report['rows']:,} rows; at most {100 * report['margin']:.1f} points below "
        f"the student, {100 * report['confidence']:g}% sure):",
    ]
    for variant, figures in report["variants"].items():
        lines.append(f"  {variant:<{width}}  {figures['verdict']}: {figures['reason']}")
        if "rows_needed" in figures:
            needed = figures["rows_needed"]
            lines.append(
                f"  {'':<{width}}  "
                + (
                    f"about {needed:,} test rows would decide ({POWER:.0%} power) if the difference is the "
                    "one seen"
                    if needed is not None
                    else "no test of a size that can be had would decide: set another margin"
                )
            )
    return lines


def _row(name: str, figures: Mapping[str, Any]) -> list[str]:
    score = figures["score"]
    low, high = score["interval"]
    apart = figures.get("vs_student")
    return [
        name,
        size(figures["bytes"]),
        percent(score["value"]),
        f"{100 * low:.1f}–{100 * high:.1f}",
        points(apart["value"]) if apart else "–",
        percent(figures["same_replies"]) if apart else "–",
        percent(figures["stopped"]),
    ]
