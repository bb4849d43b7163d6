"""The words in which two texts differ."""

from markupsafe import Markup

from synthgen.reports.differing import LONGEST, marked


def test_words_that_differ_are_marked_on_both_sides():
    one, other = marked("Tom has 4 apples & more.", "Tom had 4 apples & <more>.")
    assert one == "Tom <mark>has</mark> 4 apples &amp; more."
    assert other == "Tom <mark>had</mark> 4 apples &amp; <mark>&lt;</mark>more<mark>&gt;</mark>."
    assert isinstance(one, Markup) and marked("same <b>", "same <b>") == ("same &lt;b&gt;",) * 2


def test_a_space_alone_is_not_marked_and_a_long_text_not_compared():
    assert marked("a  b", "a b") == ("a  b", "a b")
    long = "a " * LONGEST
    assert marked(long, "<") == (long, "&lt;")
