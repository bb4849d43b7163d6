"""What a field must hold for its row to be listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from synthgen.core.errors import InputError
from synthgen.core.rows import Row, value_at

OPERATORS = {
    "has": "contains",
    "is": "is",
    "not": "is not",
    "min": "at least",
    "max": "at most",
    "longer": "words, at least",
    "shorter": "words, at most",
    "there": "is there",
    "absent": "is absent",
}
"""Each operator, and what it is called on the page."""
_NUMERIC = ("min", "max", "longer", "shorter")


@dataclass(frozen=True)
class Condition:
    """A field or dotted path, an operator of `OPERATORS`, and a value.

    Raises:
        InputError: there is no such operator, or it wants a number and got none.
    """

    field: str
    operator: str
    value: str = ""

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise InputError(f"no operator {self.operator!r}", next=f"known: {', '.join(OPERATORS)}")
        if self.operator in _NUMERIC and _number(self.value) is None:
            raise InputError(
                f"{self.field} {OPERATORS[self.operator]} {self.value!r}: not a number",
                next="write a number, such as 200 or 0.5",
            )

    def fits(self, row: Row) -> bool:
        """Whether a row fits."""
        value = value_at(row, self.field)
        if self.operator in ("there", "absent"):
            return (value not in (None, "", [], {})) == (self.operator == "there")
        if self.operator == "has":
            return value is not None and self.value.casefold() in plain(value).casefold()
        if self.operator in ("is", "not"):
            return (plain(value) == self.value) == (self.operator == "is")
        limit = float(self.value)
        if self.operator in ("longer", "shorter"):
            words = len(plain(value).split())
            return words >= limit if self.operator == "longer" else words <= limit
        number = _number(value)
        return number is not None and (number >= limit if self.operator == "min" else number <= limit)


def plain(value: Any) -> str:
    """A field's value as text: a conversation as its turns, anything else as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if (
        isinstance(value, list)
        and value
        and all(isinstance(turn, dict) and "content" in turn for turn in value)
    ):
        return "\n\n".join(f"{turn.get('role', '')}: {turn['content'] or ''}" for turn in value)
    import orjson

    return orjson.dumps(value, default=str).decode()


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if number == number else None
