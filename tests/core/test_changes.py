"""Options that differ are told leaf by leaf, whatever they are nested in."""

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.core.changes import changes

RULES = ["refusal", {"length": {"max_words": 300, "field": "output"}}, {"answer_match": {"method": "auto"}}]


def lines(before, after):
    return [change.line() for change in changes(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, ["a.c: 2 -> 3"]),
        ({"a": 1}, {"b": 1}, ["a: 1 -> none", "b: none -> 1"]),
        ({"a": 1}, {"a": True}, ["a: 1 -> true"]),
        ({"a": "x y"}, {"a": ""}, ['a: x y -> ""']),
        ({"a": [1, 2]}, {"a": [1, 3, 4]}, ["a[1]: 2 -> 3", "a[2]: none -> 4"]),
        ({"rules": RULES}, {"rules": RULES[1:]}, ["rules.refusal: left out"]),
        (
            {"rules": RULES[:2]},
            {"rules": [RULES[1], RULES[0]]},
            ['rules, the order: ["refusal","length"] -> ["length","refusal"]'],
        ),
        (
            {"rules": RULES},
            {"rules": [RULES[0], {"length": {"max_words": 200, "field": "output"}}, RULES[2]]},
            ["rules.length.max_words: 300 -> 200"],
        ),
        ({"a": [{"x": 1}, {"x": 2}]}, {"a": [{"x": 1}, {"x": 3}]}, ["a[1].x: 2 -> 3"]),
        ({"a": 1}, {"a": 1}, []),
    ],
)
def test_each_leaf_that_differs_is_told(before, after, told):
    assert lines(before, after) == told


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from("abc"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_there_is_a_change_exactly_where_two_values_differ(before, after):
    assert not lines(before, deepcopy(before))
    if before != after and None not in (before, after) and "None" not in f"{before}{after}":
        assert lines(before, after)


def test_a_part_with_options_came_or_went():
    assert lines({"rules": ["a"]}, {"rules": ["a", {"length": {"min": 3}}, "b"]}) == [
        'rules.length: added, {"min":3}',
        "rules.b: added",
    ]
