"""Models side by side on the same test rows: scores, differences, agreement and the gap recovered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from numbers import Real
from typing import Any, Literal

from synthgen.answers.extract import after_thinking, answers_equal, extract_answer, extract_cut_answer
from synthgen.core.errors import StageFailed
from synthgen.evaluation.intervals import paired_difference, score_interval, share_of_gap, wilson
from synthgen.evaluation.metrics.contract import Metric, ScoringMetric, scoring
from synthgen.evaluation.outcomes import count_outcomes
from synthgen.evaluation.sampled import sampled_figures
from synthgen.evaluation.seed_intervals import difference_over_seeds, mean_over_seeds
from synthgen.tasks.guarded import blamed, defined_at

Role = Literal["base", "student", "teacher"]
FEWEST_PAIRED = 3
"""Seeds from which on two stages are compared seed by seed: of two differences, the scatter is unknown."""


@dataclass(frozen=True)
class Answer:
    """One model's reply to one question; `ending` is why it ended, `failed` why there is none."""

    text: str
    parsed: str | None
    ending: str
    failed: str = ""

    @classmethod
    def of(cls, text: str, ending: str, answered: str | None = None) -> Answer:
        """A reply, read by the one parser; `answered` is the part of it that is read, if it is not all."""
        read = extract_cut_answer if ending == "length" else extract_answer
        return cls(text, read(text if answered is None else answered), ending)

    @property
    def final_text(self) -> str:
        """The reply without the model's own thinking; nothing where it was cut while it thought."""
        return after_thinking(self.text)

    @property
    def stopped(self) -> bool:
        """Whether the model ended the reply itself."""
        return self.ending == "stop"


@dataclass
class ModelAnswers:
    """A model with its replies to all questions, in their order.

    `base` names a student's base among the models. `form` names the completion of a student that is asked or
    read otherwise than the others, see `training.completions.FORMS`.
    """

    name: str
    role: Role
    answers: list[Answer]
    base: str | None = None
    source: str = ""
    form: str = ""
    seed_of: str = ""
    """The stage whose seeds a student is one of: such students differ by their seed alone."""
    refused: str = ""
    """The first row that its chat template refused, with the template's words."""
    scores: dict[str, list[float | None]] = field(default_factory=dict)
    """Metric -> each row's score; None without a reference, or where a judge's grade could not be read."""
    draws: list[list[Answer]] = field(default_factory=list)
    """Of a model that was sampled: all draws, the first of which are `answers`. Scores are their means."""
    drawn_scores: dict[str, list[list[float | None]]] = field(default_factory=dict)
    """Metric -> each draw's scores."""


def score(
    models: Sequence[ModelAnswers],
    references: Sequence[Any],
    metrics: Mapping[str, Metric],
    ids: Sequence[str] = (),
) -> None:
    """Fills in every model's `scores` for the metrics that score by themselves; a missing answer scores 0.

    Args:
        models: whose answers are scored.
        references: the right answer to each question, in their order; None where there is none.
        metrics: name -> metric; those that ask a judge are passed over.
        ids: of the rows, for messages.

    Raises:
        StageFailed: a metric raised, or gave what is no score; names the model and the row.
    """
    named = ids or [str(number) for number in range(1, len(references) + 1)]
    for model in models:
        for name, metric in scoring(metrics).items():
            drawn = [
                [
                    _score_answer(metric, name, answer, reference, f"row {row}, {model.name}")
                    for answer, reference, row in zip(answers, references, named, strict=True)
                ]
                for answers in model.draws or [model.answers]
            ]
            model.scores[name] = (
                drawn[0] if len(drawn) == 1 else [_mean(one) for one in zip(*drawn, strict=True)]
            )
            if model.draws:
                model.drawn_scores[name] = drawn


def _mean(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known else None


def _score_answer(
    metric: ScoringMetric, name: str, answer: Answer, reference: Any, subject: str
) -> float | None:
    """What one answer is worth; None without a reference."""
    if reference is None:
        return None
    if answer.failed:
        return 0.0
    with blamed(f"metric {name} cannot score a reply", metric, subject, metric.score):
        value: Any = metric.score(answer.final_text, answer.parsed, reference)
    wanted = "0 or 1, for its SHARE is true" if metric.SHARE else "a number from 0 to 1"
    number = float(value) if isinstance(value, Real) else math.nan
    if not (number in (0, 1) if metric.SHARE else 0 <= number <= 1):
        raise StageFailed(
            f"metric {name} gave {value!r:.100}, where a score is {wanted}",
            f"{subject}, {defined_at(metric.score)}",
            "mend the metric and run the same command again; answers are kept",
        )
    return number


def compare(models: Sequence[ModelAnswers], metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """All figures about scored models, as `metrics.json` holds them: {"models": …, "differences": […]}."""
    teacher = next((model for model in models if model.role == "teacher"), None)
    by_name = {model.name: model for model in models}
    students = [model for model in models if model.role == "student"]
    differences = []
    for name in metrics:
        for one, other in combinations(students, 2):
            mine, theirs = aligned(name, one, other)
            if mine and not (one.seed_of and one.seed_of == other.seed_of):
                differences.append(
                    {
                        "model": one.name,
                        "than": other.name,
                        "metric": name,
                        **paired_difference(mine, theirs).figures(),
                    }
                )
    return {
        "models": {
            model.name: _figures(model, by_name.get(model.base or ""), teacher, metrics) for model in models
        },
        "differences": differences,
        **({"seeds": groups} if (groups := _over_seeds(models, metrics)) else {}),
    }


def _over_seeds(models: Sequence[ModelAnswers], metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """Students that differ by their seed alone, as one: stage -> metric -> mean, and what it differs by."""
    groups: dict[str, list[ModelAnswers]] = {}
    for model in models:
        if model.role == "student" and model.seed_of:
            groups.setdefault(model.seed_of, []).append(model)
    groups = {stage: students for stage, students in groups.items() if len(students) > 1}
    teacher = next((model for model in models if model.role == "teacher"), None)
    by_name = {model.name: model for model in models}
    return {
        stage: {
            "models": [student.name for student in students],
            **{
                name: figures
                for name in metrics
                if (figures := _seeds_figures(name, stage, students, groups, by_name, teacher))
            },
        }
        for stage, students in groups.items()
    }


def _seeds_figures(
    metric: str,
    stage: str,
    students: Sequence[ModelAnswers],
    groups: Mapping[str, Sequence[ModelAnswers]],
    by_name: Mapping[str, ModelAnswers],
    teacher: ModelAnswers | None,
) -> dict[str, Any]:
    """One metric over a stage's seeds, against bases, the teacher, and stages with seeds before it."""
    scores = aligned(metric, *students)
    if not scores[0]:
        return {}
    means = [sum(one) / len(one) for one in scores]
    figures: dict[str, Any] = {
        **mean_over_seeds(scores).figures(),
        "rows": len(scores[0]),
        "lowest": round(min(means), 6),
        "highest": round(max(means), 6),
    }
    number = len(students)
    bases = [base for student in students if (base := by_name.get(student.base or ""))]
    others = {"vs_base": list({base.name: base for base in bases}.values())} if bases else {}
    if teacher is not None:
        others["vs_teacher"] = [teacher]
    for name, models in others.items():
        scores = aligned(metric, *students, *models)
        if scores[0]:
            figures[name] = difference_over_seeds(scores[:number], scores[number:]).figures()
    for other in groups:
        if other == stage:
            break
        mine, theirs, paired = _same_seeds(students, groups[other])
        scores = aligned(metric, *mine, *theirs)
        if scores[0]:
            difference = difference_over_seeds(scores[:number], scores[number:], paired=paired).figures()
            difference["paired"] = paired
            figures.setdefault("differences", []).append({"than": other, **difference})
    return figures


def _same_seeds(
    students: Sequence[ModelAnswers], others: Sequence[ModelAnswers]
) -> tuple[Sequence[ModelAnswers], Sequence[ModelAnswers], bool]:
    """Students of two stages in the order of their seeds, and whether these are the same."""
    named = [
        {student.name.removeprefix(f"{student.seed_of}-"): student for student in group}
        for group in (students, others)
    ]
    if named[0].keys() != named[1].keys() or len(students) < FEWEST_PAIRED:
        return students, others, False
    return list(named[0].values()), [named[1][seed] for seed in named[0]], True


def _figures(
    model: ModelAnswers,
    base: ModelAnswers | None,
    teacher: ModelAnswers | None,
    metrics: Mapping[str, Metric],
) -> dict[str, Any]:
    replies = [answer for answers in model.draws or [model.answers] for answer in answers]
    answered = [answer for answer in replies if not answer.failed]
    failed: dict[str, int] = {}
    for answer in replies:
        if answer.failed:
            failed[answer.failed] = failed.get(answer.failed, 0) + 1
    figures: dict[str, Any] = {
        "role": model.role,
        "source": model.source,
        "questions": len(model.answers),
        **({"replies": len(replies)} if model.draws else {}),
        "answered": len(answered),
    }
    if model.base:
        figures["base"] = model.base
    if model.form:
        figures["form"] = model.form
    if failed:
        figures["failed"] = dict(sorted(failed.items()))
    if model.refused:
        figures["refused"] = model.refused
    figures["parsed"] = _share(sum(answer.parsed is not None for answer in answered), len(replies))
    figures["no_answer"] = sum(answer.parsed is None for answer in answered)
    figures["stopped"] = _share(sum(answer.stopped for answer in answered), len(replies))
    cut = sum(answer.ending == "length" for answer in answered)
    if cut:
        figures["cut"] = cut
    too_long = sum(answer.ending == "prompt_too_long" for answer in answered)
    if too_long:
        figures["prompt_too_long"] = too_long
    if teacher is not None and model is not teacher:
        figures["agreement"] = _agreement(model, teacher)
    for name, metric in metrics.items():
        (values,) = aligned(name, model)
        if not values:
            continue
        share = metric.SHARE and not model.draws
        measured = score_interval(values, share).figures() | {"rows": len(values)}
        measured |= sampled_figures(model.draws, model.drawn_scores.get(name, []), metric)
        if metric.SHARE:
            drawn = model.drawn_scores.get(name) or [model.scores[name]]
            scored = [one for scores in drawn for one in scores]
            measured["outcomes"] = count_outcomes(zip(replies, scored, strict=True))
        if metric.ASKS and len(values) < len(model.answers):
            measured["ungraded"] = len(model.answers) - len(values)
        if base is not None:
            mine, below = aligned(name, model, base)
            measured["vs_base"] = paired_difference(mine, below).figures()
            if teacher is not None:
                mine, below, above = aligned(name, model, base, teacher)
                gap = share_of_gap(mine, below, above)
                measured["gap_recovered"] = round(gap.value, 6) if gap else None
                if gap:
                    ends = (gap.low, gap.high)
                    measured["gap_interval"] = [round(end, 6) if math.isfinite(end) else None for end in ends]
        if teacher is not None and model.role == "student":
            mine, above = aligned(name, model, teacher)
            if mine:
                measured["vs_teacher"] = paired_difference(mine, above).figures()
        figures[name] = measured
    return figures


def aligned(metric: str, *models: ModelAnswers) -> list[list[float]]:
    """Each model's scores on the rows for which all of them have one."""
    rows = [
        scores
        for scores in zip(*(model.scores[metric] for model in models), strict=True)
        if None not in scores
    ]
    return [[float(scores[index] or 0.0) for scores in rows] for index in range(len(models))]


def _agreement(model: ModelAnswers, teacher: ModelAnswers) -> dict[str, Any] | None:
    """How often a model gives the teacher's answer, where the teacher's answer could be read."""
    pairs = [
        (answer.parsed, other.parsed)
        for answer, other in zip(model.answers, teacher.answers, strict=True)
        if other.parsed is not None
    ]
    if not pairs:
        return None
    same = sum(
        mine is not None and answers_equal(mine, theirs) for mine, theirs in pairs if theirs is not None
    )
    return wilson(same, len(pairs)).figures() | {"rows": len(pairs)}


def _share(part: int, total: int) -> float | None:
    return round(part / total, 6) if total else None
