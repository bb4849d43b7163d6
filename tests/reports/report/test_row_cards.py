"""Rows as cards: values for people, and two rows beside each other."""

import pytest

from synthgen.reports.report.row_cards import compared, row_fields, told


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.9629629629629629, "0.963"),
        (True, "yes"),
        (None, "none"),
        (["a", 2], "a, 2"),
        (["x" * 50, "y"], "x" * 50 + "\ny"),
        (
            {"task": "rationale", "scores": {"judge": 0.5, "b": [1, 2]}},
            "task: rationale\nscores: judge: 0.5, b: 1, 2",
        ),
        (
            [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}],
            "user: hi\nassistant: yo",
        ),
        ({"role": "assistant", "content": None, "name": "x"}, "assistant: none\nname: x"),
    ],
)
def test_values_read_like_sentences_and_not_like_programs(value, text):
    assert told(value) == text


def test_empty_fields_and_the_rejection_are_left_out():
    row = {
        "id": "a",
        "input": "",
        "meta": {},
        "output": "x" * 5000,
        "rejection": {"rule": "r"},
        "label": False,
    }
    fields = dict(row_fields(row))
    assert list(fields) == ["id", "output", "label"] and fields["output"].endswith("(3,000 more characters)")


def test_ids_are_no_words_to_compare():
    mine, theirs = compared(
        {"id": "a", "output": "x y"}, {"id": "b", "output": "x z"}, ("dropped", "because of")
    )
    assert dict(mine.fields) == {"id": "a", "output": "x <mark>y</mark>"}
    assert dict(theirs.fields)["output"] == "x <mark>z</mark>" and theirs.title == "because of"


def test_marks_of_direction_are_named_in_compared_rows():
    mine, _ = compared({"output": "a \u202e <b>"}, {"output": "a b"}, ("dropped", "because of"))
    shown = str(dict(mine.fields)["output"])
    assert "\u202e" not in shown and "U" in shown and "202E" in shown and "<b>" not in shown
