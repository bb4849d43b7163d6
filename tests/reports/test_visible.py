"""What cannot be seen is named; what people write is left alone."""

import pytest

from synthgen.reports.visible import clipped, named, visible


@pytest.mark.parametrize(
    "text",
    ["", "plain", "two\nlines\tand tab", "naïve 日本語 עברית", "می‌خواهم", "👩‍👧 é", "a\u00a0b", "\ufffd"],
)
def test_what_people_write_is_as_it_was(text):
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b", "a[U+0000]b"),
        ("\x1b[31m", "[U+001B][31m"),
        ("x\u202ey\u2066", "x[U+202E]y[U+2066]"),
        ("\ud800", "[U+D800]"),
        ("a\u200bb\ufeff", "a[U+200B]b[U+FEFF]"),
        ("\U000e0041hidden", "[U+E0041]hidden"),
        ("\x08" * 40 + "\r\n", "[U+0008 ×40][U+000D]\n"),
        ("\u2028", "[U+2028]"),
        ("\uffff", "[U+FFFF]"),
    ],
)
def test_what_cannot_be_seen_is_named(text, shown):
    assert visible(text) == shown


def test_long_texts_are_clipped():
    assert clipped("abc", 3) == "abc" and clipped("abcd" * 300, 4) == "abcd … (1,196 more characters)"
    assert named("a  b\nc") == "a b c" and len(named("long" * 20)) == 24 and named("\u202e") == "[U+202E]"
