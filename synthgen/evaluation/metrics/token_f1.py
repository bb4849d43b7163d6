"""token_f1: how many words of the reference are in the answer, and how many of the answer's are in it."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar, Literal

from pydantic import Field

from synthgen.answers.extract import gold_answer
from synthgen.core.config import Component
from synthgen.similarity.tokenizers import TOKENIZERS, Tokenizer

ARTICLES = frozenset(("a", "an", "the"))


class TokenF1Config(Component):
    """Options of `token_f1`."""

    of: Literal["answer", "reply"] = Field(
        "answer", description="the final answer (the whole reply where none can be read), or the whole reply"
    )
    tokenizer: Tokenizer = Field("unicode", description="ascii, or unicode for text in any script")


class TokenF1:
    """F1 of the words, in any order and without articles, as SQuAD has it (Rajpurkar et al. 2016)."""

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Component]] = TokenF1Config
    SHARE: ClassVar[bool] = False
    ASKS: ClassVar[bool] = False

    def __init__(self, config: TokenF1Config) -> None:
        self._tokens, self._of = TOKENIZERS[config.tokenizer], config.of

    def score(self, text: str, parsed: str | None, reference: Any) -> float:
        """2·p·r/(p+r) of the words; 1 where neither has one, 0 where one has none."""
        if isinstance(reference, list) and reference:
            return max(self.score(text, parsed, each) for each in reference)
        said = text if self._of == "reply" or parsed is None else parsed
        expected = str(reference) if self._of == "reply" else gold_answer(reference)
        words, wanted = self._words(said), self._words(expected)
        if not words or not wanted:
            return float(not words and not wanted)
        shared = sum((words & wanted).values())
        return 2 * shared / (sum(words.values()) + sum(wanted.values()))

    def _words(self, text: str) -> Counter[str]:
        return Counter(word for word in self._tokens(text) if word not in ARTICLES)
