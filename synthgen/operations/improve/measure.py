"""What the runs of an improvement came to: scores, slices, sizes and what rows cost, from their files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from synthgen.core.errors import StageFailed
from synthgen.evaluation.slices import NONE, labels_of
from synthgen.operations.improve.plan import STAGE, ImprovePlan, Sizes
from synthgen.operations.improve.training import VALIDATION
from synthgen.pipeline.spec import ancestors
from synthgen.store.jsonl import read_rows
from synthgen.store.manifest import read_manifest


@dataclass(frozen=True)
class Scored:
    """Scores on the same rows: of each seed of the student, and of the teacher; and each row's slice."""

    ids: list[str]
    student: list[list[float]]
    teacher: list[float]
    labels: list[str]

    def only(self, ids: set[str]) -> Scored:
        """The rows with these ids."""
        places = [place for place, row in enumerate(self.ids) if row in ids]
        return Scored(
            [self.ids[place] for place in places],
            [[one[place] for place in places] for one in self.student],
            [self.teacher[place] for place in places],
            [self.labels[place] for place in places],
        )


def scored(plan: ImprovePlan, run_dir: Path, validation: bool, of_stage: Mapping[str, str]) -> Scored:
    """The scores of a run on its validation rows, or on its test rows.

    Args:
        plan: whose students and metric.
        run_dir: the run.
        validation: which of the two.
        of_stage: the stage before the split that each row came from, by its id.

    Raises:
        StageFailed: no row could be scored, or none has the field that slices are made by.
    """
    stage = VALIDATION if validation else plan.evaluate.id
    names = [spec.id for spec in plan.students]
    found = Scored([], [[] for _ in names], [], [])
    for number, entry in enumerate(read_rows(run_dir / stage / "answers.jsonl")):
        row = str(entry.get("id") or number)
        scores = [
            entry["answers"][name].get("scores", {}).get(plan.metric.name) for name in (*names, "teacher")
        ]
        if any(score is None for score in scores):
            continue
        found.ids.append(row)
        for mine, score in zip(found.student, scores, strict=False):
            mine.append(float(score))
        found.teacher.append(float(scores[-1]))
        labels = of_stage.get(row, "?") if plan.by == STAGE else entry.get("slices", {}).get(plan.by, "?")
        found.labels.append(labels)
    if not found.ids:
        raise StageFailed(
            "no row was scored for both student and teacher",
            str(run_dir / stage),
            "rows need a reference; see docs/evaluation.md",
        )
    if plan.by != STAGE and set(found.labels) == {NONE}:
        raise StageFailed(
            f"no row has {plan.by}, so there is nothing to slice by",
            str(run_dir / stage),
            "--by names a field that questions have",
        )
    return found


def sources(plan: ImprovePlan, run_dir: Path) -> tuple[Sizes, dict[str, str]]:
    """How many questions of each slice each stage before the split made, and which stage each row is from."""
    counts: dict[str, dict[str, int]] = {}
    of_stage: dict[str, str] = {}
    for source in plan.sources:
        rows = list(read_rows(run_dir / source / "rows.jsonl"))
        if plan.by == STAGE:
            of_stage.update((str(row["id"]), source) for row in rows)
            counts[source] = {source: len(rows)}
            continue
        (labels,) = labels_of(rows, [plan.by]).values()
        counts[source] = {}
        for label in labels:
            counts[source][label] = counts[source].get(label, 0) + 1
    return Sizes(counts), of_stage


def spent(run_dir: Path, stages: Iterable[str]) -> float:
    """What the rows of these stages cost, whoever paid for them."""
    manifests = [read_manifest(run_dir / stage) for stage in stages]
    return sum(float((one.usage or {}).get("cost_usd") or 0.0) for one in manifests if one is not None)


def question_costs(plan: ImprovePlan, run_dir: Path, sizes: Sizes) -> dict[str, float]:
    """What one question of a slice costs, made and answered, by what the start's rows cost.

    Slices of which no stage can make more are left out.
    """
    made: dict[str, float] = {}
    each: dict[str, float] = {}
    for source in plan.sources:
        rows = sum(sizes.counts[source].values())
        each[source] = spent(run_dir, ancestors(plan.pipeline, [source])) / max(1, rows)
    asked = read_manifest(run_dir / plan.split.id)
    trained = (asked.outputs["train.jsonl"].rows or 0) if asked is not None else 0
    answered = spent(run_dir, (spec.id for spec in plan.back)) / max(1, trained)
    usable = [source for source in plan.sources if plan.grows(source)]
    for name in {name: None for source in usable for name in sizes.counts[source]}:
        parts = [(sizes.rows(source, name), each[source]) for source in usable]
        total = sum(rows for rows, _ in parts)
        asked_anew = 0.0 if not plan.growing else sum(rows * price for rows, price in parts) / total
        made[name] = asked_anew + answered
    return made
