"""Rows whose field has one of some values: one topic, one source, one attribute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from synthgen.core.config import Component
from synthgen.core.rows import Row, value_at
from synthgen.filters.contract import KEEP, Decision


class OneOfConfig(Component):
    """Which field, and which values."""

    field: str = Field(description="a field or a path, such as meta.topic; of a list the first entry counts")
    values: tuple[str | int | float | bool, ...] = Field(min_length=1, description="values that are kept")


class OneOf:
    """Drops rows whose field has none of the values; the value is what it has, as text."""

    VERSION: ClassVar[int] = 1
    Config: ClassVar[type[Component]] = OneOfConfig

    def __init__(self, config: OneOfConfig) -> None:
        self.config = config
        self._kept = frozenset(map(str, config.values))

    def check(self, rows: Sequence[Row]) -> list[Decision]:
        """A decision for each row."""
        return [self._decide(row) for row in rows]

    def _decide(self, row: Row) -> Decision:
        value = value_at(row, self.config.field)
        if isinstance(value, list | tuple):
            value = value[0] if value else None
        if value is not None and str(value) in self._kept:
            return KEEP
        return Decision(
            True, None if value is None else str(value)[:80], {"values": list(self.config.values)}
        )
