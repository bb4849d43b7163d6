"""Two texts beside each other, with the words that differ marked."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from markupsafe import Markup

LONGEST = 4000
"""Words of both; longer texts are shown without marks, since a comparison takes time by the square."""
_PARTS = re.compile(r"\s+|\w+|[^\w\s]")


def marked(text: str, other: str) -> tuple[Markup, Markup]:
    """Both texts as HTML, `<mark>` around the words that the other one does not have in this place.

    Characters that cannot be seen are the caller's: `visible` or `printable` comes before.
    """
    left, right = _PARTS.findall(text), _PARTS.findall(other)
    if text == other or len(left) + len(right) > LONGEST:
        return Markup("{}").format(text), Markup("{}").format(other)
    first, second = Markup(), Markup()
    for kind, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        first += _part("".join(left[a:b]), kind != "equal")
        second += _part("".join(right[c:d]), kind != "equal")
    return first, second


def _part(text: str, differs: bool) -> Markup:
    return Markup("<mark>{}</mark>" if differs and text.strip() else "{}").format(text)
