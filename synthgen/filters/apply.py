"""Rules over rows in memory: which rule, in order, rejects a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from synthgen.core.errors import StageFailed, SynthgenError
from synthgen.core.registry import Choice
from synthgen.core.rows import Row, rejected
from synthgen.filters.batch import RowBatch
from synthgen.filters.contract import KEEP, Decision, Rule, is_rethresholdable
from synthgen.filters.hints import Hints
from synthgen.store.reviews import Decision as Reviewed
from synthgen.store.reviews import fixed_row

T = TypeVar("T")

REVIEW = "review"
"""The rule under which rows are rejected that people rejected."""
_CHUNK = 50
"""Decisions that are counted together."""


def build_rules(choices: Sequence[Choice]) -> list[tuple[str, Rule]]:
    """The chosen rules, built, with their names.

    Raises:
        ConfigError: a rule needs a package or a file that is not there, or is not what the contract asks for.
    """
    return [(choice.name, choice.build(Rule)) for choice in choices]


def apply_rules(rules: Sequence[Choice], rows: Sequence[Row], stage: str) -> list[Row | None]:
    """For each row None if it is kept, else the row with the first rule's rejection, in order of the rules.

    Builds the rules at each call; for many small batches, build a `RuleSet` once.
    """
    return RuleSet(build_rules(rules), stage).apply(rows)


def unique_labels(names: Sequence[str]) -> list[str]:
    """The names, made unique: a rule's second use is `length#2`."""
    return [
        name if (earlier := list(names[:index]).count(name)) == 0 else f"{name}#{earlier + 1}"
        for index, name in enumerate(names)
    ]


class Measured(NamedTuple):
    """One rule's decisions for all rows of a batch, whatever other rules say, and what it measured."""

    decisions: list[Decision]
    values: list[Any]


@dataclass
class FilteredRows:
    """What became of a batch.

    Attributes:
        rows: all rows, in order, as rules have edited them.
        rejections: for each row the name and the decision of the rule that rejected it, or None.
        edited: the indices of the rows that a rule has edited.
        notes: the notes on kept rows, counted.
    """

    rows: list[Row]
    rejections: list[tuple[str, Decision] | None]
    edited: set[int] = field(default_factory=set)
    notes: dict[str, int] = field(default_factory=dict)


class RuleSet:
    """Built rules in order, for one stage."""

    def __init__(
        self, rules: Sequence[tuple[str, Rule]], stage: str, reviews: Mapping[str, Reviewed] | None = None
    ) -> None:
        self.rules = list(rules)
        self.stage = stage
        self.reviews = reviews or {}
        self.labels = unique_labels([name for name, _ in self.rules])
        self._hints: dict[str, list[Hints]] = {}

    def apply(self, rows: Sequence[Row]) -> list[Row | None]:
        """For each row None, or the rejected row; see `apply_rules`."""
        filtered = self.filter_rows(rows)
        return [
            None if rejection is None else self.rejected_row(row, *rejection)
            for row, rejection in zip(filtered.rows, filtered.rejections, strict=True)
        ]

    def rejected_row(self, row: Row, rule: str, decision: Decision) -> Row:
        """The row as it is written to `rejected.jsonl`."""
        return rejected(row, stage=self.stage, rule=rule, value=decision.value, threshold=decision.threshold)

    def filter_rows(self, rows: Sequence[Row]) -> FilteredRows:
        """The first rejection of each row; if a rule edits a row, the next rules see it as edited.

        A row that people have decided on is not held to the rules.
        """
        filtered = FilteredRows(list(rows), [None] * len(rows))
        decided = follow_reviews(self.reviews, filtered) if self.reviews else ()
        # For each row of the batch, which shrinks, its index in `rows`.
        index_in_rows = [index for index in range(len(rows)) if index not in decided]
        notes: list[tuple[int, str]] = []
        batch = RowBatch([rows[index] for index in index_in_rows] if decided else rows, self._hints)
        for name, rule in self.rules:
            decisions = check_rows(name, rule, batch)
            dropped = []
            for index in _not_just_kept(decisions):
                decision = decisions[index]
                row_index = index_in_rows[index]
                if decision.note:
                    notes.append((row_index, f"{name}: {decision.note}"))
                if decision.reject:
                    filtered.rejections[row_index] = (name, decision)
                    dropped.append(index)
                elif decision.edits:
                    row = edit_row(batch[index], decision.edits)
                    filtered.rows[row_index] = row
                    batch.replace(index, row)
                    filtered.edited.add(row_index)
            if dropped:
                batch.drop(dropped)
                for index in reversed(dropped):
                    del index_in_rows[index]
        for row_index, note in notes:
            # A row that a later rule rejected has no note.
            if filtered.rejections[row_index] is None:
                filtered.notes[note] = filtered.notes.get(note, 0) + 1
        return filtered

    def measure_rows(self, rows: Sequence[Row]) -> list[Measured]:
        """What each rule decides for all rows, alone, and the value that it measured of each."""
        batch = RowBatch(rows, self._hints)
        return [_measure(name, rule, batch) for name, rule in self.rules]


def follow_reviews(reviews: Mapping[str, Reviewed], filtered: FilteredRows) -> set[int]:
    """Decides the rows that people decided on, as they did; returns their indices."""
    decided = set()
    for index, row in enumerate(filtered.rows):
        review = reviews.get(str(row.get("id")))
        if review is None:
            continue
        decided.add(index)
        if not review.keep:
            filtered.rejections[index] = (REVIEW, Decision(True, ", ".join(review.who)))
            continue
        note = "kept"
        if (fixed := fixed_row(row, review)) is not row:
            filtered.rows[index] = fixed
            filtered.edited.add(index)
            note = "fixed"
        note = f"{REVIEW}: {note} by hand"
        filtered.notes[note] = filtered.notes.get(note, 0) + 1
    return decided


def _not_just_kept(decisions: list[Decision]) -> list[int]:
    """The indices of the decisions that do not just keep; hardly any row has one."""
    if decisions.count(KEEP) == len(decisions):
        return []
    return [
        index
        for start in range(0, len(decisions), _CHUNK)
        # To count is several times faster than to look at one after another.
        if (chunk := decisions[start : start + _CHUNK]).count(KEEP) < len(chunk)
        for index, decision in enumerate(chunk, start)
        if decision is not KEEP
    ]


def edit_row(row: Row, edits: dict[str, Any]) -> Row:
    """The row with fields replaced, or taken out where the edit is None."""
    edited = {**row, **edits}
    return {name: value for name, value in edited.items() if value is not None or name not in edits}


def check_rows(name: str, rule: Rule, rows: Sequence[Row]) -> list[Decision]:
    """A rule's decisions for a batch.

    Raises:
        StageFailed: the rule raised, or gave too few decisions; names the first row that it cannot check.
    """
    return _call(name, rule.check, rows, "decisions")


def _measure(name: str, rule: Rule, rows: Sequence[Row]) -> Measured:
    if is_rethresholdable(rule):
        values = _call(name, rule.measure, rows, "values")
        return Measured([rule.decide(value) for value in values], values)
    decisions = check_rows(name, rule, rows)
    return Measured(decisions, [decision.value for decision in decisions])


def _call(name: str, method: Callable[[Sequence[Row]], list[T]], rows: Sequence[Row], what: str) -> list[T]:
    """What a rule's method gives for a batch, one for each row."""
    try:
        results = method(rows)
    except SynthgenError:
        raise
    except Exception as error:
        for row in rows:
            try:
                method([row])
            except Exception as error_alone:
                raise StageFailed(
                    f"rule {name} cannot check a row: {type(error_alone).__name__}: {str(error_alone)[:200]}",
                    f"row {row.get('id', '?')}",
                    "correct the rule, or take it out",
                ) from error_alone
        raise StageFailed(
            f"rule {name} failed on a batch, but on none of its rows alone: {type(error).__name__}"
        ) from error
    if len(results) != len(rows):
        raise StageFailed(
            f"rule {name} gave {len(results)} {what} for {len(rows)} rows",
            next=f"a rule gives {what} for all rows, in order",
        )
    return results
