"""Ablation: what each rule or stage is worth in student score.

Every variant is the pipeline with one rule (or one whole stage) taken out; whoever read the stage then
reads what it read. All variants train the same student on the same number of rows and are measured on the
same test rows. Rows are matched by a `select` stage before training: the rows with the smallest seeded
hashes of their ids, as many as the smallest kept set has, so that two variants share all the rows that they
can. Each variant is a run of its own (`<name>.without-<what>`) over the same ledger and the same budget,
and what a rule cannot change is linked, not run again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from synthgen.core.errors import ConfigError, StageFailed
from synthgen.core.progress import Reporter
from synthgen.operations.ablate.plan import FULL, AblationPlan, Variant
from synthgen.operations.alone import alone
from synthgen.operations.measured import scores_of, seed_of
from synthgen.pipeline.graph import Graph
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.pipeline.spec import Pipeline, ancestors
from synthgen.store.jsonl import read_rows


@dataclass(frozen=True)
class VariantScore:
    """What a variant's student was trained on, and the score of each test row by its id."""

    variant: Variant
    student: str
    rows_before: int
    rows_trained: int
    scores: Mapping[str, float]


def ablate(
    pipeline: Pipeline,
    options: RunOptions,
    *,
    without: Sequence[str] = (),
    student: str | None = None,
    rows: int | None = None,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Runs every variant and compares its students with those of the full pipeline.

    After an interruption, the same call continues.

    Args:
        pipeline: the full pipeline.
        options: where runs and the ledger are.
        without: stages, or `STAGE.RULE`; where empty every rule of each filter, and each dedup, decontaminate
            and select stage.
        student: the sft stage that is trained; all that `evaluate` measures where left out.
        rows: train on no more rows than this.
        reporter: where progress goes.

    Returns:
        The figures, as `compared` gives them.

    Raises:
        ConfigError: see `AblationPlan`; also where no test row has a reference.
        StageFailed: the variants were not measured on the same rows.
        RunLocked: another process ablates this pipeline.
    """
    plan = AblationPlan(pipeline, without, student)
    with alone(options.folder(pipeline)):
        return _measured(plan, options, rows, reporter or Reporter())


def _measured(
    plan: AblationPlan, options: RunOptions, rows: int | None, reporter: Reporter
) -> dict[str, Any]:
    """Runs every variant and compares; see `ablate`."""
    pipeline = plan.pipeline
    options = replace(options, charged_run=options.charged_run or options.folder(pipeline).name)
    kept: dict[str, dict[str, int]] = {}
    for number, variant in enumerate(plan.variants, 1):
        reporter.say(
            f"ablation {number}/{len(plan.variants)}: {variant.name}, rows"
            + (f" ({', '.join(variant.asks)} may ask a teacher about more of them)" if variant.asks else "")
        )
        data = ancestors(
            variant.pipeline,
            [
                *variant.pipeline.stage(plan.evaluate.id).reads["questions"],
                *(name for spec in plan.students for name in variant.pipeline.stage(spec.id).reads["rows"]),
            ],
        )
        done = run_pipeline(variant.pipeline, replace(options, only=tuple(data)), reporter)
        graph = Graph(variant.pipeline, done.run_dir)
        kept[variant.name] = {
            spec.id: sum(
                artefact.rows
                for artefact in graph.inputs(variant.pipeline.stage(spec.id), missing_ok=("model",))["rows"]
            )
            for spec in plan.students
        }
        if variant.removal is None:
            _check_references(
                [
                    artefact.file
                    for artefact in graph.inputs(
                        variant.pipeline.stage(plan.evaluate.id), missing_ok=("model",)
                    )["questions"]
                ]
            )
    sizes = {
        spec.id: min([*(counts[spec.id] for counts in kept.values()), *([rows] if rows else [])])
        for spec in plan.students
    }
    scores: list[VariantScore] = []
    for number, variant in enumerate(plan.variants, 1):
        reporter.say(f"ablation {number}/{len(plan.variants)}: {variant.name}, student")
        done = run_pipeline(plan.matched(variant, sizes), options, reporter)
        by_student = scores_of(
            done.run_dir / plan.evaluate.id, [spec.id for spec in plan.students], plan.metric.name
        )
        scores += [
            VariantScore(
                variant,
                spec.id,
                kept[variant.name][spec.id],
                int(done.stages[spec.id].counts["kept"]),
                by_student[spec.id],
            )
            for spec in plan.students
        ]
    return compared(plan, scores, options)


def compared(plan: AblationPlan, scores: Sequence[VariantScore], options: RunOptions) -> dict[str, Any]:
    """Each variant's score with its interval, and its difference to the full pipeline.

    Test rows that were left out for one variant (its training rows held them) are left out for all.
    """
    from synthgen.evaluation.trainings import apart, level

    common = [row for row in scores[0].scores if all(row in one.scores for one in scores)]
    if not common:
        raise StageFailed(
            "the variants have no test row in common", next="look at the evaluate stage of their runs"
        )
    ever = {row for one in scores for row in one.scores}
    share = plan.metric.load().SHARE
    trained = {spec.id: seed_of(spec) for spec in plan.students}
    seeds: dict[tuple[str, str], list[VariantScore]] = {}
    for one in scores:
        seeds.setdefault((one.variant.name, trained[one.student]), []).append(one)
    values = {
        key: [[one.scores[row] for row in common] for one in together] for key, together in seeds.items()
    }
    variants = []
    for (name, student), together in seeds.items():
        one, mine = together[0], values[name, student]
        measured = level(mine, share)
        entry: dict[str, Any] = {
            "variant": name,
            "run": str(options.folder(one.variant.pipeline)),
            "student": student,
            "rows_before_matching": one.rows_before,
            "rows_trained": one.rows_trained,
            "score": round(measured.value, 6),
            "interval": measured.plain(),
        }
        if len(mine) > 1:
            entry["seeds"] = len(mine)
        if one.variant.removal is not None:
            difference = apart(mine, values[FULL, student])
            entry["vs_full"] = {"value": round(difference.value, 6), "interval": difference.plain()}
        variants.append(entry)
    return {
        "pipeline": plan.pipeline.name,
        "metric": plan.metric.name,
        "test_rows": len(common),
        "test_rows_left_out": len(ever) - len(common),
        "variants": variants,
    }


def _check_references(files: Sequence[Path]) -> None:
    if not any(row.get("reference") is not None for file in files for row in read_rows(file)):
        raise ConfigError(
            "no test row has a reference, so that students cannot be scored",
            ", ".join(map(str, files)),
            "load a column of right answers as `reference`",
        )
