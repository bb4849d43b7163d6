"""The figures of an improvement: each round's scores, what it gained, and what a dollar gained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthgen.evaluation.intervals import share_of_gap
from synthgen.evaluation.trainings import apart, by_row, level
from synthgen.operations.improve.measure import Scored
from synthgen.operations.improve.plan import ImprovePlan
from synthgen.operations.improve.weakness import slice_scores

IMPROVE, UNIFORM = "improve", "uniform"
"""The two arms: new rows where the student fails, and of all slices alike."""


@dataclass
class Round:
    """What one round of an arm came to."""

    arm: str
    number: int
    run: str
    wanted: Mapping[str, int]
    new_rows: int
    usd: float
    trained_on: int
    validation: Scored
    test: Scored


def figures(
    plan: ImprovePlan, first: Round, arms: Mapping[str, Sequence[Round]], usd: float | None, stopped: str
) -> dict[str, Any]:
    """All rounds with their scores, gains and dollars; and what a dollar gained beside the other arm.

    Test rows that were left out for one round (its training rows held them) are left out for all.
    """
    rounds = [first, *(one for arm in arms.values() for one in arm)]
    ids = set(first.test.ids).intersection(*(one.test.ids for one in rounds))
    seen = set(first.validation.ids).intersection(*(one.validation.ids for one in rounds))
    start, share = first.test.only(ids), bool(plan.metric.load().SHARE)
    verdict = plan.evaluate.config.verdict  # type: ignore[attr-defined]
    entries = []
    for one in rounds:
        test, validation = one.test.only(ids), one.validation.only(seen)
        entry: dict[str, Any] = {
            "arm": one.arm,
            "round": one.number,
            "run": one.run,
            "new_rows": one.new_rows,
            "rows_trained": one.trained_on,
            "asked": dict(one.wanted),
            "usd": round(one.usd, 6),
            "validation": level(validation.student, share).figures(),
            "test": level(test.student, share).figures(),
            "slices": {
                found.name: found.figures()
                for found in slice_scores(
                    validation.student,
                    validation.teacher,
                    validation.labels,
                    verdict.margin,
                    verdict.confidence,
                )
            },
        }
        if one.number:
            entry["gain"] = apart(test.student, start.student).figures()
            gap = share_of_gap(by_row(test.student), by_row(start.student), start.teacher)
            entry["gap_recovered"] = gap.figures() if gap is not None else None
        entries.append(entry)
    return {
        "pipeline": plan.pipeline.name,
        "student": plan.student,
        "seeds": len(plan.students),
        "metric": plan.metric.name,
        "by": plan.by,
        "usd": usd,
        "test_rows": len(ids),
        "validation_rows": len(seen),
        "teacher": round(sum(start.teacher) / len(start.teacher), 6),
        "rounds": entries,
        "stopped": stopped,
        **_versus(arms, first, ids, usd),
    }


def _versus(
    arms: Mapping[str, Sequence[Round]], first: Round, ids: set[str], usd: float | None
) -> dict[str, Any]:
    """What a dollar (or a question) gained, over what it gained when it was spent on all slices alike."""
    mine, other = arms[IMPROVE], arms.get(UNIFORM, ())
    if not mine or not other:
        return {}
    spent = [
        sum(one.usd if usd is not None else sum(one.wanted.values()) for one in arm) for arm in (mine, other)
    ]
    gained = [by_row(arm[-1].test.only(ids).student) for arm in (mine, other)]
    ratio = share_of_gap(gained[0], by_row(first.test.only(ids).student), gained[1])
    if ratio is None or not all(spent):
        return {"against_uniform": None}
    price = spent[1] / spent[0]
    return {
        "against_uniform": {
            "value": round(ratio.value * price, 4),
            "interval": [round(ratio.low * price, 4), round(ratio.high * price, 4)],
        }
    }
