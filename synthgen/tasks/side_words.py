"""Judges who call two answers 1 and 2 or (a) and (b), or give each a score: the same words with A and B."""

from __future__ import annotations

import re

CALLED = (
    r"(?:answer|assistant|response|option|model|choice|output|candidate|summary|feedback|reply|completion|system"
    r"|chatbot|translation|text|essay|story)"
)
"""What a judge calls an answer."""
_NUMBERED = re.compile(
    rf"\b(?P<called>{CALLED})(?P<space>[ \t]{{1,2}})"
    r"(?:[(\[](?P<inside>[abAB12])[)\]]|#?(?P<bare>[12])\b(?![.:/,]\d))",
    re.IGNORECASE,
)
_LETTERED = re.compile(
    rf"\b(?i:{CALLED})[ \t]{{1,2}}[\"'*_]{{0,3}}[AB]\b|\[\[[ABC]\b|^\W{{0,8}}[AB]\W{{0,3}}$"
    r"|\b(?i:verdict|winner|better|choice|prefer(?:red)?)\W{1,4}(?:(?i:is)\W{1,3})?[AB]\b",
    re.MULTILINE,
)
_LAST_NUMBER = re.compile(r"(?P<start>\n\W{0,8})(?P<number>[12])(?P<end>\W{0,8})\Z")
_FIRST_NUMBER = re.compile(
    r"\A(?P<start>\W{0,8})(?P<number>[12])"
    r"(?P<end>\W{0,6}\n\s{0,4}[#*_]{0,4}[ ]?(?:reason|explanation|rationale)\b)",
    re.IGNORECASE,
)
_SCORE = (
    r"(?P<score>\d{1,3}(?:\.\d{1,2})?)(?![\d%])(?:\s?/\s?\d{1,3}|\sout\sof\s\d{1,3})?(?:\s?(?i:points?))?[*_\])]{0,4}"
    rf"(?=\s*(?:\Z|\n|[,;|(]|\.(?!\d)|[-–—]\s|(?i:{CALLED})[ \t]+[AB]\b|[AB]\b|(?:and|but|while|because|since|vs)\b))"  # noqa: RUF001, E501
)
_SCORED = re.compile(
    rf"(?:^|[\s,;(|])[*_\"'(\[]{{0,3}}(?:(?i:{CALLED})[ \t]{{1,2}})?(?P<side>[AB])\b(?:['’]s)?"
    rf"(?:[ \t](?i:score|rating|grade))?[*_\"')\]]{{0,3}}[ \t]?"
    r"(?:[:=]|->|(?i:gets|scores|receives|earns))[*_]{0,2}[ \t]{0,2}"
    rf"(?:(?i:score|rating|grade)[ \t]?[:=]?[ \t]{{0,2}})?[*_\[(\"]{{0,4}}{_SCORE}",
    re.MULTILINE,
)  # noqa: RUF001
_TWO_NUMBERS = re.compile(r"\A\s*(\d{1,3}(?:\.\d{1,2})?)[ \t,]{1,3}(\d{1,3}(?:\.\d{1,2})?)[ \t.]*(?:\n|\Z)")


_NAMED = re.compile(
    r"\W{0,4}(?:(?i:model|output|response|answer|assistant|option)[_ -]?"
    r"(?:(?P<first>[aA1])|(?P<second>[bB2]))|(?P<letter>[AB])\+{1,2})\W{0,4}"
)
_TAGS = re.compile(
    r"<(?P<tag>verdict|final_verdict|winner|better|choice|preference|preferred|judge?ment|answer)>\s{0,4}"
    r"(?P<value>[^<>\n]{1,40}?)\s{0,4}</(?P=tag)>",
    re.IGNORECASE,
)


def as_letter(value: str) -> str:
    """A or B for a value that only names one: `model_a`, `output_2`, `B++`; any other value as it is."""
    named = _NAMED.fullmatch(value)
    if named is None:
        return value
    return named["letter"] or ("A" if named["first"] else "B")


def tagged(text: str) -> list[str]:
    """What stands in the tags of a verdict: <verdict>B</verdict>; in <answer> only where it names a side."""
    return [
        match["value"]
        for match in _TAGS.finditer(text)
        if match["tag"].lower() != "answer" or re.fullmatch(r"[AB]|tie", as_letter(match["value"]), re.I)
    ]


def in_letters(text: str) -> str:
    """The text with the answers called A and B, where it calls them 1 and 2 or (a) and (b)."""
    found = {match["inside"] or match["bare"] for match in _NUMBERED.finditer(text)}
    if not found:
        return text
    lettered = _LETTERED.search(text) is not None
    if lettered and not found & set("abAB"):
        return text

    def letter(match: re.Match[str]) -> str:
        name = match["inside"] or match["bare"]
        if lettered and name in "12":
            return match[0]
        return f"{match['called']}{match['space']}{'A' if name in '1aA' else 'B'}"

    text = _NUMBERED.sub(letter, text)
    if not lettered:  # a verdict in a first line of its own
        text = _FIRST_NUMBER.sub(_lettered_number, text)
    if {"1", "2"} <= found and not lettered:  # a verdict in a last line of its own
        text = _LAST_NUMBER.sub(_lettered_number, text)
    return text


def _lettered_number(match: re.Match[str]) -> str:
    return match["start"] + "AB"[int(match["number"]) - 1] + match["end"]


def scores_of(text: str) -> tuple[float, float] | None:
    """The scores of A and B; None where a judge gives none, or one answer several."""
    two = _TWO_NUMBERS.match(text)
    if two is not None and max(float(two[1]), float(two[2])) > 2:  # "1 2" may be an order
        return float(two[1]), float(two[2])
    given: dict[str, set[float]] = {"A": set(), "B": set()}
    for match in _SCORED.finditer(text):
        given[match["side"]].add(float(match["score"]))
    if len(given["A"]) != 1 or len(given["B"]) != 1:
        return None
    return given["A"].pop(), given["B"].pop()
