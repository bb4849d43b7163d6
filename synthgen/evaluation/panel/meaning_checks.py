"""Checks of what a reply says: a number, a refusal, its language, and that it ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from synthgen.answers.extract import extract_answer

FEWEST_LETTERS = 20
"""A reply of fewer letters does not show its language, and does not pass."""
NO_LANGUAGE = "zxx"
"""What the identifier calls a text without words of a language."""
FEWEST_WORDS = 8
"""An answer to an open question has more words than that."""
_NUMBER = re.compile(r"(?<![\w.])[-−]?\$?\d+(?:,\d{3})*(?:\.\d+)?")
_HOUR = re.compile(r"\b(\d{1,2}):00\b")
_SPOKEN = {  # "one" is a pronoun more often than a number
    word: number
    for number, word in enumerate(
        "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
        " seventeen eighteen nineteen twenty".split(),
        2,
    )
} | dict(zip("thirty forty fifty sixty seventy eighty ninety".split(), range(30, 100, 10), strict=True))
_SPOKEN_WORD = re.compile(rf"\b(?:{'|'.join(_SPOKEN)})\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


def states_number(text: str, wanted: float, question: str) -> bool:
    """Whether the number that a reply ends up with is the wanted one.

    A marked answer counts ("The answer is 12"). Where there is none, it is what follows the last `=` of the
    last sentence with a number, or its last number that is not in the question: "42 days are in 6 weeks".
    """
    marked = extract_answer(text)
    if marked is not None and (found := _numbers(marked)):
        return found[-1] == wanted
    asked = set(_numbers(question))
    for sentence in reversed(_SENTENCE.split(text)):
        if results := _numbers(sentence.rpartition("=")[2]) if "=" in sentence else []:
            return results[0] == wanted
        if found := _numbers(sentence):
            return ([number for number in found if number not in asked] or found)[-1] == wanted
    return False


def _numbers(text: str) -> list[float]:
    text = _SPOKEN_WORD.sub(lambda word: str(_SPOKEN[word[0].lower()]), _HOUR.sub(r"\1", text))
    return [float(re.sub(r"[$,]", "", one[0]).replace("−", "-")) for one in _NUMBER.finditer(text)]


def refuses(text: str, question: str) -> bool:
    """Whether a reply declines, by the rule `refusal` of filter."""
    (decision,) = _refusal().check([{"instruction": question, "output": text}])
    return bool(decision.reject)


def answers(text: str, keys: Sequence[str], question: str) -> bool:
    """Whether a reply does not decline, and speaks of the matter: it has one of the words."""
    lowered = text.casefold()
    return (
        len(text.split()) >= FEWEST_WORDS
        and any(key in lowered for key in keys)
        and not refuses(text, question)
    )


@cache
def _refusal() -> Any:
    from synthgen.filters.rules.refusal import Refusal, RefusalConfig

    return Refusal(RefusalConfig())


def in_language(text: str, code: str) -> bool:
    """Whether a reply is in a language, by the rule `language` of filter; a few letters show none.

    Raises:
        ConfigError: py3langid is not installed.
    """
    rule = _language(code)
    (decision,) = rule.check([{"output": text}])
    value = decision.value
    if decision.reject or not isinstance(value, dict) or value["language"] == NO_LANGUAGE:
        return False
    # What the rule keeps in doubt is not enough here: made-up words look like a little of every language.
    return not rule.decide({**value, "probability": 1.0, "others": {}}).reject


@cache
def _language(code: str) -> Any:
    from synthgen.filters.rules.language import Language, LanguageConfig

    return Language(LanguageConfig(allow=(code,), min_chars=FEWEST_LETTERS))


def stops(text: str, question: str) -> bool:
    """Whether a reply that ended has no further turn in it."""
    from synthgen.filters.next_turns import find_run_on

    return find_run_on(text, {"instruction": question, "output": text}) is None
