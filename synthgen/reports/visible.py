"""Texts of models as a page may hold them: what cannot be seen, or turns a line around, is named."""

from __future__ import annotations

import itertools
import unicodedata

_NAMED = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
_KEPT = frozenset("\n\t\u200c\u200d")
"""Lines and tabs, and the two joiners that scripts and emoji are written with."""


def visible(text: str) -> str:
    """The text with `[U+202E]` in place of a control character, a mark of direction or half of a pair.

    A run of one is named once: `[U+0008 ×40]`.
    """
    if text.isprintable() or text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(
        _name(sign, len(list(run)))
        if sign not in _KEPT and unicodedata.category(sign) in _NAMED
        else "".join(run)
        for sign, run in itertools.groupby(text)
    )


def _name(sign: str, times: int) -> str:
    return f"[U+{ord(sign):04X}{f' ×{times}' if times > 1 else ''}]"


def clipped(text: str, limit: int) -> str:
    """A text of at most `limit` characters; how many more there were is said."""
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text) - limit:,} more characters)"


def named(text: str, limit: int = 24) -> str:
    """A short name for a label: on one line, visible, and cut at `limit` characters."""
    line = visible(" ".join(text[: 4 * limit].split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"
