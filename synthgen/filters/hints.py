"""Finding, in a batch of texts, the few that hold one of many phrases: one pass of an Aho-Corasick automaton.

A rule's patterns in `re` cost microseconds a row, and hardly any row matches. So a rule names the phrases without which
none of its patterns can match, and only looks at the texts that hold one. Measured on replies of 270 characters: thirty
phrases in 0.4 µs a text, where thirty times `phrase in text` take 6 µs and a pattern of alternatives 10 µs and more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ahocorasick_rs import AhoCorasick, BytesAhoCorasick, Implementation

from synthgen.filters.fields import Batch, column
from synthgen.records import Row

_BETWEEN = b"\xff"  # never a byte of UTF-8


class Hints:
    """Phrases to look for, in any case; of letters beyond ASCII as given, capitalised and in capitals only."""

    def __init__(self, phrases: Iterable[str], starts: bool = False) -> None:
        """`starts`: only texts that begin with a phrase are wanted."""
        before = _BETWEEN if starts else b""
        self._phrases = list(dict.fromkeys(phrases))
        self._in_text: AhoCorasick | None = None
        self._automaton = BytesAhoCorasick(list(dict.fromkeys(before + written.encode().lower() for phrase in self._phrases for written in (phrase, phrase.capitalize(), phrase.upper()))), implementation=Implementation.DFA)

    def holding(self, texts: Sequence[str]) -> list[int]:
        """The places, in order, of the texts that hold a phrase."""
        return self._places(_encoded(texts))

    def in_field(self, rows: Sequence[Row], field: str) -> list[int]:
        """The places, in order, of the rows whose field holds a phrase."""
        if not isinstance(rows, Batch):
            return self.holding(column(rows, field))
        if field not in rows.encoded:
            rows.encoded[field] = _encoded(column(rows, field))
        return self._places(rows.encoded[field])

    def _places(self, data: bytes) -> list[int]:
        places: list[int] = []
        place, at, last = -1, 0, -1
        for _, start, _ in self._automaton.find_matches_as_indexes(data):
            place += data.count(_BETWEEN, at, start + 1)
            at = start + 1
            if place != last:
                places.append(place)
                last = place
        return places

    def hits(self, text: str) -> list[tuple[str, int]]:
        """Which phrases a text in lower case holds, and where each begins; overlaps included."""
        if self._in_text is None:
            self._in_text = AhoCorasick(self._phrases, implementation=Implementation.DFA)
        return [(self._phrases[number], start) for number, start, _ in self._in_text.find_matches_as_indexes(text, overlapping=True)]


def _encoded(texts: Sequence[str]) -> bytes:
    """The texts one after another, each after a byte that no text holds, ASCII letters in lower case."""
    try:
        return _BETWEEN + _BETWEEN.join(list(map(str.encode, texts))).lower()
    except UnicodeEncodeError:  # a lone surrogate, which no file that parses can hold
        return _BETWEEN + _BETWEEN.join([text.encode("utf-8", "surrogatepass") for text in texts]).lower()
