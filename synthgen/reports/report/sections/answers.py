"""Test questions with the answers of base, students and teacher side by side, right ones and wrong ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from synthgen.core.rows import Row
from synthgen.reports.report.blocks import Block, Card, Cards, Fold
from synthgen.reports.report.facts import Evaluation, RunFacts
from synthgen.reports.report.row_cards import told
from synthgen.reports.run_folder import written_rows
from synthgen.reports.survey import Reservoir
from synthgen.reports.visible import clipped

EACH = 3
"""Questions shown of each kind."""
LONGEST = 600


def answers(facts: RunFacts) -> list[Block]:
    """For each evaluation and student: where it and the teacher were both right, and where not."""
    return [block for evaluation in facts.evaluations for block in _evaluation(evaluation, facts)]


def _evaluation(evaluation: Evaluation, facts: RunFacts) -> Iterator[Block]:
    path = evaluation.stage.folder / "answers.jsonl"
    if not path.is_file():
        return
    models = evaluation.report["models"]
    students = [name for name, one in models.items() if one["role"] == "student"]
    teacher = next((name for name, one in models.items() if one["role"] == "teacher"), None)
    groups: dict[str, Reservoir[Row]] = {}
    number: dict[str, int] = {}
    for entry in written_rows(path):
        for title in _groups(entry.get("answers", {}), students, teacher):
            groups.setdefault(title, Reservoir(min(EACH, facts.samples), f"{facts.seed} {title}")).add(entry)
            number[title] = number.get(title, 0) + 1
    for title in sorted(groups):
        cards = [_question(entry, models) for entry in groups[title].drawn()]
        if cards:
            yield Fold(f"{title.partition(' ')[2]}: {number[title]:,}", cards)


def _groups(given: Mapping[str, Any], students: list[str], teacher: str | None) -> Iterator[str]:
    """The groups that a question belongs to, each with a number that orders it."""
    for place, student in enumerate(students):
        mine, theirs = _right(given.get(student)), _right(given.get(teacher or ""))
        if mine is None:
            yield f"{place:03d}4 answers of {student}"
        elif theirs is None:
            yield f"{place:03d}{int(mine)} {student} {'right' if mine else 'wrong'}"
        else:
            who = {
                (False, True): f"0 only the teacher right, {student} wrong",
                (True, False): f"1 only {student} right, the teacher wrong",
                (False, False): f"2 both wrong: {student} and the teacher",
                (True, True): f"3 both right: {student} and the teacher",
            }[mine, theirs]
            yield f"{place:03d}{who}"


def _right(answer: Any) -> bool | None:
    right = answer.get("right") if isinstance(answer, dict) else None
    return right if isinstance(right, bool) else None


def _question(entry: Row, models: Mapping[str, Any]) -> Cards:
    about = f"{entry.get('question', '')}\nright answer: {told(entry.get('reference', 'none'))}"
    return Cards(
        [_answer(name, entry["answers"][name]) for name in models if name in entry["answers"]],
        clipped(about, LONGEST),
    )


def _answer(name: str, answer: Mapping[str, Any]) -> Card:
    right = _right(answer)
    parsed = answer.get("parsed")
    fields = [
        ("answer", "no answer found" if parsed is None else told(parsed)),
        ("reply", clipped(str(answer.get("text", "")), LONGEST)),
    ]
    if answer.get("ending") not in (None, "stop"):
        fields.append(("ended by", told(answer["ending"])))
    if right is None and answer.get("scores"):
        fields.append(("scores", told(answer["scores"])))
    return Card(name, fields, "" if right is None else "right" if right else "wrong")
