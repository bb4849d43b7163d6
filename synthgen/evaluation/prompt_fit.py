"""Whether a student is asked as it was trained: by the same system turn, and with the same words around.

A student is asked with its own template and prefix by construction. What can differ is what the rows say: a
system turn that only one side has, or words that stand before or behind every question of one side alone.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthgen.core.artefacts import Artefact
from synthgen.core.rows import Row
from synthgen.store.jsonl import read_rows
from synthgen.training.prompting import student_prompt

MANY_SYSTEMS = 50
"""Above so many different system turns, one more is no surprise."""
FEWEST = 10
"""Questions from which on what all have in common is no accident."""
SHORTEST = 8
"""Characters that words around a question have at the least."""
OFTEN = 0.5
"""The share of questions that lack the words of training's, from which on that is said."""
SHOWN = 60


@dataclass
class Prompts:
    """What prompts have in common."""

    number: int = 0
    systems: Counter[str] = field(default_factory=Counter)
    """System turn -> prompts; "" for none. At most `MANY_SYSTEMS` are told apart."""
    opening: str | None = None
    """What all questions begin with."""
    closing: str | None = None
    """What all questions end with, backwards."""
    questions: set[str] = field(default_factory=set)
    """Some of them, as many as show that there is more than one."""

    def add(self, row: Mapping[str, Any]) -> None:
        """Counts a row's prompt."""
        system, question = _prompt(row)
        self.number += 1
        if system in self.systems or len(self.systems) <= MANY_SYSTEMS:
            self.systems[system] += 1
        if len(self.questions) < FEWEST:
            self.questions.add(question)
        backwards = question[::-1]
        self.opening = question if self.opening is None else _shared(self.opening, question)
        self.closing = backwards if self.closing is None else _shared(self.closing, backwards)

    @property
    def around(self) -> tuple[str, str]:
        """The whole words that stand before and behind every question; empty where there are none."""
        if len(self.questions) < FEWEST:
            return "", ""
        return _words(self.opening), _words(self.closing)[::-1]


def _shared(one: str, other: str) -> str:
    return one if other.startswith(one) else os.path.commonprefix((one, other))


def _words(text: str | None) -> str:
    """A common beginning up to its last white space, as half a word is no word; empty where it is short."""
    whole = (text or "")[
        : max((place for place, sign in enumerate(text or "", 1) if sign.isspace()), default=0)
    ]
    return whole if len(whole.strip()) >= SHORTEST else ""


def _prompt(row: Mapping[str, Any]) -> tuple[str, str]:
    """A row's system turn, empty where it has none, and its question."""
    turns = row["prompt"] if isinstance(row.get("prompt"), list) else student_prompt(row)
    first = turns[0] if turns else {}
    system = str(first.get("content") or "") if first.get("role") == "system" else ""
    asked = [str(turn.get("content") or "") for turn in turns if turn.get("role") == "user"]
    return system.strip(), asked[-1] if asked else ""


def prompt_differences(students: Iterable[Artefact], asked: Sequence[Row]) -> dict[str, list[str]]:
    """In what each student's test prompts differ from those that it was trained on last.

    Args:
        students: the trained models.
        asked: the test rows as they are asked, with a system turn that evaluate gives.

    Returns:
        Student -> what differs, for a person; only students with which anything does.
    """
    tested = Prompts()
    for row in asked:
        tested.add(row)
    known: dict[tuple[Path, ...], list[str]] = {}
    found = {}
    for student in students:
        files = tuple(artefact.file for artefact in student.inputs.get("rows", ()))
        if files not in known:
            known[files] = _differences(files, asked, tested)
        if known[files]:
            found[student.stage_id] = known[files]
    return found


def _differences(files: Sequence[Path], asked: Sequence[Row], tested: Prompts) -> list[str]:
    trained, around = Prompts(), tested.around
    seen = [0, 0]
    for row in _rows(files):
        trained.add(row)
        question = _prompt(row)[1]
        seen[0] += question.startswith(around[0])
        seen[1] += question.endswith(around[1])
    if not trained.number or not tested.number:
        return []
    questions = [_prompt(row)[1] for row in asked]
    before, behind = trained.around
    lacking = (
        sum(not question.startswith(before) for question in questions),
        sum(not question.endswith(behind) for question in questions),
    )
    said = _systems(trained, tested)
    for text, number, where in ((before, lacking[0], "begin"), (behind, lacking[1], "end")):
        if text and number >= OFTEN * tested.number:
            said.append(
                f"all {trained.number:,} questions of its training {where} with {_quoted(text)}, and "
                f"{number:,} of the {tested.number:,} test questions do not"
            )
    for text, number, where in ((around[0], seen[0], "begin"), (around[1], seen[1], "end")):
        if text and not number:
            said.append(
                f"all {tested.number:,} test questions {where} with {_quoted(text)}, and none of its training"
            )
    return said


def _systems(trained: Prompts, tested: Prompts) -> list[str]:
    """System turns of the test that training did not have."""
    if len(trained.systems) > MANY_SYSTEMS:
        return []
    said = []
    usual = max(trained.systems, key=lambda text: (trained.systems[text], text))
    for text, number in sorted(tested.systems.items()):
        if text in trained.systems:
            continue
        of = f"{number:,} of the {tested.number:,} test questions"
        if not text:
            said.append(f"it was trained with the system turn {_quoted(usual)}, and {of} have none")
        elif not usual:
            said.append(f"it was trained without a system turn, and {of} have {_quoted(text)}")
        else:
            mine, theirs = _where_apart(usual, text)
            said.append(f"it was trained with the system turn {mine}, and {of} have {theirs}")
    return said


def _where_apart(one: str, other: str) -> tuple[str, str]:
    """Two texts, each from shortly before where they part."""
    start = max(0, len(os.path.commonprefix((one, other))) - SHOWN // 3)
    lead = "…" if start else ""
    return _quoted(lead + one[start:]), _quoted(lead + other[start:])


def _quoted(text: str) -> str:
    """A text as it is, on one line: a space too many shows, and so does a line end."""
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 1] + "…")


def _rows(files: Iterable[Path]) -> Iterator[Row]:
    for file in files:
        yield from read_rows(file)


def prompt_lines(report: Mapping[str, Any]) -> list[str]:
    """The differences as a person reads them, from `metrics.json`."""
    return [
        f"WARNING: {name} is asked otherwise than it was trained: {difference}"
        for name, differences in report.get("prompt_differences", {}).items()
        for difference in differences
    ]


def with_prompts(
    verdict: Mapping[str, Any], differences: Mapping[str, Sequence[str]] | None
) -> dict[str, Any]:
    """A verdict's report that names, under a student, in what its test prompts differ from its training's."""
    if not verdict or not differences:
        return dict(verdict)
    students = dict(verdict["students"])
    for name, figures in students.items():
        for model in figures.get("models", [name]):
            if model in differences:
                said = "; ".join(differences[model])
                advice = f"ask it as it was trained, or train it as it is asked: {said}"
                students[name] = {**figures, "try": [advice, *figures.get("try", ())]}
                break
    return {**verdict, "students": students}
