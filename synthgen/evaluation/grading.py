"""Grades of all models' replies by a metric that asks a judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from synthgen.core.rows import Row
from synthgen.dispatch.contract import Session
from synthgen.evaluation.asking import Account, Failure, Tally, fetch
from synthgen.evaluation.compare import ModelAnswers
from synthgen.evaluation.metrics.contract import JudgingMetric


@dataclass(frozen=True)
class Grading:
    """Why rows (by their index) were not graded, and the account of what the judge was asked."""

    failed: dict[int, Failure]
    account: Account


def grade_replies(
    session: Session,
    name: str,
    metric: JudgingMetric,
    models: Sequence[ModelAnswers],
    rows: Sequence[Row],
    *,
    stage: str,
    accept_partial: bool,
) -> Grading:
    """Asks the judge about every model's reply to every row, and fills in the models' scores.

    Args:
        session: with the judge.
        name: the metric's name.
        metric: what the judge is asked, and how its replies become scores.
        models: whose replies are graded; `scores[name]` is set.
        rows: the test rows.
        stage: the stage's id, for progress.
        accept_partial: whether a budget that was reached leaves the rest ungraded.

    Returns:
        The rows whose grading failed, and the account.

    Raises:
        TeacherFailed, BudgetReached, Interrupted: as the session says.
    """
    replies = [
        (row, answer.final_text) for model in models for row, answer in zip(rows, model.answers, strict=True)
    ]
    conversations = partial(metric.conversations, [row for row, _ in replies], [text for _, text in replies])
    fetch(
        session,
        conversations(),
        total=len(replies),
        stage=f"{stage} {name}",
        accept_partial=accept_partial,
    )
    tally = Tally()
    failed: dict[int, Failure] = {}
    grades: list[float | None] = []
    for index, rendered in enumerate(session.render(conversations())):
        failure = tally.add(rendered)
        if failure is not None:
            failed.setdefault(index % len(rows), failure)
        grades.append(None if failure is not None else metric.grade(replies[index][1], rendered.result))
    for index, model in enumerate(models):
        model.scores[name] = grades[index * len(rows) : (index + 1) * len(rows)]
    return Grading(failed, tally.account(session))
