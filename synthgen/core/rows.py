"""What a row is: its fields, its id, where it came from, and how a rejection is written down.

A row is a plain dict (one JSON object a line), so that unknown fields travel along untouched:

    {"id", "system", "instruction", "input", "output", "messages", "reasoning", "rationale",
     "final_answer", "reference", "meta"}

Absent fields are left out. Exactly one of these shapes holds: `instruction` (+ `input`), with `output` once
it is answered; `messages`; `prompt`, `chosen`, `rejected`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

import xxhash

from synthgen.core.hashing import canonical_json
from synthgen.core.number_set import NumberSet

Row = dict[str, Any]
"""One row; the module's docstring lists its fields."""

FIELD_MEANINGS = {
    "system": "the system turn before the question",
    "instruction": "the question or order",
    "input": "what it is about: a passage, a table, options",
    "output": "the answer",
    "messages": "a conversation: turns of `role` and `content`",
    "prompt": "of a preference: the question, or the turns before the answer",
    "chosen": "of a preference: the better answer",
    "rejected": "of a preference: the worse answer",
    "reasoning": "the model's own thinking; never part of `output`",
    "rationale": "the worked steps that a student may learn",
    "final_answer": "the answer alone, as it is compared",
    "reference": "the right answer, from your data; a list where several are right",
}
"""Field with content -> what it holds, in the order in which a row is written."""

CONTENT_FIELDS = tuple(FIELD_MEANINGS)

FIELD_ORDER = ("id", *CONTENT_FIELDS)
_PLACED = frozenset((*FIELD_ORDER, "meta"))


class Provenance(TypedDict, total=False):
    """`meta` of a row: where it came from. Nothing here varies between two runs over the same ledger."""

    source: Annotated[str, "the file or dataset that the row was read from"]
    source_id: Annotated[Any, "the id that the row had there"]
    task: Annotated[str, "what the teacher was asked for"]
    teacher: Annotated[str, "who answered: the provider's identity"]
    model: Annotated[str, "the model's name, as the teacher gave it"]
    prompt: Annotated[str, "name@hash of the prompt file"]
    request: Annotated[str, "ledger key of the reply that it was parsed from; usage and cost are found there"]
    sample: Annotated[int, "which of a request's samples it was, from 0"]
    parents: Annotated[list[str], "ids of the rows it was made from"]
    finish_reason: Annotated[str, "why the reply ended: stop, length, content_filter …"]
    scores: Annotated[dict[str, Any], "grades, by the name of what gave them"]


class Rejection(TypedDict, total=False):
    """Why a row was not kept; `kind` is "rejected" (by a rule) or "failed" (it got no result)."""

    kind: Annotated[Literal["rejected", "failed"], "rejected by a rule, or failed: it got no result"]
    stage: Annotated[str, "the stage's id"]
    rule: Annotated[str, "the rule's or method's name; of a failed row the reason"]
    value: Annotated[Any, "what the rule found"]
    threshold: Annotated[Any, "what it allows"]
    matched_id: Annotated[str, "of a duplicate: the row that it is like, which was kept"]
    score: Annotated[float, "how like it is, from 0 to 1"]


Shape = Literal["instruction", "messages", "preference"]


def shape_of(row: Mapping[str, Any]) -> Shape | None:
    """Which of the three shapes a row has, or None where it has none."""
    if row.get("instruction"):
        return "instruction"
    if row.get("messages"):
        return "messages"
    if all(field in row for field in ("prompt", "chosen", "rejected")):
        return "preference"
    return None


class RowIds:
    """Gives rows their ids: a hash of content and parents, `-2`, `-3` … from the second occurrence on.

    Deterministic in the order of calls. Memory: about 16 bytes a row, 200 for one that occurs again.
    """

    def __init__(self) -> None:
        self._given, self._kept = NumberSet(), NumberSet()
        self._again: dict[int, int] = {}
        self._kept_again: set[str] = set()
        self._has_kept = False

    def assign(self, row: Mapping[str, Any], parents: Iterable[str] = ()) -> str:
        """The id of a new row: 16 hex digits, with the occurrence number where it is not the first."""
        content = {field: row[field] for field in CONTENT_FIELDS if field in row and row[field] is not None}
        return self._next(xxhash.xxh3_64_intdigest(canonical_json([content, list(parents)])))

    def keep(self, id: str) -> str:
        """The id that a row already has, or the next free occurrence where another row has it."""
        base, _, occurrence = id.partition("-")
        number = int(base, 16)
        given = self._again.get(number) or (number in self._given)
        if int(occurrence or 1) <= given or self._was_kept(id, number):
            return self._next(number)
        self._has_kept = True
        if id == f"{number:016x}":
            self._kept.add(number)
        else:
            self._kept_again.add(id)
        return id

    def _was_kept(self, id: str, number: int) -> bool:
        return id in self._kept_again or (number in self._kept and id == f"{number:016x}")

    def _next(self, number: int) -> str:
        while True:
            occurrence = 1
            if not self._given.add(number):
                occurrence = self._again[number] = self._again.get(number, 1) + 1
            id = f"{number:016x}" if occurrence == 1 else f"{number:016x}-{occurrence}"
            if not self._has_kept or not self._was_kept(id, number):
                return id


def ordered(row: Row) -> Row:
    """The row with its fields in the documented order, then unknown ones, then `meta`; without nulls."""
    tidy = {field: row[field] for field in FIELD_ORDER if field in row and row[field] is not None}
    for field in row:
        if field not in _PLACED:
            tidy[field] = row[field]
    if "meta" in row:
        tidy["meta"] = row["meta"]
    return tidy


def rejected(
    row: Row,
    *,
    stage: str,
    rule: str,
    kind: Literal["rejected", "failed"] = "rejected",
    value: Any = None,
    threshold: Any = None,
    matched_id: str | None = None,
    score: float | None = None,
) -> Row:
    """The row as it is written to `rejected.jsonl`: itself plus `rejection`.

    Args:
        row: the row, or what there is of it.
        stage: the stage's id.
        rule: the rule that rejected it, or the reason why it failed.
        kind: whether a rule rejected it, or it got no result.
        value: what the rule measured.
        threshold: what the rule holds the value to.
        matched_id: the id of the row that it is like.
        score: how like they are.

    Returns:
        A new row; what is None is left out of `rejection`.
    """
    reasons: dict[str, Any] = {
        "kind": kind,
        "stage": stage,
        "rule": rule,
        "value": value,
        "threshold": threshold,
        "matched_id": matched_id,
        "score": score,
    }
    return {**row, "rejection": {field: entry for field, entry in reasons.items() if entry is not None}}


def question_text(row: Mapping[str, Any]) -> str:
    """What is asked: instruction and input, or the user's turns of `messages`, or a preference's prompt."""
    if row.get("instruction"):
        extra = row.get("input")
        return f"{row['instruction']}\n\n{extra}" if extra else str(row["instruction"])
    if row.get("messages"):
        return "\n\n".join(
            str(turn.get("content") or "") for turn in row["messages"] if turn.get("role") == "user"
        )
    return str(row.get("prompt") or "")


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """The value under a field's name or a dotted path (`meta.scores.judge`), or None."""
    if path in row:
        return row[path]
    value: Any = row
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def with_system(row: Row, system: str | None) -> Row:
    """A row with a system turn, where it has none of its own."""
    if not system or row.get("system"):
        return row
    turns = row.get("messages")
    if turns and not row.get("instruction"):
        return (
            row
            if turns[0].get("role") == "system"
            else {**row, "messages": [{"role": "system", "content": system}, *turns]}
        )
    return {**row, "system": system}


@dataclass(frozen=True)
class Rejected:
    """An item of a reply that is rejected: the rule, its value, and as much of the row as there is."""

    row: Row
    rule: str
    value: Any = None
    threshold: Any = None
    matched_id: str | None = None
    score: float | None = None
