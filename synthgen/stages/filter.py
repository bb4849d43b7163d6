"""filter: keep rows that pass every rule; say why others go.

Rows stay as they came. Rejected ones are in rejected.jsonl with the rule, its value and its threshold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from synthgen.core.artefacts import Artefact, Counts, Inputs
from synthgen.core.config import InputFile, ManyOf
from synthgen.core.errors import EmptyResult, Interrupted, nearest
from synthgen.core.registry import Choice
from synthgen.core.rows import Row
from synthgen.core.text import amount
from synthgen.filters import DEFAULT_RULES
from synthgen.filters.batch import read_column
from synthgen.filters.block import Action, FilteredBlock
from synthgen.filters.fields import fields_of
from synthgen.filters.rule_report import RuleReport
from synthgen.filters.stored_values import VALUES, header
from synthgen.filters.workers import filter_blocks
from synthgen.stages.contract import Ablation, Context, Need, OnFiles, Outcome, RowByRow, Stage, StageConfig
from synthgen.stages.sharding.block import block_behind
from synthgen.store.blocks import Block, read_blocks
from synthgen.store.jsonl import RowWriter, read_rows
from synthgen.store.reviews import decisions

LOOKED_AT = 1000  # dropped rows that are read to say why none is left


class Config(StageConfig):
    """Which rules, in which order, and what becomes of the rows that they reject."""

    rules: Annotated[tuple[Choice, ...], ManyOf("filter")] = Field(
        min_length=1,
        description="rules in order; the first that rejects a row is the one it is rejected under",
    )
    action: Action = Field(
        "drop",
        description=(
            "drop the rows; tag them (`meta.filter` names every rule that would reject it, and its "
            "value) and keep all; or report what each rule would drop, and keep all as they are"
        ),
    )
    values: bool = Field(
        False,
        description=(
            "also write values.jsonl, the value of every rule for every row, so that thresholds can be "
            "changed without checking again"
        ),
    )
    reviews: Annotated[Path | None, InputFile()] = Field(
        None,
        description=(
            "marks that people made with `synthgen view` (its reviews.jsonl); their verdict stands over the "
            "rules, and their fixes are made (`meta.fixed` says who fixed what, and when)"
        ),
    )

    @model_validator(mode="after")
    def _reviews_are_followed(self) -> Config:
        if self.reviews is not None and (self.action != "drop" or self.values):
            raise ValueError("reviews cannot be used with `values`, nor with another action than drop")
        return self


def needs(config: Config) -> dict[str, Need]:
    """The rows to check."""
    return {"rows": Need("rows", part="train")}


def compared(config: Config) -> tuple[str, str] | None:
    """The references of its rows, if one of the rules compares answers with them."""
    compares = any(getattr(rule.load(), "COMPARES_ANSWERS", False) for rule in config.rules)
    return ("rows", "reference") if compares else None


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Writes `rows.jsonl` and `rejected.jsonl`.

    Raises:
        EmptyResult: no row is left.
        InputError: the reviews cannot be read.
        Interrupted: a signal asked us to stop.
    """
    account = _Account()
    total = sum(artefact.rows for artefact in inputs["rows"])
    with (
        RowWriter(out / "rows.jsonl") as rows,
        RowWriter(out / "rejected.jsonl") as rejected,
        RowWriter(out / VALUES) if config.values else nullcontext() as values,
        context.reporter.stage(context.stage_id, total=total, unit="rows") as progress,
    ):
        if values is not None:
            values.write(header(config.rules))
        for filtered in filter_blocks(
            config.rules,
            context.stage_id,
            _blocks(inputs["rows"], context),
            context.workers,
            config.action,
            config.values,
            decisions(config.reviews) if config.reviews is not None else None,
        ):
            rows.write_block(filtered.kept, filtered.kept_rows)
            rejected.write_block(filtered.rejected, sum(filtered.rules.values()))
            if values is not None:
                values.write_block(filtered.values, filtered.values.count(b"\n"))
            account.add(filtered)
            progress.update(done=account.counts.in_)
    if not account.counts.kept and not block_behind(inputs["rows"]):
        raise _empty(account.counts, context.stage_id, config, out / "rejected.jsonl")
    files: dict[str, int | None] = {"rows.jsonl": rows.rows, "rejected.jsonl": rejected.rows}
    if values is not None:
        files[VALUES] = None
    for note, noted in sorted(account.notes.items()):
        context.reporter.say(f"{context.stage_id}: {amount(noted, 'row')} kept with a remark, {note}")
    extra: dict[str, Any] = {"notes": dict(sorted(account.notes.items()))} if account.notes else {}
    if account.reasons:
        extra["reasons"] = {
            rule: dict(sorted(account.reasons[rule].items())) for rule in sorted(account.reasons)
        }
    rules = [choice.name for choice in config.rules]
    shown = table(rules, account.counts, account.examples, account.notes, account.reasons)
    if account.report is not None:
        extra["report"], shown = account.report.plain(), account.report.table()
    shown = "\n".join([shown, *_unread(config.rules, account)])
    return Outcome(account.counts, files, extra=extra, table=shown)


@dataclass
class _Account:
    """What the blocks so far add up to."""

    counts: Counts = field(default_factory=Counts)
    examples: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, Counter[str]] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    report: RuleReport | None = None
    textless: frozenset[str] | None = None
    """Fields that rules look at and in which no row has text."""

    def add(self, filtered: FilteredBlock) -> None:
        self.textless = filtered.textless if self.textless is None else self.textless & filtered.textless
        self.counts.in_ += filtered.rows
        self.counts.kept += filtered.kept_rows
        for rule, rows in filtered.rules.items():
            self.counts.reject(rule, rows)
            self.examples.setdefault(rule, filtered.examples[rule])
            if rule in filtered.reasons:
                self.reasons.setdefault(rule, Counter()).update(filtered.reasons[rule])
        for note, rows in filtered.notes.items():
            self.notes[note] = self.notes.get(note, 0) + rows
        if filtered.report is not None and self.report is not None:
            self.report.add(filtered.report)
        self.report = self.report or filtered.report


def _not_row_by_row(config: Config) -> str:
    return "its report is over all rows" if config.action == "report" else ""


def _blocks(artefacts: tuple[Artefact, ...], context: Context) -> Iterator[tuple[Block, str]]:
    for artefact in artefacts:
        for block in read_blocks(artefact.file):
            if signal_number := context.stopping():
                raise Interrupted(signal_number)
            yield block, artefact.file.name


def _empty(counts: Counts, stage: str, config: Config, dropped: Path) -> EmptyResult:
    if not counts.in_:
        return EmptyResult(f"{stage}: no rows came in", next="look at the stage before")
    rule, most = max(counts.rejected.items(), key=lambda entry: entry[1])
    sample = list(islice(read_rows(dropped), LOOKED_AT))
    field = next(
        (name for choice in config.rules if choice.name == rule for name in _fields(choice, sample)), ""
    )
    if field == "output":
        return EmptyResult(
            f"{stage}: every one of the {counts.in_:,} rows was dropped: they have no output, which "
            f"`{rule}` looks at",
            next=(
                "answer them first (generate: {task: respond}), or check the questions: --rule "
                "length:field=instruction, in a pipeline rules: [length: {field: instruction}]"
            ),
        )
    if field:
        there = sorted({name for row in sample for name in row} - {"rejection"})
        near = nearest(field, there)
        return EmptyResult(
            f"{stage}: every one of the {counts.in_:,} rows was dropped, {most:,} of them by {rule}: "
            f"they have no {field!r}",
            next=f"did you mean {near!r}?" if near else f"name a field that they have: {', '.join(there)}",
        )
    return EmptyResult(
        f"{stage}: every one of the {counts.in_:,} rows was dropped, {most:,} of them by {rule}",
        next=(
            f"loosen {rule}; the same command with --report shows what each rule would drop, alone and in "
            "order, with examples"
        ),
    )


def _fields(choice: Choice, rows: list[Row]) -> Iterator[str]:
    """The fields that a rule was told to look at and that none of these rows has."""
    for name in fields_of(choice.options):
        if not any(text.strip() for text in read_column(rows, name)):
            yield name


def _unread(rules: tuple[Choice, ...], account: _Account) -> Iterator[str]:
    """A line a field in which no row has text, with the rules that look at nothing else."""
    textless = account.textless or frozenset()
    blind: dict[tuple[str, ...], list[str]] = {}
    for choice in rules if account.counts.in_ else ():
        fields = fields_of(choice.options)
        if fields and textless.issuperset(fields):
            blind.setdefault(fields, []).append(choice.name)
    for fields, names in blind.items():
        yield f"no row has text in {' or '.join(fields)}, which {', '.join(dict.fromkeys(names))} looked at"


def table(
    rules: list[str],
    counts: Counts,
    examples: Mapping[str, str],
    notes: Mapping[str, int],
    reasons: Mapping[str, Mapping[str, int]],
) -> str:
    """What each rule dropped, with the id of the first such row, as text.

    Args:
        rules: the rules' names, in order.
        counts: the stage's account.
        examples: rule -> id of a row that it dropped.
        notes: remark -> number of rows.
        reasons: rule -> why it rejected rows -> number of rows.

    Returns:
        The lines.
    """
    names = list(dict.fromkeys([*(rule for rule in counts.rejected if rule not in rules), *rules]))
    width = max(len(name) for name in [*names, "kept"])
    share = max(counts.in_, 1)
    lines = [f"{'kept':<{width}}  {counts.kept:>9,}  {counts.kept / share:>6.1%}"]
    for name in names:
        dropped = counts.rejected.get(name, 0)
        example = f"  such as {examples[name]}" if name in examples else ""
        lines.append(f"{name:<{width}}  {dropped:>9,}  {dropped / share:>6.1%}{example}")
        lines += [
            f"{'':<{width}}  {rows:>9,}  {rows / share:>6.1%}  {reason}"
            for reason, rows in sorted(reasons.get(name, {}).items())
        ]
    lines += [f"{amount(rows, 'row')} kept with a remark, {note}" for note, rows in sorted(notes.items())]
    return "\n".join(lines)


STAGE = Stage(
    config=Config,
    version=3,
    writes="rows",
    needs=needs,
    run=run,
    sharding=RowByRow(headed=(VALUES,), refuses=_not_row_by_row),
    rules=lambda config: config.rules,
    compared=compared,
    ablation=Ablation(parts="rules", one_by_one=True),
    may_add_rows=False,
    on_files=OnFiles(
        option="rules",
        flag="--rule",
        metavar="NAME[:key=value,…]",
        help="a rule, in order; repeatable",
        default=DEFAULT_RULES,
        review=True,
    ),
    example="- filter: {rules: [refusal, truncated, answer_match, length: {max_words: 300}]}",
    see="The rules and their options: [filters.md](filters.md).",
)
