"""The line chart: what it draws, and that nothing from a name becomes markup."""

from xml.etree import ElementTree

import pytest

from synthgen.reports.svg.canvas import GRID
from synthgen.reports.svg.lines import HEIGHT, LEGEND, WIDTH, Point, line_chart

SVG = "{http://www.w3.org/2000/svg}"
LINE = [Point(0, 0.2, 0.1, 0.3), Point(50, 0.5, 0.4, 0.6), Point(100, 0.6, 0.5, 0.7)]


def circles(text):
    return [
        (float(one.get("cx")), float(one.get("cy")))
        for one in ElementTree.fromstring(text).iter(f"{SVG}circle")
    ]


def test_points_stand_where_their_values_are():
    (x0, y0), (x1, y1), (x2, y2) = circles(line_chart([("student", LINE)], "rows", "accuracy"))
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2) and x0 < x1
    assert y0 > y1 > y2, "up is more"
    assert (y0 - y1) / (y1 - y2) == pytest.approx(3.0, abs=0.05), "0.2, 0.5, 0.6"


def test_axes_have_labels_and_ticks_and_lines_their_names():
    text = line_chart([("with", LINE), ("without", LINE[:1])], "training rows", "accuracy")
    words = [one.text for one in ElementTree.fromstring(text).iter(f"{SVG}text")]
    assert {"training rows", "accuracy", "with", "without", "0", "100"} <= set(words)
    assert {word for word in words if word.endswith("%")} >= {"10%", "70%"}


def test_the_same_values_give_the_same_bytes_and_others_do_not():
    assert line_chart([("a", LINE)], "x", "y") == line_chart([("a", list(LINE))], "x", "y")
    assert line_chart([("a", LINE)], "x", "y") != line_chart([("a", LINE[:2])], "x", "y")


def test_nothing_from_a_name_becomes_markup():
    text = line_chart([('<script>"&', LINE)], "<b>", "<i>")
    tags = {one.tag.removeprefix(SVG) for one in ElementTree.fromstring(text).iter()}
    assert tags == {"svg", "title", "path", "text", "circle"}


def test_the_legend_stands_above_in_rows_that_fit():
    names = [f"a student {number}" for number in range(9)]
    drawn = ElementTree.fromstring(line_chart([(name, LINE) for name in names], "x", "y"))
    texts = list(drawn.iter(f"{SVG}text"))
    at = {one.text: (float(one.get("x", "")), float(one.get("y", ""))) for one in texts}
    rows = sorted({at[name][1] for name in names})
    assert len(rows) > 1 and rows[-1] < at["y"][1] < min(y for _, y in circles(ElementTree.tostring(drawn)))
    assert at[names[0]][0] < 40 and max(at[name][0] + 6 * len(name) for name in names) < WIDTH
    assert len({at[name] for name in names}) == len(names)


def test_many_lines_differ_and_long_names_are_cut():
    text = line_chart([(f"{n} {'long' * 20}", LINE) for n in range(8)], "x", "y")
    root = ElementTree.fromstring(text)
    drawn = {
        (one.get("stroke"), one.get("stroke-dasharray"))
        for one in root.iter(f"{SVG}path")
        if one.get("stroke") != GRID
    }
    assert len(drawn) == 8
    assert max(len(one.text or "") for one in root.iter(f"{SVG}text")) <= 24


@pytest.mark.parametrize(
    "line",
    [[Point(0, 0, 0, 0)], [Point(3, 1, 1, 1)], [Point(0.004, 0.5, 0.5, 0.5), Point(0.007, 0.5, 0.4, 1)]],
)
def test_level_and_single_points_are_drawn_within_the_chart(line):
    for x, y in circles(line_chart([("a", line)], "x", "y")):
        assert 50 <= x <= WIDTH - 20 and LEGEND <= y <= HEIGHT


def test_no_point_is_no_chart():
    assert line_chart([], "x", "y") == "" == line_chart([("a", [])], "x", "y")
