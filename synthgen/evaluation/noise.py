"""The noise floor: how much a model's score moves where the same model is asked again.

Greedy answers are asked again in batches of another size. Sums of floating point numbers depend on their
order, so that of two tokens that are as good as equally likely now the one comes first, now the other.
Sampled answers are asked again with other seeds; a server is asked afresh.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthgen.answers.extract import answers_equal
from synthgen.core.text import points
from synthgen.evaluation.asking import Account
from synthgen.evaluation.compare import Answer, ModelAnswers, score
from synthgen.evaluation.intervals import CONFIDENCE, two_sided
from synthgen.evaluation.metrics.contract import Metric, scoring
from synthgen.evaluation.sampled import majority

ALONE, TOGETHER = 1, 16
"""Questions at a time where they are asked again: one by one, or some where they were alone."""


@dataclass(frozen=True)
class AskedAgain:
    """Some of a model's answers, once more.

    Args:
        places: the rows that were asked again.
        model: with one answer for each of them, and its draws where it was sampled.
        how: in which way they were asked, for a person.
        account: of what a server was asked.
    """

    places: Sequence[int]
    model: ModelAnswers
    how: str
    account: Account | None = None


def spread(rows: int, wanted: int) -> list[int]:
    """So many of the rows, evenly spread over all of them."""
    number = min(rows, wanted)
    return [place * rows // number for place in range(number)]


def other_batch_size(size: int) -> int:
    """How many questions at a time are asked again."""
    return ALONE if size != ALONE else TOGETHER


def noise_figures(
    models: Sequence[ModelAnswers],
    again: Sequence[AskedAgain],
    references: Sequence[Any],
    metrics: Mapping[str, Metric],
    confidence: float = CONFIDENCE,
) -> dict[str, Any]:
    """How many answers changed, and by how much scores did, as `metrics.json` has them.

    `below` is the noise of a score over all test rows: the same model's two scores lie no farther apart so
    often as `confidence` says. It is that often times the standard deviation of their difference, from the
    mean square of a row's change.

    Args:
        models: as they were asked first, with their scores.
        again: what some of them said when they were asked again.
        references: the right answer to each question; None where there is none.
        metrics: name -> metric; those that ask a judge are passed over.
        confidence: how often.

    Returns:
        Model -> {"rows", "how", "texts", "answers", metric: {"rows", "changed", "change", "below"}}; `texts`
        of greedy answers only.
    """
    by_name = {model.name: model for model in models}
    found: dict[str, Any] = {}
    for one in again:
        first, second = by_name[one.model.name], one.model
        score([second], [references[place] for place in one.places], metrics)
        figures: dict[str, Any] = {"rows": len(one.places), "how": one.how}
        if not first.draws:
            pairs = [(first.answers[place], answer) for place, answer in _paired(one)]
            figures["texts"] = sum(before.text != after.text for before, after in pairs)
        figures["answers"] = sum(
            not _same(_final(first, place), _final(second, index)) for index, place in enumerate(one.places)
        )
        for name in scoring(metrics):
            changes = [
                after - before
                for place, after in zip(one.places, second.scores[name], strict=True)
                if after is not None and (before := first.scores[name][place]) is not None
            ]
            if changes:
                total = sum(value is not None for value in first.scores[name])
                figures[name] = _moved(changes, total, confidence)
        found[one.model.name] = figures
    return found


def _paired(one: AskedAgain) -> list[tuple[int, Answer]]:
    return list(zip(one.places, one.model.answers, strict=True))


def _final(model: ModelAnswers, place: int) -> str | None:
    """A model's answer to a question: of several draws, the one that most gave."""
    if not model.draws:
        return model.answers[place].parsed
    drawn = [answers[place] for answers in model.draws]
    chosen = majority(drawn)
    return None if chosen is None else drawn[chosen].parsed


def _same(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    return answers_equal(one, other)


def _moved(changes: Sequence[float], total: int, confidence: float) -> dict[str, Any]:
    square = math.fsum(change**2 for change in changes) / len(changes)
    return {
        "rows": len(changes),
        "changed": sum(change != 0 for change in changes),
        "change": round(math.fsum(changes) / len(changes), 6),
        "below": round(two_sided(confidence) * math.sqrt(square / total), 6),
    }


def noise_lines(report: Mapping[str, Any]) -> list[str]:
    """A line for each model that was asked again; none where none was."""
    lines = []
    for name, figures in report.get("noise_floor", {}).items():
        said = f"{name} asked again {figures['how']}, {figures['rows']:,} rows: "
        if "texts" in figures:
            said += f"{figures['texts']:,} texts and "
        said += f"{figures['answers']:,} answers changed"
        for metric in (metric for metric in report["metrics"] if metric in figures):
            moved = figures[metric]
            by = f" by {metric.replace('_', ' ')}" if len(report["metrics"]) > 1 else ""
            said += f", its score{by} by {points(moved['change'])} points"
        lines.append(said)
    return lines


def with_noise(verdict: dict[str, Any], floor: Mapping[str, Any]) -> dict[str, Any]:
    """A verdict that says of each student that was asked again how much its score may move by itself.

    Args:
        verdict: from `verdict_report`.
        floor: from `noise_figures`.
    """
    if not verdict or not floor:
        return verdict
    students = {
        name: {**figures, "noise": said} if (said := _remark(floor, name, verdict["metric"])) else figures
        for name, figures in verdict["students"].items()
    }
    return {**verdict, "students": students}


def _remark(floor: Mapping[str, Any], student: str, metric: str) -> str:
    moved = floor.get(student, {}).get(metric)
    if moved is None:
        return ""
    asked = f"asked again {floor[student]['how']}, {moved['changed']:,} of {moved['rows']:,} scores changed"
    if not moved["changed"]:
        return asked
    below = f"{100 * moved['below']:.1f}"
    return f"{asked}: differences below {below} points may be noise of the same model"
