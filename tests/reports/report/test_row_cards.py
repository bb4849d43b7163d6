"""Rows as cards: values for people, and the words in which two rows differ."""

import pytest
from markupsafe import Markup

from synthgen.reports.report.row_cards import compared, marked, row_fields, told


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


def test_words_that_differ_are_marked_on_both_sides():
    one, other = marked("Tom has 4 apples & more.", "Tom had 4 apples & <more>.")
    assert one == "Tom <mark>has</mark> 4 apples &amp; more."
    assert other == "Tom <mark>had</mark> 4 apples &amp; <mark>&lt;</mark>more<mark>&gt;</mark>."
    assert isinstance(one, Markup) and marked("same", "same") == ("same", "same")
    assert marked("a " * 2000, "b") == ("a " * 2000, "b"), "a long text is not compared"
    assert "[U+202E]" in marked("a \u202e", "a b")[0]


def test_ids_are_no_words_to_compare():
    mine, theirs = compared(
        {"id": "a", "output": "x y"}, {"id": "b", "output": "x z"}, ("dropped", "because of")
    )
    assert dict(mine.fields) == {"id": "a", "output": "x <mark>y</mark>"}
    assert dict(theirs.fields)["output"] == "x <mark>z</mark>" and theirs.title == "because of"
