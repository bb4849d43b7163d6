"""Whether a reply meets what an item asked for: rules, no model.

Each check takes the reply and its terms from the item's file. They were held against real replies of 17
models, see docs/panel.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from synthgen.evaluation.compare import Answer
from synthgen.evaluation.panel.items import Item
from synthgen.evaluation.panel.json_check import json_meets
from synthgen.evaluation.panel.meaning_checks import answers, in_language, refuses, states_number, stops

_WORD = re.compile(r"[^\W_]+(?:['’.,-][^\W_]+)*")
_ABBREVIATIONS = re.compile(
    r"\b(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|a\.m|p\.m|no|approx|u\.s|u\.k|[a-z])\.(?=\s|,|\))",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)*_]*(?=\s|$)")
_MARKUP = " \t\r\n\"'“”‘’*_`#>"
_DASH = re.compile(r"^\s*[-–—]\s*[^\s-].*$", re.MULTILINE)
_NUMBER = re.compile(r"^\s*\**(\d{1,2})[.)]\**\s+\S.*$", re.MULTILINE)


def passes(item: Item, answer: Answer) -> bool:
    """Whether a reply passes its item: all checks hold, and it was not cut where it has to be whole."""
    if answer.failed or (item.whole and not answer.stopped):
        return False
    text = answer.final_text.strip()
    return bool(text) and all(CHECKS[name](text, terms, item) for name, terms in item.check.items())


def count_words(text: str) -> int:
    """How many words a person counts: a hyphen or an apostrophe joins, a dash or a bullet is none."""
    return len(_WORD.findall(text))


def count_sentences(text: str) -> int:
    """How many sentences a text has; a line without an end mark is one, an abbreviation ends none."""
    total = 0
    for line in text.splitlines():
        plain = _ABBREVIATIONS.sub(lambda match: match[0][:-1], line.strip())
        ends = list(_SENTENCE_END.finditer(plain))
        rest = plain[ends[-1].end() :] if ends else plain
        total += len(ends) + (1 if _WORD.search(rest) else 0)
    return total


def _within(count: int, terms: Mapping[str, int]) -> bool:
    return terms.get("least", 0) <= count <= terms.get("most", count)


def _words(text: str, terms: Mapping[str, int], item: Item) -> bool:
    return _within(count_words(text), terms)


def _sentences(text: str, terms: Mapping[str, int], item: Item) -> bool:
    return _within(count_sentences(text), terms)


def _starts(text: str, terms: str, item: Item) -> bool:
    return text.lstrip(_MARKUP).casefold().startswith(terms.casefold())


def _ends(text: str, terms: str, item: Item) -> bool:
    return text.rstrip(_MARKUP + ".!").casefold().endswith(terms.casefold())


def _list(text: str, terms: Mapping[str, Any], item: Item) -> bool:
    if terms["mark"] == "dash":
        return len(_DASH.findall(text)) == int(terms["items"])
    return [int(number) for number in _NUMBER.findall(text)] == list(range(1, terms["items"] + 1))


def _case(text: str, terms: str, item: Item) -> bool:
    return text.isupper() if terms == "upper" else text.islower()


def _without(text: str, terms: Sequence[str], item: Item) -> bool:
    return not any(re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) for word in terms)


def _without_sign(text: str, terms: str, item: Item) -> bool:
    return terms not in text


def _repeats(text: str, terms: Mapping[str, Any], item: Item) -> bool:
    return len(re.findall(rf"\b{re.escape(terms['word'])}", text, re.IGNORECASE)) >= int(terms["least"])


def _paragraphs(text: str, terms: int, item: Item) -> bool:
    return len([part for part in re.split(r"\n[ \t]*\n", text) if part.strip()]) == terms


def _only(text: str, terms: Sequence[str], item: Item) -> bool:
    return text.strip(_MARKUP + ".!").casefold() in terms


def _letter(text: str, terms: str, item: Item) -> bool:
    return text.strip(_MARKUP + ".()").upper() == terms


def _quoted(text: str, terms: bool, item: Item) -> bool:
    return len(text) > 2 and text[0] in '"“' and text[-1] in '"”'


def _same(text: str, terms: str, item: Item) -> bool:
    return " ".join(text.strip(_MARKUP).split()) == terms


def _mentions(text: str, terms: Sequence[str], item: Item) -> bool:
    lowered = text.casefold()
    return any(word in lowered for word in terms)


Check = Callable[[str, Any, Item], bool]
CHECKS: Mapping[str, Check] = {
    "words": _words,
    "sentences": _sentences,
    "starts": _starts,
    "ends": _ends,
    "list": _list,
    "case": _case,
    "without": _without,
    "without_sign": _without_sign,
    "repeats": _repeats,
    "paragraphs": _paragraphs,
    "only": _only,
    "letter": _letter,
    "quoted": _quoted,
    "same": _same,
    "mentions": _mentions,
    "json": lambda text, terms, item: json_meets(text, terms),
    "number": lambda text, terms, item: states_number(text, terms, item.ask),
    "refuses": lambda text, terms, item: refuses(text, item.ask),
    "answers": lambda text, terms, item: answers(text, terms, item.ask),
    "language": lambda text, terms, item: in_language(text, terms),
    "stops": lambda text, terms, item: stops(text, item.ask) and count_words(text) <= terms["most"],
}
