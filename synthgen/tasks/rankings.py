"""Judges who rank two answers in JSON, as AlpacaEval's do: [{"model": "model_1", "rank": 1}, …]."""

from __future__ import annotations

import re
from typing import Literal

Ranked = Literal["A", "B", "tie", "unclear"]

_ENTRY = re.compile(
    r"\{[^{}]{0,200}?[\"'](?:model|name|answer|response|output|assistant|id)[\"']\s{0,3}:\s{0,3}[\"']?"
    r"(?P<name>[\w ()]{1,30}?)[\"']?\s{0,3},[^{}]{0,200}?[\"']rank[\"']\s{0,3}:\s{0,3}[\"']?(?P<rank>\d)\b"
    r"[^{}]{0,200}\}"
)
_FIRST_OR_SECOND = re.compile(
    r"(?:(?i:model|output|response|answer|assistant|option|system)[_ ]?)?"
    r"\(?(?:(?P<first>1|[aA]|m)|(?P<second>2|[bB]|M))\)?"
)
"""AlpacaEval's prompt calls the first answer m and the second M."""


def ranked(text: str) -> Ranked | None:
    """The answer of the lower rank; None where a reply holds no ranking, "unclear" where it is not of two."""
    entries = list(_ENTRY.finditer(text))
    if not entries:
        return None
    ranks: dict[str, set[int]] = {"A": set(), "B": set()}
    for entry in entries:
        named = _FIRST_OR_SECOND.fullmatch(entry["name"].strip())
        if named is None:
            return "unclear"
        ranks["A" if named["first"] else "B"].add(int(entry["rank"]))
    if any(len(found) != 1 for found in ranks.values()):
        return "unclear"
    first, second = ranks["A"].pop(), ranks["B"].pop()
    return "tie" if first == second else "A" if first < second else "B"
