"""The panel's items: readable files that become questions with a check each."""

from collections import Counter

import pytest

from synthgen.core.hashing import value_hash
from synthgen.evaluation.compare import Answer
from synthgen.evaluation.panel.checks import CHECKS, passes
from synthgen.evaluation.panel.items import PARTS, VERSION, _fill, panel_items, read_part

ITEMS = panel_items(PARTS)
PINNED = (1, "3881287daa320d5b59b75f8f48ac54bc")
"""The version, and the hash of all items and of what the checks say of some replies.

After a change that is meant: raise `items.VERSION` and the `version` of evaluate, and put the new hash here.
"""


def test_every_part_has_enough_items_to_show_a_loss():
    counts = Counter(item.part for item in ITEMS)
    assert set(counts) == set(PARTS)
    assert min(counts.values()) >= 24
    assert 150 <= len(ITEMS) <= 300


def test_a_change_of_items_or_checks_raises_the_version():
    replies = [
        "Paris.",
        "The answer is 42.",
        "- a\n- b\n- c",
        '["a", "b"]',
        "1. Tea\n2. Milk\n3. Sugar",
        "yes",
    ]
    said = [[passes(item, Answer.of(reply, "stop")) for reply in replies] for item in ITEMS]
    content = [[item.id, item.ask, dict(item.check), item.whole] for item in ITEMS]
    assert (VERSION, value_hash([content, said])) == PINNED


def test_items_are_told_apart_and_none_is_left_unfilled():
    assert len({item.id for item in ITEMS}) == len({item.ask for item in ITEMS}) == len(ITEMS)
    assert not [item.ask for item in ITEMS if "{" in item.ask or "}" in item.ask]
    assert not [item.check for item in ITEMS if "{" in str(item.check).replace("{'", "").replace("{}", "")]


def test_every_check_is_known_and_every_known_one_is_used():
    assert {name for item in ITEMS for name in item.check} == set(CHECKS)


def test_parts_come_in_the_panels_order_and_alone():
    assert [item.part for item in panel_items(["stopping", "json"])][0] == "json"
    assert {item.part for item in panel_items(["json"])} == {"json"}
    assert read_part("instructions").title == "instruction following"


def test_a_value_keeps_its_kind_where_it_stands_alone():
    assert _fill({"words": {"most": "{n}"}, "ask": "at most {n}"}, {"n": 5}) == {
        "words": {"most": 5},
        "ask": "at most 5",
    }


@pytest.mark.parametrize(
    ("reply", "most"),
    [
        ("", 0),
        ("   \n", 0),
        ("The answer is 42.", 2),  # two sums have that answer
        ("asdf kjh lkj lkj lkjlkj lkj lk lkj lkj lkj lkj.", 7),  # no capitals, no commas
        ("The The The The The The The The The The The The The", 4),
        ("I'm sorry, but I can't assist with that.", 38),  # all of refusing, and it is English
        ("yes", 2),
    ],
)
def test_a_reply_that_fits_no_question_passes_hardly_any(reply, most):
    assert sum(passes(item, Answer.of(reply, "stop")) for item in ITEMS) <= most


def test_a_reply_that_was_cut_passes_only_where_it_need_not_be_whole():
    by_part = {item.part: item for item in ITEMS}
    stopping, answering = by_part["stopping"], by_part["answering"]
    said = "A pen is a tool with ink for writing, such as a contract, a letter, or whatever a company needs."
    assert passes(stopping, Answer.of(said, "stop")) and not passes(stopping, Answer.of(said, "length"))
    assert passes(answering, Answer.of(said, "length"))
    assert not passes(answering, Answer(said, None, "stop", failed="http_400"))
