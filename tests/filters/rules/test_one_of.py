"""one_of: rows whose field has one of some values."""

from __future__ import annotations

import pytest

from tests.filters.checking import check, refuses

TOPIC = {"one_of": {"field": "meta.topic", "values": ["sums", 3]}}


@pytest.mark.parametrize("topic", ["sums", 3, "3", ["sums", "puzzles"]])
def test_one_of_the_values_is_kept(topic: object) -> None:
    assert not check(TOPIC, output="x", meta={"topic": topic}).reject


@pytest.mark.parametrize(
    ("meta", "value"), [({"topic": "puzzles"}, "puzzles"), ({"topic": ["puzzles", "sums"]}, "puzzles")]
)
def test_another_value_goes(meta: dict[str, object], value: str) -> None:
    assert check(TOPIC, output="x", meta=meta)[:3] == (True, value, {"values": ["sums", 3]})


@pytest.mark.parametrize("meta", [{}, {"topic": None}, {"topic": []}])
def test_a_row_without_the_field_goes(meta: dict[str, object]) -> None:
    assert check(TOPIC, output="x", meta=meta)[:2] == (True, None)


@pytest.mark.parametrize("options", [{}, {"field": "meta.topic"}, {"field": "meta.topic", "values": []}])
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    assert refuses({"one_of": options})
