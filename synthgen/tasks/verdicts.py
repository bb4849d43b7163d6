"""Which of two answers a judge called better.

A verdict that contradicts itself, asks, or depends on a condition is None: a wrong one is worse than none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Literal

from synthgen.tasks.rankings import ranked
from synthgen.tasks.side_words import CALLED, as_letter, in_letters, scores_of, tagged

Side = Literal["A", "B", "tie"]

_SIDE_FIELDS = (
    *(
        "verdict",
        "winner",
        "better",
        "choice",
        "preferred",
        "preference",
        "answer",
        "judgement",
        "judgment",
        "decision",
    ),
)
_KIND = rf"(?:(?:the\s+)?(?i:{CALLED})\s+)?"
_LETTER = rf"{_KIND}[\"'*_\[(]{{0,4}}(?P<%s>[ABab])\b(?!['’]\w)[\"'*_\])]{{0,4}}"
_HEAD = re.compile(rf"\A{_LETTER % 'side'}(?P<rest>[\s\S]*)\Z")
_PAIR = re.compile(
    rf"\A{_LETTER % 'one'}\s?(?P<sign>==?|≈|~|/|&|,|and\b|>{{1,3}}|<{{1,3}}|≻|≺)\s?"
    rf"{_LETTER % 'two'}(?P<rest>[\s\S]*)\Z"
)
_LEAD = re.compile(
    r"\A(?:(?:the\s+)?(?:better|preferred|winning)\s+(?:answer|response|one|option)\s+is\s+|i\s+prefer\s+"
    r"|they\s+are\s+(?=equal|tied|both\s+equal))",
    re.IGNORECASE,
)
_EQUAL = re.compile(
    r"\b(?:equal|equally|equals?|tie|ties|tied|same|alike|comparable|even|draw)\b", re.IGNORECASE
)
_TIE = re.compile(
    r"\A(?:(?:it\s+is\s+|it's\s+)?(?:an?\s+)?(?:(?:tie|tied|draw)\b|(?:equal|equally|even)\b(?!\s+(?:though|if))"
    r"|(?:neither|both)\b|C\b(?=\W*(?:\Z|[\n.,;:(])))|A\s+(?:tie|draw)\b)",
    re.IGNORECASE,
)
_ADVERBS = (
    r"(?:(?:clearly|slightly|much|far|the|overall|also|simply|still|by\s+far|a\s+bit|my|significantly|marginally"
    r"|considerably|substantially|noticeably|definitely|generally|therefore|thus)\s+){0,3}"
)
_FLAW = (
    r"(?:general|generic|repetitive|verbose|wordy|vague|ambiguous|complex|complicated|confusing|limited|basic|redundant"
    r"|convoluted|subjective|superficial|simplistic|abstract|broad|negative|difficult|lengthy)\b"
)
"""What an answer can be more of without being better."""
_GOOD = (
    rf"(?:(?:is|was)\s+{_ADVERBS}(?:better|best|stronger|superior|preferred|preferable|winner|correct|right"
    rf"|clearer|more\s+(?!{_FLAW})\w+|less\s+{_FLAW})"
    r"|wins|won|has\s+the\s+edge|is\s+it|answers\b[^.,\n]{0,30}\bbetter)\b"
)
_BAD = (
    rf"(?:(?:is|was)\s+{_ADVERBS}(?:worse|worst|weaker|inferior|incorrect|wrong|beaten|poorer|false|defeated"
    rf"|less\s+(?!{_FLAW})\w+|more\s+{_FLAW})|loses|lost|fails)\b"
)
_CLAIM = re.compile(
    rf"(?P<before>[^.;\n]{{0,80}}?)(?<!\w){_KIND}[\"'*_\[(]{{0,4}}(?P<side>[AB])[\"'*_\])]{{0,4}}\s+"
    rf"(?:(?P<good>{_GOOD})|(?P<bad>{_BAD}))"
)
_DOUBT = re.compile(
    r"\b(?:if|would|could|might|should|unless|whether|when|where|not|false|wrong|doubt|thought|first|neither|nor|never"
    r"|only|claims?|says?|said|hardly)\b|n['’]t\b|\?",
    re.IGNORECASE,
)
_REASON_AFTER = re.compile(
    r"\s*(?:\Z|[.;:!|)\]}\"'`*_]|[,(–—-]|(?:because|since|as|due|for|over|by|with|but)\b)", re.IGNORECASE
)
_BLAMED = re.compile(
    r"\W{0,6}(?:(?:is|the|clearly|slightly|much)\s+){0,2}(?:worse|worst|wrong|incorrect|weaker|inferior|loses|lost|fails|not|false|no"
    r"|bad|C|tie)\b(?!\s+[AB]\b)|\W{0,3}!=",
    re.IGNORECASE,
)
"""A letter that is blamed, instead of followed by a reason."""
_TIE_ENDED = re.compile(r"\W+(?:broken|breaker|went|goes|to|if|unless)\b|-break", re.IGNORECASE)
_ONE_OF_BOTH = re.compile(r"(?<!\band )(?<!\bnor )(?<!\bor )(?<!& )\b[AB]\s+(?:is|was|wins|won|has)\b")
_BUT = re.compile(r"\b(?:but|only)\b", re.IGNORECASE)
_ON_A_CONDITION = re.compile(r"\b(?:otherwise|unless|only\s+if|if|whether)\b|\?", re.IGNORECASE)
_TURN = re.compile(
    rf"(?:\b(?i:so|but|otherwise|no|rather|instead|actually|then|or)\b|->|→|/|,)[\s:,*_]{{1,4}}"
    rf"{_LETTER % 'side'}"
    r"(?=\W*(?:\Z|[\n.,;]))"
)
_VERDICT_LINE = re.compile(
    r"^[ \t>*_#`\"'\-]{0,8}(?:(?:my|the|final|overall|revised)\s+){0,3}(?:verdict|winner"
    r"|better(?:\s+(?:answer|response|one))?|choice|preference|decision|judge?ment|preferred(?:\s+answer)?)[*_`\"']{0,4}\s{0,3}"
    r"(?:(?:is|[:=：]|[–—]|->|-(?=\s))[ \t]{0,3}){1,2}(?:\n[ \t]{0,4})?"  # noqa: RUF001
    r"[*_`\"'\[( \t]{0,8}(?P<value>[^\n]{1,300})",
    re.IGNORECASE | re.MULTILINE,
)
_OPENING = re.compile(
    r"\A\W{0,8}(?P<value>A|B|Tie|Equal)\b\W{0,6}\n\s{0,4}[#*_]{0,4}[ ]?(?:reason|explanation|rationale)\b",
    re.IGNORECASE,
)
"""A verdict alone in the first line, before its reason."""
_VERDICT_SAID = re.compile(
    r"(?P<before>[^.;\n]{0,80}?)\b(?:(?:verdict|winner|better\s+(?:answer|response|one)|preferred\s+answer)\s+is"
    r"|(?<![\w'’] )I\s+prefer)\s+[*_\"'\[]{0,4}(?P<value>[^\n]{1,200})",
    re.IGNORECASE,
)
_BRACKETS = re.compile(
    r"(?P<before>[^.;,\n]{0,80}?)\[\[\s?(?:(?P<side>A|B|C|tie)"
    r"|(?P<one>[AB])\s?(?P<sign>>{1,3}|<{1,3}|={1,2}|≈|~|≻|≺)\s?(?P<two>[AB]))\s?\]\]",  # noqa: RUF001
    re.IGNORECASE,
)
_CONCLUSION = re.compile(
    r"(?:\A|[.!?:)]\s|\n)[\s*_#>]{0,4}(?:therefore|thus|hence|overall|so|consequently|ultimately|as\s+a\s+result"
    r"|in\s+(?:conclusion|summary|the\s+end)|to\s+(?:conclude|sum\s+up)"
    r"|(?:based\s+on|considering|given|taking)\s[^.,\n]{1,100},)(?P<said>[,:\s][^.\n]{1,200})",
    re.IGNORECASE,
)
_CALLED_BETTER = re.compile(
    rf"(?P<before>[^.;,\n]{{0,100}}?)(?<!\w){_KIND}[\"'*_\[(]{{0,4}}(?P<side>[AB])[\"'*_\])]{{0,4}}\s+(?:is|was)\s+{_ADVERBS}"
    r"(?:better|best|preferred|preferable|superior|winner)\b(?P<rest>[^.\n]{0,200})"
)
"""A sentence that calls an answer better as a whole."""
_IN_ONE_RESPECT = re.compile(
    r"\s*(?:in\s+(?:terms|the)\b|at\b|for\b|when\b|on\b|in\b|here\b|organi[sz]ed|structured|written|\w+ed\b)",
    re.I,
)
_SUPPOSED = re.compile(r"\b(?:would|could|if|not|e\.g|example|format|either|or)\b", re.IGNORECASE)
_FIELD = re.compile(r"\"(?:verdict|winner|choice|better)\"\s{0,3}:\s{0,3}\"(?P<value>[^\"\n]{1,80})\"", re.I)
_OTHER_WORD = re.compile(
    r"(?!(?:the|answer|assistant|response|option|output|model|choice|an?|b|c|tie|tied|equal|equally|neither|both|draw|even|are|and)\b)"
    r"\b\w+",
    re.IGNORECASE,
)
CUE = re.compile(
    r"\b(?:reflection|second\s+thoughts?|wait|actually|but|however|correction|corrected|revis\w+|reconsider\w*"
    r"|chang\w+\s+my\s+mind|scratch\s+that|saw|noticed|instead)\b",
    re.IGNORECASE,
)
"""Words by which a judge takes back what it said before."""
_TAKEN_BACK = re.compile(
    r"(?:\A|[.!?:\n]\s{0,3})(?:wait|actually|no|hmm|on\s+reflection|on\s+second\s+thoughts?|correction)\b"
    r"(?P<then>[\s\S]{0,200})",
    re.IGNORECASE,
)


def json_objects(text: str) -> list[tuple[dict[str, Any], int, int]]:
    """The objects of JSON in a reply that are not empty, each with where it begins and ends; 20 at most."""
    found, at = [], 0
    for _ in range(20):
        at = text.find("{", at)
        if at < 0:
            break
        try:
            value, end = json.JSONDecoder(strict=False).raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if value:
            found.append(({str(name).strip().lower(): entry for name, entry in value.items()}, at, end))
        at = end
    return found


def read_side(text: str) -> Side | None:
    """Which answer a judge called better: in its JSON field, in brackets, in its own line, or in a sentence.

    None where it says two things, asks, or makes it depend on a condition.
    """
    if (ranking := ranked(text)) is not None:
        return None if ranking == "unclear" else ranking
    text = in_letters(text)
    objects = json_objects(text)
    values = [
        next(fields[name] for name in _SIDE_FIELDS if name in fields)
        for fields, _, _ in objects
        if any(name in fields for name in _SIDE_FIELDS)
    ]
    if objects and objects[0][1] <= 200 and not values:
        return None
    values = values or [match["value"] for match in _FIELD.finditer(text)] or tagged(text)
    if values:
        return _agreed([_judged(value) if isinstance(value, str) else None for value in values])
    brackets = [match for match in _BRACKETS.finditer(text) if not _SUPPOSED.search(match["before"])]
    if brackets:
        said = _agreed([_letter(m["side"]) if m["side"] else _signed(m) for m in brackets])
        return said if not _contradicted(said, text[brackets[-1].end() :]) else None
    return _line_or_sentence(text)


def _line_or_sentence(text: str) -> Side | None:
    opening = _OPENING.match(text)
    if opening is not None and not _VERDICT_LINE.search(text):
        side = _judged(opening["value"])
        return None if _contradicted(side, text[opening.end() :]) else side
    lines = list(_VERDICT_LINE.finditer(text))
    if lines:
        said = [_judged(match["value"]) for match in lines]
        between = text[lines[-2].end("value") if len(lines) > 1 else 0 : lines[-1].start()]
        side = said[-1] if CUE.search(between) else _agreed(said)
        return None if _contradicted(side, text[lines[-1].end() :]) else side
    sentences = list(_VERDICT_SAID.finditer(text))
    if sentences:
        if any(_DOUBT.search(match["before"]) for match in sentences):
            return None
        return _agreed([_judged(match["value"]) for match in sentences])
    last = text.strip().splitlines()[-1] if text.strip() else ""
    if not _OTHER_WORD.search(last):
        return _judged(last)
    if re.fullmatch(r"\W*\d\W*", last) and "\n" in text.strip():
        return None  # a verdict by a number that only the prompt explains
    scores = scores_of(text)
    if scores is not None:
        return "tie" if scores[0] == scores[1] else "A" if scores[0] > scores[1] else "B"
    concluded = _concluded(text)
    return concluded if concluded is not None else _agreed(list(_claims(text)))


def _concluded(text: str) -> Side | None:
    """The side that the judge's first sentence or its last conclusion calls better as a whole."""
    first, said = _CALLED_BETTER.match(text.lstrip("*_# \n")), list[re.Match[str]]()
    if first is not None and not first["before"].strip("*_\"'# "):
        said.append(first)
    conclusion = next(reversed(list(_CONCLUSION.finditer(text))), None)
    if conclusion is not None and (better := _CALLED_BETTER.search(conclusion["said"])) is not None:
        if _contradicted(_letter(better["side"]), text[conclusion.end() :]):
            return None
        said.append(better)
    doubtful = (
        _DOUBT.search(one["before"])
        or _BUT.search(one["rest"])
        or _ON_A_CONDITION.search(one["rest"][:60])
        or _IN_ONE_RESPECT.match(one["rest"])
        for one in said
    )
    return None if any(doubtful) else _agreed([_letter(one["side"]) for one in said])


def _agreed(said: list[Side | None]) -> Side | None:
    return said[0] if said and all(side == said[0] for side in said) else None


def _contradicted(side: Side | None, following: str) -> bool:
    """Whether what follows a verdict takes it back or says another."""
    claims = [claim for claim in _claims(following) if claim is not None]
    if any(claim != side for claim in claims):
        return True
    back = _TAKEN_BACK.search(following)
    return back is not None and re.search(r"\b(?:A|B|[Tt]ie)\b", back["then"]) is not None


def _claims(text: str) -> Iterator[Side | None]:
    """The sides that sentences call better ("A is better", "B is wrong"); None for one in doubt."""
    for match in _CLAIM.finditer(text):
        if re.search(r"\bthan\s*\Z", match["before"]):
            continue
        clause = re.split(r"[,:]\s", match["before"])[-1]
        following = re.split(r"[.;\n]", text[match.end() : match.end() + 200])[0]
        doubted = _DOUBT.search(match["before"]) or "?" in clause
        if doubted or _BUT.search(following) or _ON_A_CONDITION.search(following[:60]):
            yield None
        elif match["good"]:
            yield _letter(match["side"])
        else:
            yield _other(_letter(match["side"]))


def _judged(value: str) -> Side | None:
    """The side that the words after "Verdict:" name; None where they do not say one clearly."""
    value = re.sub(r"\A<([^<>\n]{1,20})>", r"\1", as_letter(value).strip().lstrip("*_\"'`[( "))
    value = _LEAD.sub("", value)
    tie = _TIE.match(value)
    if tie is not None:
        if _TIE_ENDED.match(value[tie.end() :]) or _ONE_OF_BOTH.search(value):
            return None
        claims = [] if re.match(r"neither\b", value, re.IGNORECASE) else list(_claims(value))
        return "tie" if not claims and not _TURN.search(value) and "?" not in value else None
    pair = _PAIR.match(value)
    if pair is not None and pair["one"].upper() != pair["two"].upper():
        return _compared(pair)
    head = _HEAD.match(value)
    if head is None or (head["side"] == "a" and re.match(r"\s+[a-z]", head["rest"])):
        return None
    return _lettered(_letter(head["side"]), head["rest"], value)


def _lettered(side: Side, rest: str, value: str) -> Side | None:
    """The side of a verdict that begins with a letter, by what follows it."""
    claimed = _CLAIM.match(value) if not re.match(r"\W*\Z", rest) else None
    if claimed is not None and not claimed["before"].strip("*_\"' "):
        side = side if claimed["good"] else _other(side)
        rest = value[claimed.end() :]
    elif not _REASON_AFTER.match(rest) or _BLAMED.match(rest):
        return None
    first = re.split(r"[.;\n]", rest, maxsplit=1)[0]
    if _ON_A_CONDITION.search(first):
        return None
    turned = {_letter(match["side"]) for match in _TURN.finditer(rest)}
    said = {claim for claim in _claims(rest) if claim is not None}
    return side if not (turned | said) - {side} else None


def _signed(pair: re.Match[str]) -> Side | None:
    """The side that a comparison in brackets calls better ([[A>>B]], [[B<A]], [[A=B]])."""
    sign = pair["sign"][0]
    if pair["one"].upper() == pair["two"].upper():
        return None
    if sign in ">≻<≺":
        return _letter(pair["one"] if sign in ">≻" else pair["two"])
    return "tie"


def _compared(pair: re.Match[str]) -> Side | None:
    sign, rest = pair["sign"], pair["rest"]
    plain = re.match(r"\W*(?:\Z|[.;,(]|because\b|since\b|as\b)", rest) is not None and "?" not in rest
    if sign[0] in ">≻" or sign[0] in "<≺":
        better = _letter(pair["one"] if sign[0] in ">≻" else pair["two"])
        return better if plain else None
    if _EQUAL.search(rest) and not re.search(r"\bnot\b|n['’]t\b|\bif\b|\?", rest):
        return "tie"
    return "tie" if sign not in (",", "and", "&") and plain else None


def _letter(word: str) -> Side:
    return "A" if word.upper() == "A" else "B" if word.upper() == "B" else "tie"


def _other(side: Side) -> Side:
    return "B" if side == "A" else "A" if side == "B" else "tie"


def both_orders(straight: Side | None, swapped: Side | None) -> Side | None:
    """The verdict of two comparisons, the second with the answers swapped: who won both times, else a tie."""
    if straight is None or swapped is None:
        return None
    return straight if straight == _other(swapped) else "tie"
