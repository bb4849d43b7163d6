"""A learning curve: students trained on shares of the training rows, with and without rationales.

As distilling step-by-step shows it (Hsieh et al. 2023, arXiv 2305.02301): how much less data does a student
need that learns rationales too? Each share is a run of its own (`<name>.curve-25`; all rows are
`<name>.curve`) over the same ledger, with the same test rows. Shares are nested: rows are drawn by the
smallest seeded hashes, so a larger share holds all of a smaller one. What comes before the students is made
once and linked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from synthgen.core.errors import ConfigError, StageFailed
from synthgen.core.progress import Reporter
from synthgen.evaluation.trainings import apart, level
from synthgen.operations.ahead import Ahead, Piece, pieces_of
from synthgen.operations.alone import alone
from synthgen.operations.measured import checked, measured, metric_of, scores_of, seed_of
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.pipeline.spec import Pipeline, StageSpec, ancestors
from synthgen.store.publish import write_whole

NAME = "curve.json"
"""The figures, in the folder of the run with all rows."""
BARE = "-answers"
"""Behind the id of a student: the same one, trained without rationales."""
WITH_RATIONALES = ("rationale_then_answer", "think_tags", "multi_task")


class CurvePlan:
    """The students of a curve and the pipeline of each share.

    Raises:
        ConfigError: the pipeline measures no student, a share is none, or a student weighs its inputs.
    """

    def __init__(
        self, pipeline: Pipeline, shares: Sequence[float], student: str | None = None, bare: bool = True
    ) -> None:
        self.pipeline = pipeline
        self.evaluate, self.students = measured(pipeline, student)
        self.metric = metric_of(self.evaluate)
        models: tuple[str, ...] = self.evaluate.config.models  # type: ignore[attr-defined]
        self.teacher = [name for name in models if name == "teacher"]
        if not shares or not all(0 < share <= 100 for share in shares):
            raise ConfigError(
                "shares are percentages above 0 and up to 100", "--shares", "--shares 25,50,100"
            )
        self.shares = sorted({*map(float, shares), 100.0})
        for spec in self.students:
            if getattr(spec.config, "weights", ()):
                raise ConfigError(
                    f"{spec.id} weighs its inputs, and a curve draws from all of them alike",
                    str(pipeline.path),
                    f"leave it out for the curve: --set {spec.id}.weights=[]",
                )
        taught = [spec for spec in self.students if _learns_rationales(spec)]
        there = {spec.id: self._without_rationales(spec) for spec in taught}
        self.twins = {spec.id: f"{spec.id}{BARE}" for spec in taught if bare and there[spec.id] is None}
        """Student's stage -> the stage that is added: the same student on answers alone."""
        self.curves = {
            name: seed_of(spec) + (BARE if name != spec.id else "")
            for spec in self.students
            for name in (spec.id, self.twins.get(spec.id, ""))
            if name
        }
        """Student's stage -> the curve that it belongs to; stages that differ by their seed are one."""
        others = {name: there[name] or self.twins.get(name) for name in there}
        self.bare = {self.curves[name]: self.curves[other] for name, other in others.items() if other}
        """Curve of a student with rationales -> that of the same student without."""

    def _without_rationales(self, spec: StageSpec) -> str | None:
        """A student of the pipeline that is the same, but learns the answers alone."""
        same = {"id": None, "input": None, "completion": "answer_only", "seed_of": None}
        for other in self.students:
            if getattr(other.config, "completion", "") == "answer_only" and (
                (other.kind, other.reads["rows"]) == (spec.kind, spec.reads["rows"])
                and other.config.model_copy(update=same) == spec.config.model_copy(update=same)
            ):
                return other.id
        return None

    def at(self, share: float) -> Pipeline:
        """The pipeline in which each student is trained on this share of its rows."""
        needed = ancestors(
            self.pipeline, [*self.evaluate.reads["questions"], *(one.id for one in self.students)]
        ) | {self.evaluate.id}
        stages: list[dict[str, Any]] = []
        for spec, entry in zip(self.pipeline.stages, self.pipeline.resolved()["stages"], strict=True):
            ((kind, options),) = entry.items()
            if spec.id not in needed:
                continue
            if spec.reads:
                options["input"] = list(spec.reads[next(iter(spec.reads))])
            if spec in self.students and share < 100:
                sample = f"{spec.id}-share"
                drawn = {"id": sample, "input": options["input"], "sample": {"size": share / 100}}
                stages.append({"select": drawn})
                options["input"] = sample
            if spec.id == self.evaluate.id:
                options = {
                    **options,
                    "models": [*self.curves, *self.teacher],
                    "on_leak": "exclude" if options["on_leak"] == "fail" else options["on_leak"],
                }
            stages.append({kind: options})
            if spec.id in self.twins:
                stages.append({kind: {**options, "id": self.twins[spec.id], "completion": "answer_only"}})
        name = f"{self.pipeline.name}.curve" + (f"-{share:g}" if share < 100 else "")
        return checked(self.pipeline, {**self.pipeline.resolved(), "name": name, "stages": stages})


def _learns_rationales(spec: StageSpec) -> bool:
    return spec.kind == "sft" and getattr(spec.config, "completion", "") in WITH_RATIONALES


def curve(
    pipeline: Pipeline,
    options: RunOptions,
    *,
    shares: Sequence[float],
    student: str | None = None,
    bare: bool = True,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Trains on each share and measures; after an interruption, the same call continues.

    Args:
        pipeline: with a student and an evaluation.
        options: where runs and the ledger are.
        shares: percentages of the training rows; 100 is always one.
        student: the stage that trains the student; all that `evaluate` measures where left out.
        bare: also train each student that learns rationales on the answers alone.
        reporter: where progress goes.

    Returns:
        The figures; they are also in `curve.json` in the folder of the run with all rows.

    Raises:
        ConfigError: see `CurvePlan`.
        StageFailed: the students have no test row in common.
        RunLocked: another process makes this pipeline's curve.
    """
    plan = CurvePlan(pipeline, shares, student, bare)
    with alone(options.folder(plan.at(100))):
        return _trained(plan, options, reporter or Reporter())


def _trained(plan: CurvePlan, options: RunOptions, reporter: Reporter) -> dict[str, Any]:
    """Trains on each share and writes the figures; see `curve`."""
    pipeline = plan.pipeline
    options = replace(options, charged_run=options.charged_run or options.folder(pipeline).name)
    found: dict[float, tuple[Path, dict[str, int], dict[str, dict[str, float]]]] = {}
    # All rows first: the others link what it made.
    for number, share in enumerate(reversed(plan.shares), 1):
        reporter.say(f"curve {number}/{len(plan.shares)}: {share:g}% of the rows")
        done = run_pipeline(plan.at(share), options, reporter)
        names = [*plan.curves, *plan.teacher]
        trained = {name: int(done.stages[name].counts["kept"]) for name in plan.curves}
        found[share] = (
            done.run_dir,
            trained,
            scores_of(done.run_dir / plan.evaluate.id, names, plan.metric.name),
        )
    figures = _figures(plan, found)
    whole = orjson.dumps(figures, option=orjson.OPT_INDENT_2) + b"\n"
    write_whole(found[100.0][0] / NAME, whole)
    return figures


def curve_ahead(
    pipeline: Pipeline,
    options: RunOptions,
    *,
    shares: Sequence[float],
    student: str | None = None,
    bare: bool = True,
) -> Ahead:
    """What is left of a curve; arguments and errors are those of `curve`."""
    plan = CurvePlan(pipeline, shares, student, bare)
    pieces: list[Piece] = []
    before: set[str] = set()
    for share in reversed(plan.shares):
        made = plan.at(share)
        pieces += pieces_of(made, options, but=before, asked_once=[plan.evaluate.id] if before else [])
        before |= {spec.id for spec in made.stages} - {*plan.curves, plan.evaluate.id}
    return Ahead(pieces, budget=pipeline.budget.usd if pipeline.budget is not None else None)


def _figures(
    plan: CurvePlan, found: Mapping[float, tuple[Path, dict[str, int], dict[str, dict[str, float]]]]
) -> dict[str, Any]:
    """Each curve's scores by share, and its difference to the same share without rationales.

    Test rows that were left out for one student (its training rows held them) are left out for all.
    """
    everyone = [scores for _, _, of_run in found.values() for scores in of_run.values()]
    common = [row for row in everyone[0] if all(row in scores for scores in everyone)]
    if not common:
        raise StageFailed("the students have no test row in common", next="look at the runs' evaluations")
    alike = bool(plan.metric.load().SHARE)
    points: list[dict[str, Any]] = []
    for share in plan.shares:
        run_dir, trained, of_run = found[share]
        values: dict[str, list[list[float]]] = {}
        for name, line in plan.curves.items():
            values.setdefault(line, []).append([of_run[name][row] for row in common])
        for line, scores in values.items():
            rows = max(trained[name] for name, own in plan.curves.items() if own == line)
            point = {
                "curve": line,
                "share": share,
                "run": run_dir.name,
                "rows": rows,
                "seeds": len(scores),
                **level(scores, alike).figures(),
            }
            if line in plan.bare:
                point["answers"] = plan.bare[line]
                point["vs_answers"] = apart(scores, values[plan.bare[line]]).figures()
            points.append(point)
    teacher = found[100.0][2].get("teacher")
    ever = {row for scores in everyone for row in scores}
    return {
        "pipeline": plan.pipeline.name,
        "metric": plan.metric.name,
        "test_rows": len(common),
        "test_rows_left_out": len(ever) - len(common),
        "teacher": round(sum(teacher[row] for row in common) / len(common), 6) if teacher else None,
        "points": points,
    }
