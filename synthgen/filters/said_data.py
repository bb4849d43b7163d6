"""Personal data by what is said of it, and addresses of any kind, whether they may be real or not.

The rule `pii` looks for data that may belong to somebody, and leaves made-up numbers and addresses alone, as
training texts hold many. In a log of users a number that is called a card's is somebody's, also with a typing
error in it. So here the words decide, and a mark too many does no harm.
"""

from __future__ import annotations

import re

from synthgen.filters.account_numbers import is_iban

_SAYING = r"(?:\s+(?:is|was|are|number|no|num|ending|of|for|my|the|code)\b|[\s:=#.'\"(-]){0,6}"
_FORMS = (
    ("email", r"(?<![\w.+-])\w[\w.+-]{0,63}@\w[\w-]{0,62}(?:\.[\w-]{1,62}){0,4}\.[a-z]{2,24}\b"),
    ("iban", r"(?<![\w-])[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,3})?(?![\w-])"),
    ("iban", rf"\biban{_SAYING}([a-z]{{2}}\d{{2}}(?: ?(?=[a-z]{{0,30}}\d)[a-z0-9]{{2,30}}){{1,8}})\b"),
    ("ssn", rf"(?:\bssn|\bsocial security){_SAYING}(\d{{3}}[- ]?\d\d[- ]?\d{{4}})\b"),
    ("card", rf"\b(?:card|visa|mastercard|maestro|amex|cc){_SAYING}(\d(?:[ -]?\d){{11,18}})(?!\d)"),
    (
        "account",
        rf"\b(?:account|routing|passport|licen[cs]e|policy|aadhaa?r|tax id|pan){_SAYING}"
        r"((?=[a-z0-9 -]{0,20}\d{4})[a-z]{0,5}\d[a-z0-9]{0,30}(?:[ -]\d{2,12}){0,4})\b",
    ),
    ("phone", r"(?<![\w.+-])\+\d{1,3}(?:[ .()-]{0,2}\d){7,12}(?![\w-])"),
    ("phone", r"(?<![\w.+-])(?:1[-. ])?(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-. ]\d{4}(?![\w-])"),
    (
        "password",
        rf"\b(?:password|passwd|passcode|pwd)\b{_SAYING}"
        r"((?=\S{0,64}[\d!@#$%^&*])[^\s'\",;]{5,63}[^\s'\",;.)])",
    ),
)
_KINDS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _FORMS)


def mask_said(text: str) -> tuple[str, dict[str, int]]:
    """A text with marks such as `[CARD]` in place of data that words make personal, and how many of each.

    What the rule `pii` has masked before is left as it is.
    """
    counts: dict[str, int] = {}
    for kind, pattern in _KINDS:

        def replace(match: re.Match[str], kind: str = kind) -> str:
            data = match.group(match.lastindex or 0)
            if kind == "iban" and not match.lastindex and not is_iban(data.upper()):
                return match.group()
            counts[kind] = counts.get(kind, 0) + 1
            return f"{match.group()[: -len(data)]}[{kind.upper()}]"

        text = pattern.sub(replace, text)
    return text, counts
