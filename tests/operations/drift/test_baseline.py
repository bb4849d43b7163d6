from __future__ import annotations

import pytest

from synthgen.operations.drift.baseline import AGREEMENT, kept_up


def answer(score=None, parsed=None, failed=""):
    scores = {} if score is None else {"scores": {"m": score}}
    return {"parsed": parsed, **scores, **({"failed": failed} if failed else {})}


@pytest.mark.parametrize(
    ("mine", "theirs", "measure", "expected"),
    [
        (answer(1.0), answer(1.0), "m", 1.0),
        (answer(0.0), answer(1.0), "m", 0.0),
        (answer(0.0), answer(0.0), "m", 1.0),
        (answer(1.0), answer(0.0), "m", 1.0),
        (answer(0.5), answer(0.75), "m", 0.75),
        (answer(), answer(1.0), "m", None),
        (answer(1.0), answer(0.0, failed="timeout"), "m", None),
        (answer(parsed="1,200"), answer(parsed="1200"), AGREEMENT, 1.0),
        (answer(parsed="3"), answer(parsed="5"), AGREEMENT, 0.0),
        (answer(), answer(parsed="5"), AGREEMENT, 0.0),
        (answer(parsed="5"), answer(), AGREEMENT, None),
    ],
)
def test_how_far_a_student_is_as_good_as_its_teacher(mine, theirs, measure, expected):
    assert kept_up({"s": mine, "teacher": theirs}, "s", "teacher", measure) == expected


def test_without_a_teacher_the_score_itself_counts():
    assert kept_up({"s": answer(0.25)}, "s", "", "m") == 0.25
