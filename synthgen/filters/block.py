"""Rules over a block of a file's lines, as a worker applies them: bytes in, bytes and counts out."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Literal, NamedTuple

import orjson

from synthgen.core.rows import Row, rejected
from synthgen.filters.apply import Measured, RuleSet
from synthgen.filters.contract import Decision
from synthgen.filters.fields import fields_of, read_turns
from synthgen.filters.rule_report import RuleReport
from synthgen.filters.stored_values import encode_values
from synthgen.store.jsonl import parse_line

BROKEN = "broken_line"
"""The rule under which lines that hold no JSON object are rejected."""

Action = Literal["drop", "tag", "report"]


@dataclass
class FilteredBlock:
    """What became of a block of lines: bytes to write, and counts.

    Attributes:
        kept: the lines for `rows.jsonl`.
        gaps: where the rejected lines lie in the block, if the kept ones can be copied from it. Then
            the worker process does not send `kept`, and whoever has the block calls `fill`.
        kept_rows: how many rows are kept.
        rejected: the lines for `rejected.jsonl`.
        values: the lines for `values.jsonl`.
        rules: for each rule, how many rows it rejected.
        examples: for each of these rules, the id of the first row.
        reasons: for each of these rules that tells its reasons, how many rows it rejected for each.
        notes: the notes on kept rows, counted.
        report: what each rule would drop, if that was asked for.
        textless: what rules were told to look at (`output`), each where no row of the block has text in it.
    """

    kept: bytes = b""
    gaps: list[tuple[int, int]] | None = None
    kept_rows: int = 0
    rejected: bytes = b""
    values: bytes = b""
    rules: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    report: RuleReport | None = None
    textless: frozenset[str] = frozenset()

    @property
    def rows(self) -> int:
        """How many rows the block held."""
        return self.kept_rows + sum(self.rules.values())

    def fill(self, block: bytes) -> None:
        """Sets `kept` from the block that was filtered, if it is all but some gaps."""
        if self.gaps is None:
            return
        starts = [0, *(end for _, end in self.gaps)]
        ends = [*(start for start, _ in self.gaps), len(block)]
        parts = [block[start:end] for start, end in zip(starts, ends, strict=True)]
        self.kept = b"".join(parts) if self.gaps else block

    def count_rejected(self, rule: str, example: str, reason: str = "") -> None:
        """Counts one more row under a rule, and under its reason."""
        self.rules[rule] = self.rules.get(rule, 0) + 1
        if reason:
            reasons = self.reasons.setdefault(rule, {})
            reasons[reason] = reasons.get(reason, 0) + 1
        self.examples.setdefault(rule, example)


class _ParsedLines(NamedTuple):
    """A block's lines that hold rows, these rows, and the rejected rows for the other lines.

    Each entry of `broken` has the index of the row that follows it.
    """

    lines: list[bytes]
    rows: list[Row]
    broken: list[tuple[int, bytes]]


def filter_block(
    rules: RuleSet, block: bytes, first_line: int, source: str, action: Action = "drop", values: bool = False
) -> FilteredBlock:
    """Applies the rules to whole lines; rejects a line that holds no JSON object, with its number.

    Args:
        rules: the rules of the stage.
        block: whole lines; the last one may lack its line end.
        first_line: the number of the first line in its file.
        source: the file's name, for broken lines.
        action: what becomes of the rows that rules reject.
        values: also write down what every rule says of every row.

    Returns:
        Kept rows as the bytes that came in, without a line's carriage return and without empty lines. They
        may have to be filled in from the block: see `FilteredBlock`.
    """
    out = FilteredBlock()
    parsed = _parse(block, first_line, source, rules.stage, out)
    lines, rows, broken = parsed
    out.textless = _textless(rules, rows)
    measured = rules.measure_rows(rows) if values or action != "drop" else []
    if action == "drop":
        rejections = _drop(rules, parsed, block, source, out)
    else:
        if action == "report":
            out.report = RuleReport.of(rules, rows, measured)
        else:
            lines = _tag(rules, parsed, measured, out)
        rejections = [None] * len(rows)
        out.kept_rows, out.kept = len(lines), _join(lines)
        out.rejected = _join([line for _, line in broken])
    if values:
        dropped = [rejection is not None for rejection in rejections]
        out.values = encode_values(rows, measured, dropped)
    return out


def _textless(rules: RuleSet, rows: Sequence[Row]) -> frozenset[str]:
    """The fields that the rules were told to look at and that hold no text in any of these rows."""
    fields = {name for _, rule in rules.rules for name in fields_of(getattr(rule, "config", None))}
    return frozenset(
        name for name in fields if not any(text.strip() for row in rows for text in read_turns(row, name))
    )


def _drop(
    rules: RuleSet, parsed: _ParsedLines, block: bytes, source: str, out: FilteredBlock
) -> list[tuple[str, Decision] | None]:
    """Parts the lines into kept and rejected ones; gives each row's rejection."""
    lines, rows, broken = parsed
    # Each line lies in the block as it is: no blank or broken line, no space around one, no line end missing.
    whole = len(block) == sum(map(len, lines)) + len(lines)
    filtered = rules.filter_rows(rows)
    rejections = filtered.rejections
    out.notes = filtered.notes
    out.kept_rows = rejections.count(None)
    if whole and not filtered.edited:
        out.gaps = _find_gaps(lines, rejections) if out.kept_rows < len(lines) else []
    else:
        for index in filtered.edited:
            lines[index] = orjson.dumps(filtered.rows[index])
        out.kept = _join(
            [line for line, rejection in zip(lines, rejections, strict=True) if rejection is None]
        )
    rejected_lines = broken
    for index, rejection in enumerate(rejections if out.kept_rows < len(rejections) else ()):
        if rejection is not None:
            rejected_row = rules.rejected_row(filtered.rows[index], *rejection)
            rejected_lines.append((index, _encode(rejected_row)))
            example = str(rows[index].get("id", f"{source}:?"))
            out.count_rejected(rejection[0], example, rejection[1].note)
    rejected_lines.sort(key=lambda entry: entry[0])
    out.rejected = _join([line for _, line in rejected_lines])
    return rejections


def _find_gaps(
    lines: list[bytes], rejections: Sequence[tuple[str, Decision] | None]
) -> list[tuple[int, int]]:
    """From where to where the rejected lines lie in the block, line ends included."""
    ends = accumulate([len(line) + 1 for line in lines])
    return [
        (end - len(line) - 1, end)
        for line, end, rejection in zip(lines, ends, rejections, strict=True)
        if rejection is not None
    ]


def _tag(
    rules: RuleSet, parsed: _ParsedLines, measured: Sequence[Measured], out: FilteredBlock
) -> list[bytes]:
    """The lines, those of rows that rules reject with the rules' names in `meta.filter`."""
    lines = []
    for index, row in enumerate(parsed.rows):
        tags = {
            label: True if decision.value is None else decision.value
            for label, (decisions, _) in zip(rules.labels, measured, strict=True)
            if (decision := decisions[index]).reject
        }
        lines.append(_encode_tagged(row, tags) if tags else parsed.lines[index])
        for label in tags:
            note = f"tagged {label}"
            out.notes[note] = out.notes.get(note, 0) + 1
    return lines


def _encode_tagged(row: Row, tags: dict[str, Any]) -> bytes:
    meta = row["meta"] if isinstance(row.get("meta"), dict) else {}
    return _encode({**row, "meta": {**meta, "filter": tags}})


def _parse(block: bytes, first_line: int, source: str, stage: str, out: FilteredBlock) -> _ParsedLines:
    """The block's lines as rows; broken ones are counted in `out`."""
    lines = list(map(bytes.strip, block.split(b"\n")))
    if not lines[-1]:
        lines.pop()
    try:
        rows: list[Row] = list(map(orjson.loads, lines))
    except orjson.JSONDecodeError:
        # A broken line, or an empty one.
        rows = []
    if len(rows) == len(lines) and all([row.__class__ is dict for row in rows]):
        return _ParsedLines(lines, rows, [])
    parsed = _ParsedLines([], [], [])
    for number, line in enumerate(block.split(b"\n"), first_line):
        line = line.strip()
        if not line:
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            row = None
        if isinstance(row, dict):
            parsed.lines.append(line)
            parsed.rows.append(row)
        else:
            parsed.broken.append((len(parsed.rows), _encode_broken(line, number, source, stage)))
            out.count_rejected(BROKEN, f"{source}:{number}")
    return parsed


def _encode_broken(line: bytes, number: int, source: str, stage: str) -> bytes:
    """The rejected row for a broken line, as the stage `load` writes such rows."""
    row: dict[str, Any] = {"meta": {"source": source, "line": number}}
    try:
        row["raw"] = line.decode("utf-8")
    except UnicodeDecodeError:
        row["raw_base64"] = base64.b64encode(line).decode("ascii")
    return _encode(rejected(row, stage=stage, rule=BROKEN, value=parse_line(number, line).fault))


def _encode(row: Row) -> bytes:
    return orjson.dumps(row, default=str)


def _join(lines: Sequence[bytes]) -> bytes:
    """The lines, each with its line end."""
    return b"\n".join([*lines, b""])
