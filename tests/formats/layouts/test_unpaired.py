"""Unpaired preferences keep their bad answers, with the label."""

import pytest

from synthgen.formats.contract import Unfit
from synthgen.formats.layouts.unpaired import Unpaired

RECORD = {"prompt": "2 + 3?", "completion": "Six."}
TURNS = [{"role": "user", "content": "2 + 3?"}, {"role": "assistant", "content": "Six."}]


@pytest.mark.parametrize(
    ("label", "good"),
    [(True, True), (False, False), (1, True), (0, False), ("False", False), ("true", True), ("0.0", False)],
)
def test_a_label_is_kept_whether_it_is_good_or_bad(label, good):
    assert Unpaired().read({**RECORD, "label": label, "source": "x"}) == {
        "source": "x",
        "instruction": "2 + 3?",
        "output": "Six.",
        "label": good,
    }


@pytest.mark.parametrize("label", [None, "", "perhaps", 3])
def test_a_label_that_says_neither_is_missing(label):
    with pytest.raises(Unfit) as caught:
        Unpaired().read({**RECORD, "label": label})
    assert caught.value.rule == "missing_field"


def test_messages_are_read_and_written_again():
    record = {
        "prompt": [{"role": "user", "content": "2 + 3?"}],
        "completion": [{"role": "assistant", "content": "Six."}],
        "label": False,
    }
    row = Unpaired().read(record)
    assert [turn["role"] for turn in row["messages"]] == ["user", "assistant"]
    assert Unpaired().write(row) == record
    with pytest.raises(Unfit):
        Unpaired().write({"instruction": "2 + 3?", "output": "Six."})


@pytest.mark.parametrize("label", ["label", "kto_tag", "desirable"])
@pytest.mark.parametrize(
    ("record", "field"),
    [
        (RECORD, "output"),
        ({"instruction": "2 + 3?", "output": "Six."}, "output"),
        ({"instruction": "Add.", "input": "2 + 3", "response": "Six."}, "output"),
        ({"messages": TURNS}, "messages"),
    ],
)
def test_a_bad_answer_of_any_layout_is_kept(record, field, label):
    record = {**record, label: False}
    assert Unpaired().recognises(record)
    row = Unpaired().read(record)
    assert row["label"] is False and row[field] and "kto_tag" not in row and "desirable" not in row


@pytest.mark.parametrize("record", [{"instruction": "2 + 3?"}, {"messages": TURNS[:1]}])
def test_a_label_without_an_answer_says_nothing(record):
    with pytest.raises(Unfit, match="missing_field"):
        Unpaired().read({**record, "label": False})


def test_other_reasons_not_to_learn_still_count():
    with pytest.raises(Unfit, match="not_to_learn"):
        Unpaired().read({**RECORD, "label": True, "weight": 0})


def test_it_is_recognised_by_a_label_beside_an_answer():
    assert not Unpaired().recognises(RECORD)
    assert not Unpaired().recognises({"label": True, "text": "x"})
