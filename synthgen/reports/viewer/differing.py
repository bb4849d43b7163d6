"""Two texts beside each other, with the words that differ marked."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from markupsafe import Markup

from synthgen.core.text import printable

LONGEST = 4000
"""Words; longer texts are shown without marks, since a comparison takes time by the square."""
_PARTS = re.compile(r"\s+|\w+|[^\w\s]")


def marked(text: str, other: str) -> tuple[Markup, Markup]:
    """Both texts as HTML, `<mark>` around what the other one does not have."""
    left, right = _PARTS.findall(printable(text)), _PARTS.findall(printable(other))
    if len(left) + len(right) > LONGEST:
        return Markup("{}").format("".join(left)), Markup("{}").format("".join(right))
    first, second = Markup(), Markup()
    for kind, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        here, there = "".join(left[a:b]), "".join(right[c:d])
        if kind == "equal":
            first, second = first + here, second + there
        else:
            first += Markup("<mark>{}</mark>").format(here) if here else ""
            second += Markup("<mark>{}</mark>").format(there) if there else ""
    return first, second
