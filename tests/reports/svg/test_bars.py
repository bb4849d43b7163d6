"""Bars end where their values are, whiskers at their intervals, and stacks add up."""

import re
from xml.etree import ElementTree

import pytest

from synthgen.reports.svg.bars import Bar, Stack, amount_bars, difference_bars, score_bars, stacked_bars

SVG = "{http://www.w3.org/2000/svg}"
BARS = [Bar("student", 0.5, 0.4, 0.6, "50.0%"), Bar("teacher", 1.0, 1.0, 1.0, "100.0%", 1)]


def all_of(text, tag):
    return list(ElementTree.fromstring(text).iter(f"{SVG}{tag}"))


def whiskers(text):
    """The two ends of each whisker."""
    found = [re.match(r"M([\d.]+) [\d.]+H([\d.]+)M", one.get("d")) for one in all_of(text, "path")]
    return [(float(one[1]), float(one[2])) for one in found if one]


def test_bars_are_as_long_as_their_values_and_whiskers_as_their_intervals():
    text = score_bars(BARS, "score")
    half, whole = all_of(text, "rect")
    assert float(whole.get("width")) == pytest.approx(2 * float(half.get("width")), abs=0.2)
    ((low, high),) = whiskers(text)
    start, width = float(half.get("x")), float(whole.get("width"))
    assert (low - start) / width == pytest.approx(0.4, abs=0.002)
    assert (high - start) / width == pytest.approx(0.6, abs=0.002)
    assert half.get("fill") != whole.get("fill")
    assert {"student", "teacher", "50.0%", "100.0%", "0%"} <= {one.text for one in all_of(text, "text")}


def test_differences_stand_left_and_right_of_zero():
    text = difference_bars([Bar("a", -0.2, -0.3, -0.1, "-20.0"), Bar("b", 0.4, 0.35, 0.45, "+40.0")], "d")
    zero = next(one for one in all_of(text, "path") if one.get("stroke") == "currentColor")
    middle = float(re.match(r"M([\d.]+)", zero.get("d"))[1])
    left, right = (float(one.get("cx")) for one in all_of(text, "circle"))
    assert left < middle < right and right - middle == pytest.approx(2 * (middle - left), abs=0.3)
    for (low, high), dot in zip(whiskers(text), (left, right), strict=True):
        assert low < dot < high


def test_stacks_lie_side_by_side_and_name_their_parts():
    kinds = ("kept", "rejected", "never")
    text = stacked_bars([Stack("filter", ((0, 30), (1, 10), (2, 0)), "30")], kinds, "rows")
    bars = [one for one in all_of(text, "rect") if list(one)]
    kept, rejected, _ = bars
    assert float(kept.get("width")) == pytest.approx(3 * float(rejected.get("width")), abs=0.3)
    assert float(rejected.get("x")) == pytest.approx(float(kept.get("x")) + float(kept.get("width")), abs=0.2)
    words = [one.text for one in all_of(text, "text")]
    assert "kept" in words and "rejected" in words and "never" not in words
    assert kept[0].text == "kept: 30"


def test_names_are_escaped_and_unseen_signs_named():
    name = "<script>\u202e&"
    for text in (
        score_bars([Bar(name, 0.5, 0.5, 0.5, name)], name),
        stacked_bars([Stack(name, ((0, 1),), name)], (name,), name),
    ):
        assert "\u202e" not in text and not all_of(text, "script") and "[U+202E]" in text


def test_nothing_is_no_chart():
    assert score_bars([], "t") == difference_bars([], "t") == stacked_bars([], (), "t") == ""
    assert amount_bars([], "t") == amount_bars([Bar("a", 0, 0, 0, "0")], "t") == ""
    assert stacked_bars([Stack("a", ((0, 0.0),), "0")], ("k",), "t") == ""
    assert difference_bars([Bar("a", 0.0, 0.0, 0.0, "0")], "t").count("<circle") == 1
    assert score_bars(BARS, "t") == score_bars(list(BARS), "t")
