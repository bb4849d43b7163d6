"""A histogram's bars are as high as their counts, and limits stand where they belong."""

import re
from xml.etree import ElementTree

import pytest

from synthgen.reports.svg.histogram import histogram

SVG = "{http://www.w3.org/2000/svg}"
BINS = [[10, 19, 4], [20, 29, 8], [30, 39, 0]]


def test_counts_are_heights_and_limits_are_lines():
    root = ElementTree.fromstring(histogram(BINS, [("max_length", 40), ("cut", 20)], "tokens", "rows"))
    low, high, none = root.iter(f"{SVG}rect")
    assert float(high.get("height")) == pytest.approx(2 * float(low.get("height")), abs=0.2)
    assert float(none.get("height")) == 0
    assert float(low.get("x")) + float(low.get("width")) == pytest.approx(float(high.get("x")) - 1, abs=0.2)
    lines = [one for one in root.iter(f"{SVG}path") if one.get("stroke-dasharray")]
    last, cut = (float(re.match(r"M([\d.]+)", one.get("d"))[1]) for one in lines)
    assert cut == pytest.approx(float(high.get("x")), abs=0.1)
    assert last >= float(none.get("x")) + float(none.get("width"))
    assert low[0].text == "10 to 19: 4"
    assert {"max_length 40", "cut 20", "tokens", "rows"} <= {one.text for one in root.iter(f"{SVG}text")}


def test_a_limit_far_beyond_the_texts_is_on_the_axis():
    text = histogram([[5, 5, 2]], [("max_length", 4096)], "tokens", "rows")
    for one in ElementTree.fromstring(text).iter(f"{SVG}rect"):
        assert 60 <= float(one.get("x")) <= 620 and float(one.get("width")) >= 1
    assert "max_length 4,096" in text and "5: 2" in text


def test_no_bin_is_no_chart():
    assert histogram([], [("max_length", 4)], "tokens", "rows") == ""
