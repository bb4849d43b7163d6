"""A limit of tokens below the completions that a student is trained on is told before its replies are cut."""

from __future__ import annotations

import pytest

from synthgen.training.encoding import IGNORED, Encoded
from synthgen.training.reply_room import CompletionLengths, warning_from


def example(*turns: int) -> Encoded:
    labels = [label for learned in turns for label in [IGNORED, IGNORED, *[7] * learned]]
    return Encoded([7] * len(labels), labels, None, len(labels))


def lengths(*rows: int) -> CompletionLengths:
    found = CompletionLengths()
    for tokens in rows:
        found.add(example(tokens))
    return found


def test_the_share_that_is_longer_and_the_limit_that_holds_99_percent() -> None:
    found = lengths(*[10] * 90, *[50] * 9, 400)
    assert found.warning(50) == "" and found.holding(0.99) == 50
    assert found.warning(49) == (
        "10.0% of the completions (10 of 100) have more tokens than max_new_tokens of evaluate, 49: such "
        "replies will be cut; max_new_tokens: 50 would hold 99%"
    )
    assert found.warning(10).startswith("10.0% of")  # a completion of ten tokens fits in ten
    assert "100.0% of the completions (100 of the first 100)" in found.warning(9, first=True)
    assert found.plain() == {"half": 10, "most": 50, "longest": 400}


def test_bins_hold_completions_and_completions_with_their_prompts() -> None:
    found = lengths(*[10] * 90, *[50] * 9, 400)
    bins = found.bins()
    assert bins["completion"][0] == [10, 26, 90] and sum(rows for *_, rows in bins["completion"]) == 100
    assert bins["with_prompt"][0][0] == 12 and bins["with_prompt"][-1][1] == 402
    assert CompletionLengths().bins() == {"completion": [], "with_prompt": []}


def test_of_a_conversation_the_longest_turn_counts() -> None:
    found = CompletionLengths()
    found.add(example(3, 8, 5))
    found.add(example())
    assert found.plain() == {"half": 8, "most": 8, "longest": 8}
    assert CompletionLengths().plain() == {"half": 0, "most": 0, "longest": 0}
    assert CompletionLengths().warning(1) == ""


@pytest.mark.parametrize(
    ("limit", "said"), [(200, ""), (100, "more than 1% of the completions"), (20, "more than half")]
)
def test_from_a_manifest(limit: int, said: str) -> None:
    found = warning_from({"half": 40, "most": 120, "longest": 300}, limit)
    assert found.startswith(said) and bool(found) == bool(said)
    assert warning_from({}, limit) == ""
