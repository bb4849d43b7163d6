"""Where students stand after all looks: per slice the scores then and since, and the evidence of a fall."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthgen.core.text import percent, table
from synthgen.evaluation.anytime import evidence, over_slices
from synthgen.evaluation.slices import LENGTH, LENGTHS, NONE, REST
from synthgen.operations.drift.baseline import Baseline, score_of
from synthgen.operations.drift.looks import Looks


def named(field: str, label: str) -> str:
    """A slice as people read it."""
    return label if field == label else f"{field}: {label}"


@dataclass(frozen=True)
class Part:
    """A student in one slice."""

    field: str
    label: str
    before: dict[str, Any]
    """At training time: {"rows", "kept_up", "student", "teacher"}; a score is None where there is none."""
    since: dict[str, Any]
    evidence: float | None
    """Corrected for all slices; None where there were no rows at training time."""
    fell_at: int | None
    """The first look at which the evidence was an alarm."""

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        found = {"field": self.field, "slice": self.label, "before": self.before, "since": self.since}
        return {
            **found,
            "evidence": None if self.evidence is None else float(f"{self.evidence:.6g}"),
            "fell": self.fell_at is not None,
            "fell_at_look": self.fell_at,
        }


@dataclass(frozen=True)
class Standing:
    """A student over all looks that measure the same."""

    student: str
    measure: str
    looks: int
    questions: int
    alarm: float
    """The evidence that is an alarm."""
    parts: list[Part]

    def fallen(self) -> list[tuple[str, str]]:
        """The slices in which it fell, as (field, label)."""
        return [(part.field, part.label) for part in self.parts if part.fell_at is not None]

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "student": self.student,
            "measure": self.measure,
            "looks": self.looks,
            "questions": self.questions,
            "alarm": self.alarm,
            "slices": [part.plain() for part in self.parts],
        }

    def lines(self) -> list[str]:
        """For a person."""
        shown = f"{self.questions:,} questions in {self.looks:,} look{'s' * (self.looks != 1)}"
        by = self.measure.replace("_", " ")
        head = f"{self.student}: {shown}, by {by}; evidence {self.alarm:g} is an alarm"
        header = ["then → since", "rows", "as good as the teacher", "student", "teacher", "evidence", ""]
        rows = [
            [
                named(part.field, part.label),
                *_cells(part.before, part.since),
                "–" if part.evidence is None else _number(part.evidence),
                "" if part.fell_at is None else f"FELL (look {part.fell_at})",
            ]
            for part in self.parts
        ]
        return [head, "", table(header, rows, prose=True)]


def standing(baseline: Baseline, looks: Looks, confidence: float) -> list[Standing]:
    """Every student by everything that was measured.

    Looks that measure another thing are another test, which holds by itself.

    Args:
        baseline: the scores at training time.
        looks: what was seen since.
        confidence: 1 less the share of runs that may ever raise a false alarm.
    """
    alarm = 1 / (1 - confidence)
    found = []
    for measure in looks.measures() or [baseline.metric]:
        taken = looks.by_measure(measure)
        for student in baseline.students:
            asked = [look for look in taken if student in look["evidence"]]
            found.append(
                Standing(
                    student,
                    measure,
                    len(asked),
                    sum(len(look["rows"]) for look in asked),
                    round(alarm, 6),
                    [
                        _part(baseline, asked, student, measure, name, label, alarm)
                        for name, label in _slices(baseline, asked)
                    ],
                )
            )
    return found


def evidence_by_slice(
    baseline: Baseline, looks: Sequence[Mapping[str, Any]], student: str, measure: str
) -> list[list[Any]]:
    """[field, label, evidence] of each slice that had rows at training time, corrected for all of them."""
    before = baseline.scores(student, measure)
    raw, names = [], []
    for name, label in _slices(baseline, ()):
        here = [
            score
            for score, one in zip(before, baseline.labels[name], strict=True)
            if one == label and score is not None
        ]
        since = [
            [
                row["kept_up"][student]
                for row in look["rows"]
                if row["slices"][name] == label and row["kept_up"].get(student) is not None
            ]
            for look in looks
        ]
        names.append((name, label))
        raw.append(evidence(here, since))
    return [
        [name, label, float(f"{one:.6g}")] for (name, label), one in zip(names, over_slices(raw), strict=True)
    ]


def _slices(baseline: Baseline, looks: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    found = {name: set(labels) for name, labels in baseline.labels.items()}
    for look in looks:
        for row in look["rows"]:
            for name, label in row["slices"].items():
                found[name].add(label)
    return [
        (name, label)
        for name, labels in found.items()
        for label in sorted(labels, key=lambda label: (label in (REST, NONE), _order(name, label)))
    ]


def _order(field: str, label: str) -> tuple[int, str]:
    return (LENGTHS.index(label) if field == LENGTH and label in LENGTHS else 0, label)


def _part(
    baseline: Baseline,
    looks: Sequence[Mapping[str, Any]],
    student: str,
    measure: str,
    name: str,
    label: str,
    alarm: float,
) -> Part:
    places = [place for place, one in enumerate(baseline.labels[name]) if one == label]
    kept = baseline.scores(student, measure)
    before = [baseline.entries[place]["answers"] for place in places]
    since = [row for look in looks for row in look["rows"] if row["slices"][name] == label]
    found: dict[int, float] = {
        look["look"]: one
        for look in looks
        for field, of, one in look["evidence"][student]
        if (field, of) == (name, label)
    }
    return Part(
        name,
        label,
        {
            "rows": len(places),
            "kept_up": _mean([kept[place] for place in places]),
            "student": _mean([score_of(answers[student], measure) for answers in before]),
            "teacher": _mean([score_of(answers.get(baseline.teacher, {}), measure) for answers in before]),
        },
        {
            "rows": len(since),
            "kept_up": _mean([row["kept_up"].get(student) for row in since]),
            "student": _mean([row["scores"].get(student) for row in since]),
            "teacher": _mean([row["scores"].get(baseline.teacher) for row in since]),
        },
        (list(found.values())[-1] if found else 1.0) if places else None,
        next((look for look, one in found.items() if one >= alarm), None),
    )


def _mean(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return round(math.fsum(known) / len(known), 6) if known else None


def _cells(before: Mapping[str, Any], since: Mapping[str, Any]) -> list[str]:
    names = ("kept_up", "student", "teacher")
    return [
        f"{before['rows']:,} → {since['rows']:,}",
        *(f"{_share(before[name])} → {_share(since[name])}" for name in names),
    ]


def _share(share: float | None) -> str:
    return "–" if share is None else percent(share)


def _number(value: float) -> str:
    return f"{value:,.0f}" if 10 <= value < 1e6 else f"{value:.2g}"
