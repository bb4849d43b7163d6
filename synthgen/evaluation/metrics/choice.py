"""choice: whether the final answer names the option that the reference names."""

from __future__ import annotations

from typing import Any, ClassVar

from synthgen.answers.extract import gold_answer
from synthgen.answers.values import read_choice, read_choice_with_text, strip_marks
from synthgen.core.config import Component


class ChoiceConfig(Component):
    """`choice` has no options."""


class ChoiceMetric:
    """1 where the final answer has the reference's letter, else 0; an answer without a letter is wrong."""

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Component]] = ChoiceConfig
    SHARE: ClassVar[bool] = True
    ASKS: ClassVar[bool] = False
    COMPARES_ANSWERS: ClassVar[bool] = True

    def __init__(self, config: ChoiceConfig) -> None:
        pass

    def score(self, text: str, parsed: str | None, reference: Any) -> float:
        """1.0 for the letter of the reference, or of one of several."""
        if isinstance(reference, list) and reference:
            return max(self.score(text, parsed, each) for each in reference)
        expected = _letter(gold_answer(reference))
        return float(parsed is not None and expected is not None and _letter(parsed) == expected)


def _letter(value: str) -> str | None:
    value = strip_marks(value)
    letter = read_choice(value)
    if letter is None and (choice := read_choice_with_text(value)) is not None:
        letter = choice.letter
    return letter
