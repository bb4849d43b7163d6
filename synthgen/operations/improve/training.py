"""The pipeline that trains students on their own rows and new ones, and measures them.

New rows lose what asks the same as a test or validation row, and what is near an old row by the pipeline's
last `dedup`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from synthgen.operations.improve.plan import LATER, STAGE, ImprovePlan, options_of
from synthgen.pipeline.spec import Pipeline, ancestors

VALIDATION = "improve-validation"
"""The stage that scores validation rows."""
FRESH, TOGETHER = "improve-fresh", "improve-together"
"""New rows that are no test rows; and all rows."""
ONLY_THE_SAME: dict[str, Any] = {
    "drop_ngram": None,
    "drop_coverage": None,
    "drop_characters": None,
    "report_ngram": None,
    "drop_contained": None,
}
"""Of a pipeline without `decontaminate`: new rows go only where they ask the same as a test row, since its
own training rows were held to no more.
"""


def training(plan: ImprovePlan, arm: str, number: int, runs: Sequence[str]) -> Pipeline:
    """The students trained on their own rows and those of `runs`, and measured; the start without any."""
    needed = ancestors(
        plan.pipeline, [*plan.evaluate.reads["questions"], *(spec.id for spec in plan.students)]
    )
    joining, joined = _joined(plan, runs)
    stages: list[dict[str, Any]] = []
    for spec, options in plan.entries():
        if spec.id == plan.students[0].id:
            stages += joining
        if spec in plan.students:
            options["input"] = joined
        if spec.id in needed:
            stages.append({spec.kind: options})
        if spec.id == plan.evaluate.id:
            options |= {"models": [*(student.id for student in plan.students), "teacher"], "by": []}
            by = [] if plan.by == STAGE else [plan.by]
            rows = {"id": VALIDATION, "input": f"{plan.split.id}.validation", "by": by, "on_leak": "exclude"}
            stages += [{spec.kind: {**options, **rows}}, {spec.kind: options}]
    return plan.copy(plan.name(arm, number), stages, plan.pipeline.seed)


def _joined(plan: ImprovePlan, runs: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Stages that put new rows behind the student's own, and what it then reads."""
    if not runs:
        return [], list(plan.rows)
    own = [spec for spec in plan.back if spec.kind == LATER]
    news = [f"run:{run}:{reference}" for run in runs for reference in plan.past(plan.rows)]
    clean = {**(options_of(own[-1]) if own else ONLY_THE_SAME), "id": FRESH, "input": news}
    fresh = {LATER: {**clean, "split": None, "evaluated": []}}
    dedups = [spec for spec in plan.back if spec.kind == "dedup"]
    together = [*plan.rows, FRESH]
    if not dedups:
        return [fresh], together
    return [fresh, {"dedup": {**options_of(dedups[-1]), "id": TOGETHER, "input": together}}], [TOGETHER]
