"""The questions of a look: a new draw of what made the test questions, or those that users asked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from synthgen.core.artefacts import Artefact
from synthgen.core.errors import ConfigError, InputError
from synthgen.core.progress import Reporter
from synthgen.core.rows import Row
from synthgen.operations.drift.looks import unseen
from synthgen.operations.import_log import import_log
from synthgen.operations.measured import checked
from synthgen.pipeline.graph import artefact_of
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.pipeline.spec import Pipeline, StageSpec, ancestors, stage_id_of
from synthgen.store.jsonl import read_rows, write_rows
from synthgen.tasks.contract import kind_of, rows_wanted

FRESH = 1_000_000
"""Added to seeds and draws, so that no look is what a pipeline file asks for."""
TAKEN = "questions"
"""The folder of a look that holds its questions."""


def fresh_pipeline(pipeline: Pipeline, evaluate: StageSpec, number: int, rows: int) -> Pipeline:
    """The stages that made the test questions, drawn anew.

    Args:
        pipeline: the run's.
        evaluate: the stage that asked the questions.
        number: of the look; each has a seed and a draw of its own.
        rows: how many questions are asked for.

    Raises:
        ConfigError: the questions come from files, and not from a teacher.
    """
    ends = makers(pipeline, evaluate)
    wanted = ancestors(pipeline, ends)
    stages, asking = [], False
    for spec, entry in zip(pipeline.stages, pipeline.resolved()["stages"], strict=True):
        if spec.id not in wanted:
            continue
        ((kind, options),) = entry.items()
        if spec.kind == "generate":
            config: Any = spec.config
            asking = asking or kind_of(config.task.load()) == "pool"
            options["draw"] = config.draw + FRESH + number
            if rows_wanted(config.task.options) is not None:
                options["num_rows"] = rows
        if spec.reads:
            options["input"] = list(next(iter(spec.reads.values())))
        stages.append({kind: options})
    if not asking:
        raise ConfigError(
            "the test questions come from files, so there is no stage that can draw fresh ones",
            str(pipeline.path),
            "give fresh questions, such as the logs of your service: synthgen drift RUN --log FILE",
        )
    seed = pipeline.seed + FRESH + number
    return checked(pipeline, {**pipeline.resolved(), "seed": seed, "stages": stages})


def makers(pipeline: Pipeline, evaluate: StageSpec) -> list[str]:
    """The stages whose rows became the test questions: those that a split has read, where there is one."""
    found: list[str] = []
    for reference in evaluate.reads["questions"]:
        stage_id = stage_id_of(reference)
        if not stage_id:
            raise ConfigError(
                f"the test questions are those of another run, {reference}",
                str(pipeline.path),
                "give fresh questions: synthgen drift RUN --log FILE",
            )
        spec = pipeline.stage(stage_id)
        found += (
            [stage_id_of(one) for one in spec.reads["rows"]] if spec.stage.writes == "split" else [stage_id]
        )
    return found


def fresh_questions(
    pipeline: Pipeline,
    evaluate: StageSpec,
    folder: Path,
    number: int,
    rows: int,
    options: RunOptions,
    reporter: Reporter,
) -> list[Artefact]:
    """A new draw of the questions, through the ledger; in `folder` as a run of its own."""
    made = fresh_pipeline(pipeline, evaluate, number, rows)
    run_pipeline(
        made,
        RunOptions(
            run_dir=folder,
            other_runs=options.others(pipeline),
            ledger=options.ledger,
            limit=rows,
            grace=options.grace,
        ),
        reporter,
    )
    return [artefact_of(folder / stage_id, None, {}) for stage_id in makers(pipeline, evaluate)]


def logged_questions(log: Path, folder: Path) -> list[Artefact]:
    """The questions of a log, with keys and personal data masked."""
    if not (folder / "import").is_dir():
        import_log([log], folder / "import")
    return [artefact_of(folder / "import", None, {})]


def take(artefacts: Iterable[Artefact], folder: Path, seen: set[str], most: int) -> tuple[Artefact, int, int]:
    """At most so many questions that no look has counted, as a row file.

    Args:
        artefacts: the questions.
        folder: the look's.
        seen: digests of those that were counted.
        most: how many are taken.

    Returns:
        What evaluate can ask, how many were seen before, and how many are left for the next look.
    """
    kept: list[Row] = []
    known = left = 0
    for row, new in unseen((row for one in artefacts for row in read_rows(one.file)), seen):
        if not new:
            known += 1
        elif len(kept) < most:
            kept.append(row)
        else:
            left += 1
    if not kept:
        raise InputError(
            f"there is no question that was not counted before ({known:,} were)",
            str(folder),
            "the look is not counted; -n 0 shows where things stand",
        )
    place = folder / TAKEN
    place.mkdir(parents=True, exist_ok=True)
    (place / "test.jsonl").unlink(missing_ok=True)
    write_rows(place / "test.jsonl", kept)
    artefact = Artefact(TAKEN, "load", "split", place, place / "test.jsonl", "", len(kept), "test")
    return artefact, known, left
