"""Axes hold all values, have round ends, and go by powers of ten where figures span many."""

import pytest

from synthgen.reports.svg.axes import count_axis, difference_axis, round_up, share_axis, value_axis
from synthgen.reports.svg.lines import exact, line_chart


@pytest.mark.parametrize("values", [[0.5], [0.0], [0.001, 7.2], [3, 4, 5], [-1.5, 2], [1e-12, 1e6], [0, 900]])
def test_every_value_is_on_the_axis_in_order(values):
    axis = value_axis(values)
    places = [axis.at(value) for value in sorted(values)]
    assert places == sorted(places) and all(0 <= place <= 1 for place in places)
    assert axis.low < axis.high and all(axis.label(tick) for tick in axis.ticks) and len(axis.ticks) <= 10


def test_a_falling_loss_goes_by_powers_of_ten():
    axis = value_axis([7.0, 0.002])
    assert axis.logarithmic and axis.low == 0.001 and axis.high == 10
    assert axis.at(0.1) == pytest.approx(0.5) and axis.label(0.001) == "0.001"
    assert not value_axis([7.0, 0.5]).logarithmic and not value_axis([7.0, 0.0]).logarithmic
    assert "0.001" in line_chart([("a", [exact(1, 7.0), exact(2, 0.002)])], "step", "loss", value_axis)


def test_round_ends():
    assert [round_up(value) for value in (0, 0.7, 1.1, 3.2, 61, 7400)] == [1.0, 0.8, 1.5, 4, 80, 8000]
    assert share_axis(0.42, 0.57).low == 0.4 and share_axis(1.0, 1.0).high == 1.0
    assert count_axis(7400).label(1600.0) == "1,600" and count_axis(0.3).label(0.06) == "0.06"
    assert difference_axis(-0.02, 0.3).at(0) == 0.5 and difference_axis(0.1, 0.3).at(0) == 0
    assert difference_axis(-0.5, -0.2).label(-0.25) == "-25"
