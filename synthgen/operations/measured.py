"""The students that a pipeline measures, and the metric: what ablations, curves and improvements compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from synthgen.core.errors import ConfigError, nearest
from synthgen.core.registry import Choice
from synthgen.pipeline.file import check_pipeline
from synthgen.pipeline.spec import Pipeline, StageSpec, ancestors
from synthgen.store.jsonl import read_rows


def measured(pipeline: Pipeline, student: str | None) -> tuple[StageSpec, list[StageSpec]]:
    """The first stage that compares models, and the students that it measures, or the one that is named.

    Raises:
        ConfigError: there is no such stage, or no such student.
    """
    where = str(pipeline.path)
    evaluates = [spec for spec in pipeline.stages if _compares_models(spec)]
    trained = [spec for spec in pipeline.stages if spec.stage.writes == "model"]
    if not evaluates or not trained:
        raise ConfigError(
            "students are compared: that needs a stage that trains one (sft) and an evaluate stage",
            where,
            f"this pipeline's stages: {', '.join(spec.id for spec in pipeline.stages)}",
        )
    evaluate = evaluates[0]
    students = [spec for spec in trained if spec.id in evaluate.reads.get("students", ())]
    if student is not None:
        chosen = [spec for spec in trained if student in (spec.id, seed_of(spec))]
        if not chosen:
            near = nearest(student, [spec.id for spec in trained])
            raise ConfigError(
                f"no student {student!r}",
                "--student",
                f"did you mean {near!r}?" if near else f"students: {', '.join(spec.id for spec in trained)}",
            )
        students = chosen
    if not students:
        raise ConfigError(
            f"{evaluate.id} measures no student of this pipeline",
            where,
            "put a stage that trains one before it, and students into its `models`",
        )
    return evaluate, students


def with_models(pipeline: Pipeline, students: Sequence[StageSpec]) -> list[StageSpec]:
    """Students with those that they start or learn from, which are matched and measured too."""
    models = [name for spec in students for name in model_reads(spec)]
    before = ancestors(pipeline, models)
    return [
        spec
        for spec in pipeline.stages
        if spec in students or (spec.id in before and spec.stage.writes == "model")
    ]


def model_reads(spec: StageSpec) -> list[str]:
    """The stages whose models a student's stage reads: what it starts from, its teacher, its tokenizer."""
    needs = spec.stage.needs(spec.config)
    return [name for need, names in spec.reads.items() if needs[need].kind == "model" for name in names]


def seed_of(spec: StageSpec) -> str:
    """The stage whose seeds a student's stage is one of; its own id where it has one seed."""
    return str(getattr(spec.config, "seed_of", None) or spec.id)


def _compares_models(spec: StageSpec) -> bool:
    """Whether a stage reads models and makes metrics of them."""
    reads_models = any(need.kind == "model" for need in spec.stage.needs(spec.config).values())
    return spec.stage.writes == "metrics" and reads_models


def metric_of(evaluate: StageSpec) -> Choice:
    """The first metric that scores by itself; a judge is not asked again for every variant."""
    metrics: tuple[Choice, ...] = evaluate.config.metrics  # type: ignore[attr-defined]
    for choice in metrics:
        if not choice.load().ASKS:
            return choice
    raise ConfigError(
        f"{evaluate.id} has no metric that scores by itself",
        next="add exact_match or rouge_l to its `metrics`",
    )


def scores_of(folder: Path, models: Sequence[str], metric: str) -> dict[str, dict[str, float]]:
    """Model -> test row's id -> its score, from the folder of an evaluation."""
    by_model: dict[str, dict[str, float]] = {name: {} for name in models}
    for number, entry in enumerate(read_rows(folder / "answers.jsonl")):
        for name, scores in by_model.items():
            score = entry["answers"][name].get("scores", {}).get(metric)
            if score is not None:
                scores[str(entry.get("id") or number)] = float(score)
    return by_model


def checked(pipeline: Pipeline, tree: dict[str, Any]) -> Pipeline:
    """A changed pipeline, checked like a file; its faults are told at the original's path."""
    locate: Callable[[Any], str] = lambda path: str(pipeline.path)  # noqa: E731
    return check_pipeline(pipeline.path, tree, locate)
