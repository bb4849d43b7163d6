"""Verdicts on the variants that a run exported, from its files alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from synthgen.core import registry
from synthgen.core.errors import StageFailed
from synthgen.evaluation.compare import Answer, ModelAnswers
from synthgen.evaluation.variants import held_to_student, variant_verdicts
from synthgen.evaluation.verdict import Terms
from synthgen.reports.run_folder import PublishedStage, written_rows

KIND, STUDENT = "export_model", "student"
"""The kind of stage, and the name that its answers have for whom the variants are held to."""


def variants_of(
    found: PublishedStage, margin: float | None = None, confidence: float | None = None
) -> dict[str, Any]:
    """The verdicts on a stage's variants, as its `metrics.json` has them.

    Args:
        found: a finished stage that exported variants.
        margin: by how much a variant may be below its student, in place of what the stage was given.
        confidence: how sure a verdict has to be, likewise.
    """
    report: dict[str, Any] = orjson.loads((found.folder / "metrics.json").read_bytes())
    if margin is None and confidence is None:
        return report
    metric = report["metric"]
    terms = Terms(
        metric,
        bool(registry.find("metric", metric).SHARE),
        report["margin"] if margin is None else margin,
        report["confidence"] if confidence is None else confidence,
        None,
    )
    models = {
        name: ModelAnswers(name, "student", [], scores={metric: []})
        for name in (STUDENT, *report["variants"])
    }
    for entry in written_rows(found.folder / "answers.jsonl"):
        for name, answer in entry["answers"].items():
            models[name].answers.append(Answer(answer["text"], answer["parsed"], answer["ending"]))
            models[name].scores[metric].append((answer.get("scores") or {}).get(metric))
    variants = {
        name: {
            **{key: value for key, value in figures.items() if key != "rows_needed"},
            **held_to_student(models[name], models[STUDENT], terms, bool(figures.get("same_weights"))),
        }
        for name, figures in report["variants"].items()
    }
    return {**report, "margin": terms.margin, "confidence": terms.confidence, "variants": variants}


def stale(fault: StageFailed) -> dict[str, Any]:
    """What stands in the place of verdicts on variants that are of another student or of other rows."""
    return {"stale": f"{fault.faults[0].what}; {fault.faults[0].next}"}


def variants_lines(report: Mapping[str, Any]) -> list[str]:
    """The verdicts on the variants of each stage, from `verdict.run_verdict`, as a person reads them."""
    lines: list[str] = []
    for stage, exported in report.get("variants", {}).items():
        if "stale" in exported:
            lines += ["", f"{stage}: {exported['stale']}"]
        else:
            lines += ["", f"{stage}, variants of {exported['exported']}:", *variant_verdicts(exported)]
    return lines


def words_of(report: Mapping[str, Any]) -> dict[str, str]:
    """`<stage>.<variant>` -> its verdict, in words; of a stage whose verdicts are stale, `<stage>`."""
    found = {}
    for stage, exported in report.get("variants", {}).items():
        if "stale" in exported:
            found[stage] = "of another student or other rows"
        for name, figures in exported.get("variants", {}).items():
            found[f"{stage}.{name}"] = figures["verdict"]
    return found
