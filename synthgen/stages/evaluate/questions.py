"""The test questions of an evaluation, without those that a student was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from synthgen.core.artefacts import Artefact, Counts, Inputs
from synthgen.core.errors import EmptyResult, StageFailed
from synthgen.core.rows import Row, question_text, rejected
from synthgen.evaluation.leakage import Leakage, find_leaks, nearness_for, training_files
from synthgen.stages.asking.work import input_rows
from synthgen.stages.contract import Context
from synthgen.stages.evaluate.asked_models import students_in
from synthgen.stages.evaluate.options import Config, asked_by
from synthgen.store.jsonl import RowWriter

LISTED_IDS = 20  # row ids of leaks that metrics.json names


@dataclass(frozen=True)
class Questions:
    """The rows that are evaluated, and which of them are among the training rows, if there are any."""

    rows: list[Row]
    leakage: dict[str, Any] | None


def read_questions(inputs: Inputs, config: Config, context: Context) -> Iterator[Row]:
    """The test rows; `--limit` is about what a teacher or judge is asked."""
    return input_rows(
        [artefact.file for artefact in inputs["questions"]], context.limit if asked_by(config) else None
    )


def select_questions(
    inputs: Inputs, config: Config, context: Context, counts: Counts, rejects: RowWriter
) -> Questions:
    """The test rows that are evaluated.

    Args:
        inputs: the test rows, and the students.
        config: what a leak means.
        context: of the run.
        counts: counts every row that comes in or is left out.
        rejects: where rows that are left out are written.

    Returns:
        The rows, and the leaks.

    Raises:
        EmptyResult: no row is left.
        StageFailed: test questions were trained on, and `on_leak` is fail.
    """
    rows: list[Row] = []
    for row in read_questions(inputs, config, context):
        counts.in_ += 1
        if question_text(row):
            rows.append(row)
        else:
            counts.reject("no_question")
            rejects.write(rejected(row, stage=context.stage_id, rule="no_question"))
    students = students_in(inputs)
    training = training_files(students)
    summary = None
    if training:
        leakage = _find(rows, students, training, config)
        summary = _summary(leakage, rows, config)
        if leakage.exact and config.on_leak == "fail":
            raise _leaked(leakage, rows, training, context.stage_id)
        if config.on_leak == "exclude":
            for index, leak in leakage.exact.items():
                counts.reject("leak")
                rejects.write(
                    rejected(
                        rows[index],
                        stage=context.stage_id,
                        rule="leak",
                        matched_id=leak.train_id or None,
                        score=leak.score,
                    )
                )
            rows = [row for index, row in enumerate(rows) if index not in leakage.exact]
    if not rows:
        raise EmptyResult(
            f"{context.stage_id}: no test row is left of {counts.in_:,}",
            next="give split a `test` part, or look at rejected rows and `on_leak`",
        )
    return Questions(rows, summary)


def _find(
    rows: Sequence[Row], students: Sequence[Artefact], training: Sequence[Artefact], config: Config
) -> Leakage:
    nearness = nearness_for(students, config.near_duplicate_threshold)
    return find_leaks(rows, [artefact.file for artefact in training], nearness)


def _leaked(leakage: Leakage, rows: Sequence[Row], training: Sequence[Artefact], stage: str) -> StageFailed:
    named = ", ".join(str(rows[index].get("id", index)) for index in list(leakage.exact)[:3])
    return StageFailed(
        f"{stage}: {len(leakage.exact):,} of {len(rows):,} test questions are among the training rows "
        f"({named}{' …' if len(leakage.exact) > 3 else ''})",
        ", ".join(str(artefact.file) for artefact in training),
        "split before generating, or drop them from the training rows; to continue, say on_leak: exclude "
        "(leaves them out) or warn",
    )


def _summary(leakage: Leakage, rows: Sequence[Row], config: Config) -> dict[str, Any]:
    def ids(indexes: Iterable[int]) -> list[str]:
        return [str(rows[index].get("id", index)) for index in indexes][:LISTED_IDS]

    return {
        "train_rows": leakage.train_rows,
        "exact": len(leakage.exact),
        "exact_ids": ids(leakage.exact),
        "excluded": config.on_leak == "exclude",
        "near": len(leakage.near),
        "near_not_compared": leakage.without_text,
        "near_ids": ids(leakage.near),
        "threshold": leakage.nearness.threshold,
        "threshold_from": leakage.nearness.origin,
        "tokenizer": leakage.nearness.tokenizer,
        "field": leakage.nearness.field,
    }
