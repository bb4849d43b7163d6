"""Colour on a terminal, for the few words that people look for: verdicts, states, errors and warnings.

None where the stream is no terminal, where NO_COLOR is set (https://no-color.org) or TERM is `dumb`.
"""

from __future__ import annotations

import os
import re
from typing import TextIO

_RED, _GREEN, _YELLOW, _DIM = "31", "32", "33", "2"
# A stage's state stands behind its name, and what became of a sample behind its number.
_BEHIND = r"^(?P<before> *[\w.-]+ {2,})"
_MARKS = (
    (re.compile(r"^(?P<before>)(?P<word>error:)", re.M), _RED),
    (re.compile(r"^(?P<before>)(?P<word>(?:warning|note):)", re.M), _YELLOW),
    (re.compile(r"(?P<before>\b)(?P<word>WARNING:)"), _YELLOW),
    (re.compile(r"(?P<before>\b)(?P<word>(?:DEPLOY|PROCEED)\b)"), _GREEN),
    (re.compile(r"(?P<before>\b)(?P<word>(?:RETUNE|ITERATE|INCONCLUSIVE)\b)"), _YELLOW),
    (re.compile(r"(?P<before>\b)(?P<word>(?:ESCALATE|RETHINK|FORGOT|FELL)\b)"), _RED),
    (re.compile(_BEHIND + r"(?P<word>(?:done|ok)\b)", re.M), _GREEN),
    (re.compile(_BEHIND + r"(?P<word>(?:failed|rejected)\b)", re.M), _RED),
    (re.compile(_BEHIND + r"(?P<word>(?:running|interrupted|stopped|waits|partial)\b)", re.M), _YELLOW),
    (re.compile(r"^(?P<before>)(?P<word>  next: .*)$", re.M), _DIM),
)


def painted(text: str, stream: TextIO) -> str:
    """The text with colour where the stream shows it; what the text holds by itself must be printable."""
    if not coloured(stream):
        return text
    for pattern, colour in _MARKS:
        text = pattern.sub(f"\\g<before>\x1b[{colour}m\\g<word>\x1b[0m", text)
    return text


def coloured(stream: TextIO) -> bool:
    """Whether a stream shows colour, and its reader wants it."""
    return bool(not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty())
