"""Where a student lies below its teacher, and how the next money is shared among those slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthgen.evaluation.intervals import Interval
from synthgen.evaluation.seed_intervals import Scores
from synthgen.evaluation.slices import NONE, REST
from synthgen.evaluation.trainings import apart


@dataclass(frozen=True)
class SliceScore:
    """A slice's rows, the student's score, and how far it lies from the teacher."""

    name: str
    rows: int
    score: float
    to_teacher: Interval
    fell: bool

    @property
    def missed(self) -> float:
        """How many rows more the teacher has right."""
        return max(0.0, -self.to_teacher.value * self.rows)

    def figures(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "rows": self.rows,
            "score": round(self.score, 6),
            "to_teacher": self.to_teacher.figures(),
            "fell": self.fell,
        }


def slice_scores(
    scores: Scores, teacher: Sequence[float], labels: Sequence[str], margin: float, confidence: float
) -> list[SliceScore]:
    """Each slice, the one with most to gain first.

    Their intervals hold together (Bonferroni). A slice fell where the whole interval lies below the margin.

    Args:
        scores: of the student, by seeds.
        teacher: its scores of the same rows.
        labels: the slice of each row.
        margin: by how much a slice may lie below the teacher.
        confidence: how often all intervals hold.
    """
    names = sorted(set(labels))
    each = 1 - (1 - confidence) / max(1, len(names))
    found = []
    for name in names:
        rows = [index for index, label in enumerate(labels) if label == name]
        mine = [[one[index] for index in rows] for one in scores]
        difference = apart(mine, [[teacher[index] for index in rows]], each)
        mean = sum(map(sum, mine)) / (len(mine) * len(rows))
        fell = difference.high < -margin and name not in (REST, NONE)
        found.append(SliceScore(name, len(rows), mean, difference, fell))
    return sorted(found, key=lambda one: (-one.missed, one.name))


def shared(
    slices: Sequence[SliceScore], usd: float, cost: Mapping[str, float], in_vain: Sequence[str] = ()
) -> dict[str, int]:
    """How many questions of each fallen slice to ask for.

    Money goes by the rows that the teacher has right and the student not.

    Args:
        slices: from `slice_scores`.
        usd: for all of them; or a number of questions, where each costs 1.
        cost: of one question of a slice, answered.
        in_vain: slices that gained nothing by their last money.

    Returns:
        Slice -> questions; empty where no slice fell.
    """
    fallen = [one for one in slices if one.fell and cost.get(one.name)]
    fallen = [one for one in fallen if one.name not in in_vain] or fallen
    missed = sum(one.missed for one in fallen)
    wanted = {one.name: int(usd * one.missed / missed / cost[one.name]) for one in fallen}
    return {name: rows for name, rows in wanted.items() if rows}


def uniform(counts: Mapping[str, int], usd: float, cost: Mapping[str, float]) -> dict[str, int]:
    """How many questions of each slice as much money buys, in the shares that the pipeline itself makes."""
    known = {name: rows for name, rows in counts.items() if cost.get(name)}
    price = sum(rows * cost[name] for name, rows in known.items())
    wanted = {name: int(usd * rows / price) for name, rows in known.items()}
    return {name: rows for name, rows in wanted.items() if rows}
