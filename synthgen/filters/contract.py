"""What a filter rule is: a pure function over a batch of rows that decides for each whether it is kept.

A rule is built once a stage, `Rule(config)`, and then checks batches. It looks at each row alone, so the
size of a batch never changes a decision. No rule calls a network or a model: the `score` stage makes such
values, and rules read them from `meta.scores`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn, Protocol, TypeGuard, runtime_checkable

from synthgen.core.config import Component
from synthgen.core.errors import ConfigError, Fault
from synthgen.core.rows import Row


class Decision(NamedTuple):
    """What a rule decides for one row: keep or reject, the value that it measured, and the threshold.

    `edits` are fields to replace in a row that is kept (masked addresses, say). `note` is a short remark
    that the stage counts: on a row that is kept ("no reference"), or why one is rejected, where a rule has
    several reasons. This is a named tuple for speed: a
    million rows and a dozen rules make twelve million of them.
    """

    reject: bool
    value: Any = None
    threshold: Any = None
    edits: dict[str, Any] | None = None
    note: str = ""


KEEP = Decision(False)
"""The decision of a rule that has nothing to say about a row."""


class Rule(Protocol):
    """One filter rule."""

    VERSION: ClassVar[int]
    Config: ClassVar[type[Component]]

    def __init__(self, config: Any) -> None: ...

    def check(self, rows: Sequence[Row]) -> list[Decision]:
        """A decision for each row, in order."""
        ...


@runtime_checkable
class RethresholdableRule(Rule, Protocol):
    """A rule that measures a value of each row, and can decide again from stored values.

    For each row, `check` must keep or reject as `decide` does for the value that `measure` gives.
    """

    THRESHOLDS: ClassVar[frozenset[str]]
    """The options that may change without measuring again."""

    def measure(self, rows: Sequence[Row]) -> list[Any]:
        """The value of each row, in order, as JSON can hold it."""
        ...

    def decide(self, value: Any) -> Decision:
        """The decision for a row with this value."""
        ...


def is_rethresholdable(rule: object) -> TypeGuard[RethresholdableRule]:
    """Whether a rule, or a rule's class, can decide again from stored values."""
    return isinstance(rule, RethresholdableRule)


def missing_from_rule(rule: type) -> Fault | None:
    """What a class from outside of synthgen lacks to be a rule; the registry asks before it returns it."""
    if not hasattr(rule, "check"):
        return _RENAMED if hasattr(rule, "judge") else Fault("it has no method `check`", next=_SEE_CONTRACT)
    if hasattr(rule, "THRESHOLDS") and not is_rethresholdable(rule):
        return Fault("it has THRESHOLDS, but not both of `measure` and `decide`", next=_SEE_CONTRACT)
    return None


_SEE_CONTRACT = "synthgen/filters/contract.py says what a rule has"
_RENAMED = Fault(
    "a rule's method `judge` is now called `check`, and `Verdict` is now called `Decision`",
    next="rename both in your rule; CHANGELOG.md has what else has moved",
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> NoReturn:
        """Says so where a rule from outside imports `Verdict`, the former name of `Decision`."""
        if name == "Verdict":
            raise ConfigError(_RENAMED.what, next=_RENAMED.next)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
