"""What a filter is: a pure rule over a batch of rows, that gives each row a value and says whether it must go.

A rule is built once a stage, `Rule(config)`, and judges batches; it sees each row alone, so that the size of a batch
never changes a decision. Nothing here calls a network or a model: such values are made by the `score` stage and read from
`meta.scores`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from synthgen.config import Component
from synthgen.records import Row


@dataclass(frozen=True)
class Verdict:
    """One rule's word on one row: the value it measured, whether the row must go, and the threshold it was held to."""

    reject: bool
    value: Any = None
    threshold: Any = None


class Rule(Protocol):
    """One filter rule."""

    VERSION: ClassVar[int]
    Config: ClassVar[type[Component]]

    def __init__(self, config: Any) -> None: ...

    def judge(self, rows: Sequence[Row]) -> list[Verdict]:
        """A verdict for each row, in order."""
        ...
