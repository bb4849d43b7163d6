"""Rules over rows: which rule, in order, says no to a row; in memory, and over blocks of a file's lines."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from synthgen.errors import StageFailed, SynthgenError
from synthgen.filters.contract import Rule, Verdict
from synthgen.records import Row, rejected
from synthgen.registry import Choice
from synthgen.store.jsonl import parse_line

BROKEN = "broken_line"
"""The rule under which lines that are no JSON object are rejected."""


def build_rules(choices: Sequence[Choice]) -> list[tuple[str, Rule]]:
    """The chosen rules, built, with their names.

    Raises:
        ConfigError: a rule needs a package or a file that is not there.
    """
    return [(choice.name, choice.load()(choice.options)) for choice in choices]


def apply_rules(rules: Sequence[Choice], rows: Sequence[Row], stage: str) -> list[Row | None]:
    """For each row None where it is kept, else the row with the rejection of the first rule, in order, that says no.

    Builds the rules at each call; whoever judges many small batches builds a `RuleSet` once.
    """
    return RuleSet(build_rules(rules), stage).apply(rows)


class RuleSet:
    """Built rules in order, for one stage."""

    def __init__(self, rules: Sequence[tuple[str, Rule]], stage: str) -> None:
        self.rules = list(rules)
        self.stage = stage

    def apply(self, rows: Sequence[Row]) -> list[Row | None]:
        """For each row None, or the rejected row; see `apply_rules`."""
        decided = self.decide(rows)
        return [None if said is None else self.rejection(row, *said) for row, said in zip(decided.rows, decided.said, strict=True)]

    def rejection(self, row: Row, rule: str, verdict: Verdict) -> Row:
        """The row as it is written to `rejected.jsonl`."""
        return rejected(row, stage=self.stage, rule=rule, value=verdict.value, threshold=verdict.threshold)

    def decide(self, rows: Sequence[Row]) -> Decided:
        """The first no of each row; a row that a rule edits goes to the next rule as it then is."""
        decided = Decided(list(rows), [None] * len(rows))
        left = list(range(len(rows)))
        batch = decided.rows
        for name, rule in self.rules:
            verdicts = judge_all(name, rule, batch)
            refused = False
            for at, verdict in zip(left, verdicts, strict=True):
                if verdict.reject:
                    decided.said[at] = (name, verdict)
                    refused = True
                elif verdict.edits:
                    decided.rows[at] = {**decided.rows[at], **verdict.edits}
                    decided.edited.add(at)
                    refused = True  # the batch must be taken anew
                if verdict.note:
                    note = f"{name}: {verdict.note}"
                    decided.notes[note] = decided.notes.get(note, 0) + 1
            if refused:
                left = [at for at in left if decided.said[at] is None]
                batch = [decided.rows[at] for at in left]
        return decided


@dataclass
class Decided:
    """What became of a batch: the rows (edited where a rule did), the first no of each, and remarks counted."""

    rows: list[Row]
    said: list[tuple[str, Verdict] | None]
    edited: set[int] = field(default_factory=set)
    notes: dict[str, int] = field(default_factory=dict)


def judge_all(name: str, rule: Rule, rows: Sequence[Row]) -> list[Verdict]:
    """A rule's verdicts on a batch.

    Raises:
        StageFailed: the rule raised, or gave too few verdicts; names the first row that it cannot judge.
    """
    try:
        verdicts = rule.judge(rows)
    except SynthgenError:
        raise
    except Exception as fault:
        for row in rows:
            try:
                rule.judge([row])
            except Exception as alone:
                raise StageFailed(
                    f"rule {name} cannot judge a row: {type(alone).__name__}: {str(alone)[:200]}", f"row {row.get('id', '?')}", "mend the rule, or take it out"
                ) from alone
        raise StageFailed(f"rule {name} failed on a batch, though on none of its rows alone: {type(fault).__name__}") from fault
    if len(verdicts) != len(rows):
        raise StageFailed(f"rule {name} gave {len(verdicts)} verdicts on {len(rows)} rows", next="a rule gives one verdict a row, in order")
    return verdicts


@dataclass
class Judged:
    """What became of a block of lines: bytes to write, and the account of them."""

    kept: bytes = b""
    kept_rows: int = 0
    rejected: bytes = b""
    rules: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows the block held."""
        return self.kept_rows + sum(self.rules.values())


def judge_block(rules: RuleSet, block: bytes, first_line: int, source: str) -> Judged:
    """Judges whole lines; a line that is no JSON object is rejected by itself, with its number and what is wrong.

    Kept rows come back as the bytes they came in, without a line's carriage return; empty lines are passed over.
    """
    lines: list[bytes] = []
    rows: list[Row] = []
    out = Judged()
    broken: list[tuple[int, bytes]] = []
    for number, line in enumerate(block.split(b"\n"), first_line):
        line = line.strip()
        if not line:
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            row = None
        if isinstance(row, dict):
            lines.append(line)
            rows.append(row)
        else:
            broken.append((len(rows), _broken(line, number, source, rules.stage)))
            _count(out, BROKEN, f"{source}:{number}")
    decided = rules.decide(rows)
    out.notes = decided.notes
    kept: list[bytes] = []
    gone: list[tuple[int, bytes]] = broken
    for at, said in enumerate(decided.said):
        if said is None:
            kept.append(orjson.dumps(decided.rows[at]) if at in decided.edited else lines[at])
        else:
            name, verdict = said
            gone.append((at, _encoded(rules.rejection(decided.rows[at], name, verdict))))
            _count(out, name, str(rows[at].get("id", f"{source}:?")))
    gone.sort(key=lambda entry: entry[0])
    out.kept_rows = len(kept)
    out.kept = b"".join([line + b"\n" for line in kept])
    out.rejected = b"".join([line + b"\n" for _, line in gone])
    return out


def _count(out: Judged, rule: str, example: str) -> None:
    out.rules[rule] = out.rules.get(rule, 0) + 1
    out.examples.setdefault(rule, example)


def _encoded(row: Row) -> bytes:
    return orjson.dumps(row, default=str)


def _broken(line: bytes, number: int, source: str, stage: str) -> bytes:
    row: dict[str, Any] = {"meta": {"source": source, "line": number}}  # as load writes them
    try:
        row["raw"] = line.decode("utf-8")
    except UnicodeDecodeError:
        row["raw_base64"] = base64.b64encode(line).decode("ascii")
    return _encoded(rejected(row, stage=stage, rule=BROKEN, value=parse_line(number, line).fault))
