"""Texts side by side: within the columns, with nothing that a terminal obeys, and nothing lost."""

import random

import pytest

from synthgen.core.text import width
from synthgen.operations.serve.columns import side_by_side, wrapped


def test_each_text_stands_under_its_name():
    shown = side_by_side(["base", "tutor"], ["It is hard to say.", "The answer\nis 3."], 40)
    assert shown.split("\n") == [
        "base               | tutor",
        "------------------ | ------------------",
        "It is hard to say. | The answer",
        "                   | is 3.",
    ]


def test_many_or_narrow_columns_stand_one_under_the_other():
    shown = side_by_side(["base", "tutor", "teacher"], ["a b", "c", "d"], 40)
    assert shown == "base\n  a b\ntutor\n  c\nteacher\n  d"


HOSTILE = "a\x1b[2Jb\x07\r\u202e\x9bc\u2028d\t\ud800"


@pytest.mark.parametrize("seed", range(20))
def test_lines_fit_and_hold_every_word(seed):
    draw = random.Random(seed)
    pieces = ["short", "a" * 90, "雪" * 30, HOSTILE, "\n", "☃", "", "e\u0301" * 20, "\t"]
    texts = [" ".join(draw.choices(pieces, k=draw.randrange(12))) for _ in range(draw.randrange(1, 6))]
    columns = draw.choice([20, 40, 80, 133])
    shown = side_by_side([f"model {number}" for number in range(len(texts))], texts, columns)
    assert all(width(line) <= columns for line in shown.split("\n"))
    assert all(line.isprintable() for line in shown.split("\n"))
    for text in texts:
        for word in ("short", "☃"):
            assert shown.count(word) >= min(1, text.count(word))


def test_a_long_word_is_cut_and_not_lost():
    assert wrapped("ab" * 5 + " c", 4) == ["abab", "abab", "ab c"]
    assert wrapped("雪雪雪", 4) == ["雪雪", "雪"] and wrapped("", 4) == [""]
