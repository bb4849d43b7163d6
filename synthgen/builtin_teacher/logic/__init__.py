"""Logic puzzles: made, worked out from their text alone, and worked out with one wrong turn."""

from __future__ import annotations

import random

from synthgen.builtin_teacher.logic import cycles, knights, ordering, swaps, syllogisms
from synthgen.builtin_teacher.logic.worked import Problem as Problem
from synthgen.builtin_teacher.logic.worked import Worked as Worked

_KINDS = {
    "ordering": (ordering.make_problem, ordering.work_out),
    "syllogism": (syllogisms.make_problem, syllogisms.work_out),
    "swaps": (swaps.make_problem, swaps.work_out),
    "day": (cycles.make_day_problem, cycles.work_out_day),
    "switch": (cycles.make_switch_problem, cycles.work_out_switch),
    "knights": (knights.make_problem, knights.work_out),
}


def make_problem(rng: random.Random, kind: str | None = None) -> Problem:
    """A puzzle of a kind, or of any; the same state of `rng` gives the same puzzle."""
    make, _ = _KINDS[kind] if kind is not None else rng.choice(list(_KINDS.values()))
    return make(rng)


def work_out(question: str) -> Worked | None:
    """The working of a puzzle, read from its text; None where it is of no known kind."""
    found = read(question)
    return None if found is None else found[1]


def read(question: str) -> tuple[str, Worked] | None:
    """The kind of a puzzle and its working; None where it is of no known kind."""
    for kind, (_, solve) in _KINDS.items():
        worked = solve(question)
        if worked is not None:
            return kind, worked
    return None


def slip(worked: Worked, rng: random.Random) -> Worked:
    """The same working with one wrong turn; its answer is another one."""
    return rng.choice(worked.slips)
