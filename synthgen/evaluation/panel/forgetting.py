"""What a student forgot: its scores on the panel against its base's, question by question, part by part.

A part is forgotten where the whole interval of student − base lies below −margin. The intervals of all parts
and of the whole hold together (Bonferroni), so that many parts invent no loss. A part of which the base
passes too little to show a loss has nothing to forget.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthgen.core.text import percent, points, table
from synthgen.evaluation.intervals import Interval, paired_difference
from synthgen.evaluation.panel.items import PARTS, VERSION, read_part
from synthgen.evaluation.seed_intervals import difference_over_seeds

WHOLE = "all"
"""The row of all the panel's own questions together, and how its loss is named."""
LITTLE = "a little of everything"
LISTED = 10
"""Questions that a part names of those in which the student lies below its base."""
ADVICE = (
    "mix rows of what was forgotten into the training rows, or train less on them: fewer epochs, a lower "
    "learning rate, lora; `synthgen inspect` shows the replies in panel.jsonl"
)


@dataclass(frozen=True)
class Question:
    """One question that base and student were asked: of which part, and by which name."""

    id: str
    part: str


@dataclass(frozen=True)
class Examined:
    """A student, or the students of one stage's seeds, with their scores and their base's."""

    name: str
    models: tuple[str, ...]
    base: str
    scores: tuple[Sequence[float], ...]
    """[models][questions], from 0 to 1."""
    base_scores: Sequence[float]


@dataclass(frozen=True)
class PanelTerms:
    """By how much a part may fall, from 0 to 1, and how sure that has to be."""

    margin: float
    confidence: float


def panel_report(
    questions: Sequence[Question], students: Sequence[Examined], terms: PanelTerms
) -> dict[str, Any]:
    """The panel's figures, as `metrics.json` has them.

    Args:
        questions: what was asked, in order; parts that are not the panel's own are tasks of lm_eval.
        students: with their scores on these.
        terms: what counts as forgotten.
    """
    parts: dict[str, list[int]] = {}
    for place, question in enumerate(questions):
        parts.setdefault(question.part, []).append(place)
    own = [place for name, places in parts.items() if name in PARTS for place in places]
    if len(set(parts) & set(PARTS)) > 1:
        parts[WHOLE] = own
    each = PanelTerms(terms.margin, 1 - (1 - terms.confidence) / max(1, len(parts)))
    found = {}
    for student in students:
        figures = {name: _part(student, places, questions, each) for name, places in parts.items()}
        found[student.name] = {
            "base": student.base,
            **({"models": list(student.models)} if len(student.models) > 1 else {}),
            "parts": figures,
            "forgot": _forgot(figures),
        }
    return {
        "version": VERSION,
        "questions": len(questions),
        "margin": terms.margin,
        "confidence": terms.confidence,
        "students": found,
    }


def _part(
    student: Examined, places: Sequence[int], questions: Sequence[Question], terms: PanelTerms
) -> dict[str, Any]:
    mine = [[scores[place] for place in places] for scores in student.scores]
    before = [student.base_scores[place] for place in places]
    means = [sum(column) / len(column) for column in zip(*mine, strict=True)]
    apart = _difference(mine, before, terms.confidence)
    could_lose = paired_difference([0.0] * len(before), before, confidence=terms.confidence).high
    if apart.high < -terms.margin:
        state = "forgot"
    else:
        state = "held" if could_lose < -terms.margin else "nothing to forget"
    lost = [questions[place].id for place, now, then in zip(places, means, before, strict=True) if now < then]
    return {
        "questions": len(places),
        "base": round(sum(before) / len(before), 6),
        "student": round(sum(means) / len(means), 6),
        "vs_base": apart.figures(),
        "state": state,
        **({"lost": lost[:LISTED], "lost_questions": len(lost)} if lost else {}),
    }


def _difference(mine: Sequence[Sequence[float]], before: Sequence[float], confidence: float) -> Interval:
    if len(mine) == 1:
        return paired_difference(mine[0], before, confidence=confidence)
    return difference_over_seeds(mine, [before], confidence)


def _forgot(figures: Mapping[str, Any]) -> list[str]:
    """What was forgotten, as a person reads it, the worst first; the whole only where no part shows it."""
    lost = {name: part for name, part in figures.items() if part["state"] == "forgot"}
    if len(lost) > 1:
        lost.pop(WHOLE, None)
    worst = sorted(lost, key=lambda name: lost[name]["vs_base"]["value"])
    return [f"{_title(name, LITTLE)}, {_shown(lost[name]['vs_base'])}" for name in worst]


def _title(name: str, whole: str = WHOLE) -> str:
    if name == WHOLE:
        return whole
    return read_part(name).title if name in PARTS else name


def _shown(measured: Mapping[str, Any]) -> str:
    low, high = measured["interval"]
    return f"{points(measured['value'])} points ({points(low)} to {points(high)})"


def with_panel(verdict: Mapping[str, Any], panel: Mapping[str, Any] | None) -> dict[str, Any]:
    """A verdict's report in which a student that forgot is no longer to be deployed.

    DEPLOY and INCONCLUSIVE become RETUNE, RETUNE and ESCALATE stay; the reason names what was forgotten.

    Args:
        verdict: from `verdict.verdict_report`; may be empty.
        panel: from `panel_report`, None where there was none.
    """
    if not verdict or not panel:
        return dict(verdict)
    students = dict(verdict["students"])
    for name, figures in students.items():
        forgot = panel["students"].get(name, {}).get("forgot")
        if not forgot:
            continue
        word = figures["verdict"]
        students[name] = {
            **{key: value for key, value in figures.items() if key != "rows_needed"},
            "verdict": "RETUNE" if word in ("DEPLOY", "INCONCLUSIVE") else word,
            "reason": f"forgot {'; '.join(forgot)}. By its task alone {word}: {figures['reason']}",
            "forgot": forgot,
            "try": [ADVICE, *figures.get("try", ())],
        }
    return {**verdict, "students": students}


def panel_lines(report: Mapping[str, Any]) -> list[str]:
    """The panel as a person reads it, from `metrics.json`; nothing where there was none."""
    panel = report.get("panel")
    if not panel:
        return []
    lines = []
    for name, figures in panel["students"].items():
        rows = [
            [
                _title(part),
                f"{one['questions']:,}",
                percent(one["base"]),
                percent(one["student"]),
                _shown(one["vs_base"]),
                "" if one["state"] == "held" else one["state"],
            ]
            for part, one in figures["parts"].items()
        ]
        lines += ["", table([f"panel: {name}", "questions", "base", "student", "difference", ""], rows)]
        lines += [f"{name} FORGOT {loss}" for loss in figures["forgot"]]
    if panel["students"]:
        number = max(len(figures["parts"]) for figures in panel["students"].values())
        lines.append(
            f"panel of {panel['questions']:,} questions, greedy, with the student's template; the {number} "
            f"intervals of a student hold together at {100 * panel['confidence']:g}% (Bonferroni); forgot: "
            f"all of one lies below {points(-panel['margin'])} points"
        )
    lines += [f"panel: not asked: {name}: {why}" for name, why in panel.get("not_asked", {}).items()]
    return lines
