"""Whether a student may replace its teacher: decided by an interval, not by two numbers.

A student may be worse than its teacher by a margin. It is deployed only where the whole interval of
student − teacher lies above −margin (a test of non-inferiority). With an interval of 95%, a student that
stands exactly at the margin is then deployed by mistake in 2.5% of tests.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from synthgen.core.text import percent, points
from synthgen.evaluation.compare import ModelAnswers, aligned
from synthgen.evaluation.intervals import Interval, mcnemar, paired_difference, retention, score_interval
from synthgen.evaluation.outcomes import count_outcomes
from synthgen.evaluation.rows_needed import rows_for_grades, rows_for_shares
from synthgen.evaluation.seed_intervals import difference_over_seeds

Word = Literal["DEPLOY", "RETUNE", "ESCALATE", "INCONCLUSIVE"]
POWER = 0.8
"""How often a test of the size that INCONCLUSIVE asks for decides."""
TEACHER_LEAST = 0.5
"""The share of right answers that a teacher is to have where nobody says otherwise."""
NAMED = 5
"""Slices that a line names."""
LINE = 80
"""Columns of a line."""
_INDENTS: tuple[dict[str, Any], ...] = (
    {"initial_indent": "  ", "subsequent_indent": "    "},
    {"initial_indent": "    ", "subsequent_indent": "      "},
)
OFTEN = 0.1
"""The share of replies that are cut, or hold no answer, from which on that is said."""


@dataclass(frozen=True)
class Terms:
    """What a student is held to."""

    metric: str
    share: bool
    """Whether the metric's scores are right or wrong."""
    margin: float
    """By how much a student's score may be below its teacher's, from 0 to 1."""
    confidence: float
    teacher_least: float | None
    """The score that a teacher has to have, None for any."""

    @classmethod
    def of(cls, options: Any, metric: str, share: bool) -> Terms:
        """From the options `verdict` of evaluate, for a metric of right and wrong or of grades."""
        least = TEACHER_LEAST if options.teacher_least is None and share else options.teacher_least
        return cls(metric, share, options.margin, options.confidence, least)


def verdicts(models: Sequence[ModelAnswers], terms: Terms) -> dict[str, Any]:
    """The verdict on each student, and on each stage that was trained with several seeds.

    Args:
        models: all models with their scores. Without a teacher that has scores there is no verdict.
        terms: what students are held to.

    Returns:
        Name -> the verdict and what it rests on, as plain JSON.
    """
    teacher = next((model for model in models if model.role == "teacher"), None)
    if teacher is None:
        return {}
    by_name = {model.name: model for model in models}
    subjects: dict[str, list[ModelAnswers]] = {}
    for model in models:
        if model.role == "student":
            subjects.setdefault(model.seed_of or model.name, []).append(model)
    found = {}
    for name, students in subjects.items():
        if len(students) == 1:
            name = students[0].name
        base = by_name.get(students[0].base or "")
        if (figures := _verdict(students, teacher, base, terms)) is not None:
            found[name] = figures
    return found


def verdict_report(
    models: Sequence[ModelAnswers], terms: Terms, fell: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Any]:
    """The verdicts with their terms, as `metrics.json` has them; empty where there is none.

    Args:
        models: with their scores.
        terms: what students are held to.
        fell: student -> the slices in which it lies below the margin, as a person reads them.
    """
    students = verdicts(models, terms)
    if not students:
        return {}
    for name, slices in (fell or {}).items():
        if slices and name in students and "try" in students[name]:
            more = f" and {len(slices) - NAMED} more" if len(slices) > NAMED else ""
            students[name]["try"].insert(
                0, f"more rows like those in which it fell: {'; '.join(slices[:NAMED])}{more}"
            )
    return {
        "metric": terms.metric,
        "margin": terms.margin,
        "confidence": terms.confidence,
        "teacher_least": terms.teacher_least,
        "students": students,
    }


def _verdict(
    students: Sequence[ModelAnswers], teacher: ModelAnswers, base: ModelAnswers | None, terms: Terms
) -> dict[str, Any] | None:
    *mine, above = aligned(terms.metric, *students, teacher)
    if not above:
        return None
    seeds = len(mine) > 1
    apart = (
        difference_over_seeds(mine, [above], terms.confidence)
        if seeds
        else paired_difference(mine[0], above, confidence=terms.confidence)
    )
    word, reason = _weak_teacher(students, teacher, base, terms)
    if not word:
        word, reason = held_to_margin(apart, terms)
    figures: dict[str, Any] = {
        "verdict": word,
        "reason": reason,
        "rows": len(above),
        "vs_teacher": apart.figures(),
    }
    if seeds:
        figures["models"] = [student.name for student in students]
    else:
        kept = retention(mine[0], above, confidence=terms.confidence)
        figures["retention"] = kept.figures() if kept is not None else None
        figures |= _cells(mine[0], above, terms)
        if terms.share:
            figures["no_answer"] = {
                "student": _no_answer(students[0], teacher, terms.metric),
                "teacher": _no_answer(teacher, students[0], terms.metric),
            }
    if base is not None and not seeds:
        gained, below = aligned(terms.metric, students[0], base)
        figures["gain"] = paired_difference(gained, below, confidence=terms.confidence).figures()
        if terms.share:
            figures["regressions"] = sum(one < other for one, other in zip(gained, below, strict=True))
    if word == "INCONCLUSIVE":
        figures["rows_needed"] = rows_that_decide(mine, above, terms)
    if word in ("RETUNE", "INCONCLUSIVE"):
        figures["try"] = _advice(students)
    return figures


def _weak_teacher(
    students: Sequence[ModelAnswers], teacher: ModelAnswers, base: ModelAnswers | None, terms: Terms
) -> tuple[Word | Literal[""], str]:
    """ESCALATE with the reason, where the teacher is too weak for its student to be held to it."""
    scores = aligned(terms.metric, students[0], teacher)[1]
    if terms.teacher_least is not None:
        level = score_interval(scores, terms.share, terms.confidence)
        if level.high < terms.teacher_least:
            unread = sum(answer.parsed is None for answer in teacher.answers)
            why = (
                f"; no answer could be read in {unread:,} of its {len(teacher.answers):,} replies"
                if terms.share and unread > OFTEN * len(teacher.answers)
                else ""
            )
            return "ESCALATE", (
                f"the teacher itself has {percent(level.value)} ({_range(level)}), below the wanted "
                f"{percent(terms.teacher_least)}{why}: mend the teacher or its prompt first"
            )
    if base is not None:
        above, below = aligned(terms.metric, teacher, base)
        lead = paired_difference(above, below, confidence=terms.confidence)
        if lead.high < 0:
            return "ESCALATE", (
                f"the teacher is worse than the untrained base by {_pts(-lead.value)} points: mend the "
                "teacher or its prompt first"
            )
    return "", ""


def held_to_margin(apart: Interval, terms: Terms, above: str = "teacher") -> tuple[Word, str]:
    """DEPLOY, RETUNE or INCONCLUSIVE with the reason, by the interval of a difference to the one above."""
    shown = f"{points(apart.value)} points to the {above} ({points(apart.low)} to {points(apart.high)})"
    limit = points(-terms.margin)
    if apart.low > -terms.margin:
        return "DEPLOY", f"{shown}, all above {limit}"
    if apart.high < -terms.margin:
        return "RETUNE", f"{shown}, all below {limit}"
    return "INCONCLUSIVE", f"{shown}, on both sides of {limit}"


def _cells(mine: Sequence[float], above: Sequence[float], terms: Terms) -> dict[str, Any]:
    """On how many rows who is right, and McNemar's p that the two are equal; for right and wrong only."""
    if not terms.share:
        return {}
    pairs = list(zip(mine, above, strict=True))
    cells = {
        "both_right": pairs.count((1.0, 1.0)),
        "both_wrong": pairs.count((0.0, 0.0)),
        "only_teacher": pairs.count((0.0, 1.0)),
        "only_student": pairs.count((1.0, 0.0)),
    }
    p = mcnemar(cells["only_student"], cells["only_teacher"])
    return {"agreement": cells, "mcnemar_p": round(p, 6)}


def _no_answer(model: ModelAnswers, other: ModelAnswers, metric: str) -> int:
    """In how many replies no answer was found, on the rows for which both models have a score."""
    scores = zip(model.scores[metric], other.scores[metric], strict=True)
    both = [None if above is None else score for score, above in scores]
    return int(count_outcomes(zip(model.answers, both, strict=True))["no_answer"])


def rows_that_decide(mine: Sequence[Sequence[float]], above: Sequence[float], terms: Terms) -> int | None:
    """How many test rows would decide, were the difference the one that was seen; None where none would."""
    rows = len(above)
    if len(mine) == 1 and terms.share:
        won = sum(one > other for one, other in zip(mine[0], above, strict=True))
        lost = sum(one < other for one, other in zip(mine[0], above, strict=True))
        return rows_for_shares(won / rows, lost / rows, terms.margin, terms.confidence, POWER)
    means = [sum(column) / len(column) for column in zip(*mine, strict=True)]
    differences = [one - other for one, other in zip(means, above, strict=True)]
    seeds = [sum(one) / rows for one in mine]
    return rows_for_grades(differences, seeds, terms.margin, terms.confidence, POWER)


def _advice(students: Sequence[ModelAnswers]) -> list[str]:
    """What to try, from what the replies show."""
    answers = [
        answer for student in students for drawn in student.draws or [student.answers] for answer in drawn
    ]
    total = len(answers)
    said = []
    if (cut := sum(answer.ending == "length" for answer in answers)) > OFTEN * total:
        said.append(
            f"{cut:,} of {total:,} replies were cut: raise max_new_tokens of evaluate, or train on shorter "
            "completions"
        )
    whole = [answer for answer in answers if answer.ending != "length" and not answer.failed]
    if (unread := sum(answer.parsed is None for answer in whole)) > OFTEN * total:
        said.append(
            f"no answer could be read in {unread:,} of {total:,} replies that ended: look at them with "
            "`synthgen inspect`; the training rows may mark answers otherwise"
        )
    if (refused := sum(answer.failed == "template" for answer in answers)) > 0:
        said.append(f"the chat template refuses {refused:,} questions")
    return said


def verdict_lines(report: Mapping[str, Any]) -> list[str]:
    """The verdicts as a person reads them, from `metrics.json`: a line a student, then what each rests on.

    None where there is no verdict.
    """
    verdict = report.get("verdict")
    if not verdict:
        return []
    head = (
        f"verdict (by {verdict['metric'].replace('_', ' ')}; at most {_pts(verdict['margin'])} points "
        f"below the teacher, {100 * verdict['confidence']:g}% sure):"
    )
    names = max(len(name) for name in verdict["students"])
    lines = [head]
    for name, figures in verdict["students"].items():
        lines.append(_summary(f"  {name:<{names}}  {figures['verdict']}: ", figures))
    for name, figures in verdict["students"].items():
        lines += ["", *textwrap.wrap(f"{name}: {figures['reason']}", LINE, **_INDENTS[0])]
        for detail in _details(figures):
            lines += textwrap.wrap(detail, LINE, **_INDENTS[1])
    return lines


def _summary(start: str, figures: Mapping[str, Any]) -> str:
    """One student's line: the verdict and its interval, and the rows that would decide if there is room.

    Of one that forgot what its base could do, the first part that it forgot.
    """
    if forgot := figures.get("forgot"):
        more = f", and {len(forgot) - 1} more" if len(forgot) > 1 else ""
        return f"{start}forgot {forgot[0]}{more}"
    apart = figures["vs_teacher"]
    low, high = apart["interval"]
    line = f"{start}{points(apart['value'])} points ({points(low)} to {points(high)})"
    needed = figures.get("rows_needed")
    longer = f"{line}, {needed:,} rows would decide" if needed else line
    return longer if len(longer) <= LINE else line


def _details(figures: Mapping[str, Any]) -> list[str]:
    lines = []
    if cells := figures.get("agreement"):
        lines.append(
            f"both right {cells['both_right']:,}, both wrong {cells['both_wrong']:,}, only the teacher "
            f"{cells['only_teacher']:,}, only the student {cells['only_student']:,}"
        )
    if "regressions" in figures:
        lines.append(f"right before training and wrong now {figures['regressions']:,}")
    if unread := figures.get("no_answer"):
        lines.append(
            f"no answer found, which counts as wrong: student {unread['student']:,}, teacher "
            f"{unread['teacher']:,}"
        )
    if kept := figures.get("retention"):
        low, high = kept["interval"]
        ends = f"at least {percent(low)}" if high is None else f"{percent(low)} to {percent(high)}"
        lines.append(f"it keeps {percent(kept['value'])} of the teacher's score ({ends})")
    if noise := figures.get("noise"):
        lines.append(noise)
    if figures["verdict"] == "INCONCLUSIVE":
        needed = figures.get("rows_needed")
        lines.append(
            f"about {needed:,} test rows would decide ({POWER:.0%} power) if the difference is the one seen"
            if needed is not None
            else "no test of a size that can be had would decide: set another margin, or train more seeds"
        )
    return lines + list(figures.get("try", ()))


def _pts(value: float) -> str:
    return f"{100 * value:.1f}"


def _range(interval: Interval) -> str:
    return f"{percent(interval.low)} to {percent(interval.high)}"
