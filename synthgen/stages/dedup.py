"""dedup: drops rows that duplicate a row kept before them, and says which row that was.

Rows are judged in file order (or by `prefer`, then file order), greedily: see `synthgen.similarity.greedy`. Memory: 8 bytes
a row, 24 more with `prefer`, 33 for each dropped row, beside what each method's index holds.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from synthgen.config import Component, ManyOf
from synthgen.errors import EmptyResult, Interrupted, StageFailed
from synthgen.records import rejected
from synthgen.registry import Choice
from synthgen.stages.contract import Context, Counts, Inputs, Need, Outcome, StageConfig

if TYPE_CHECKING:
    from synthgen.similarity.greedy import Duplicate
    from synthgen.similarity.row_file import RowFile

VERSION = 1
WRITES: Literal["rows"] = "rows"
SEEDED = False

BATCH = 1024  # rows that are judged between two looks at whether to stop


class Prefer(Component):
    """Which of two duplicates stays: the one from the source named first, or with the higher score; then file order."""

    source: tuple[str, ...] = Field((), description="values of meta.source, the best first; others come after")
    score: str | None = Field(None, description="a name in meta.scores, or a path; the higher stays, rows without it come last")

    @model_validator(mode="after")
    def _one_is_given(self) -> Prefer:
        if not self.source and self.score is None:
            raise ValueError("prefer needs source: [..] or score: NAME")
        return self


class Config(StageConfig):
    """Options of `dedup`."""

    methods: Annotated[tuple[Choice, ...], ManyOf("dedup method")] = Field(min_length=1, description="a row goes when any of these finds a kept row that it duplicates")
    prefer: Prefer | None = None
    across_samples: bool = Field(False, description="also compare samples of one question (same meta.parents and question) with each other")


def needs(config: Config) -> dict[str, Need]:
    """The rows to judge."""
    return {"rows": Need("rows")}


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Writes the kept rows, byte for byte as they were, and the others with what they matched."""
    from synthgen.similarity.row_file import RowFile

    artefacts = inputs["rows"]
    with RowFile(*(artefact.file for artefact in artefacts)) as rows, context.reporter.stage(context.stage_id, sum(artefact.rows for artefact in artefacts)) as progress:
        judged = _judge(rows, config, context, progress)
        if not len(rows):
            raise EmptyResult(f"{context.stage_id}: there are no rows to judge", str(artefacts[0].file), "look at the stage before it")
        counts = _write(rows, judged, config, context, out)
    return Outcome(counts, {"rows.jsonl": counts.kept, "rejected.jsonl": sum(counts.rejected.values())}, extra={"not_compared": judged.uncompared}, table=_table(counts, judged, config))


class _Judged:
    """The dropped rows' numbers, what each matched, by which method, how similar it was; and what was not compared."""

    def __init__(self, rules: list[str]) -> None:
        self.numbers, self.matched, self.methods, self.scores = array("q"), array("q"), array("B"), array("d")
        self.uncompared = dict.fromkeys(rules, 0)

    def drop(self, number: int, duplicate: Duplicate) -> None:
        """Notes a dropped row."""
        self.numbers.append(number)
        self.matched.append(duplicate.matched)
        self.methods.append(duplicate.method)
        self.scores.append(duplicate.score)

    def in_file_order(self) -> Iterator[tuple[int, int, int, float]]:
        """(number, matched number, method, score) of each dropped row."""
        import numpy as np

        order = np.argsort(np.frombuffer(self.numbers, np.int64)) if len(self.numbers) else ()
        return ((self.numbers[at], self.matched[at], self.methods[at], self.scores[at]) for at in map(int, order))


def _judge(rows: RowFile, config: Config, context: Context, progress: Any) -> _Judged:
    import numpy as np

    from synthgen.similarity.buckets import BucketIndex, buckets
    from synthgen.similarity.fields import text_of
    from synthgen.similarity.greedy import Greedy
    from synthgen.similarity.survey import Preference, survey

    def watch(done: int) -> None:
        progress.update(done=done)
        if context.stopping():
            raise Interrupted(context.stopping())

    methods = [choice.load()(choice.options) for choice in config.methods]
    fields = [choice.options.field for choice in config.methods]  # type: ignore[attr-defined]
    judged = _Judged(rule_names(config.methods))
    preference = Preference(config.prefer.source, config.prefer.score) if config.prefer else None
    found = survey(rows, config.methods, grouped=not config.across_samples, preference=preference, workers=context.workers, watch=watch)
    if not len(rows):
        return judged
    suspects = np.zeros(len(rows), bool)
    indexes: list[Any] = []
    for at, (rule, method) in enumerate(zip(judged.uncompared, methods, strict=True)):
        column = found.columns[at]
        if column is None:
            indexes.append(method.index())
            suspects[:] = True
            continue
        judged.uncompared[rule] = int((~column.any(axis=1)).sum())
        indexes.append(BucketIndex(method, buckets(column)))
        suspects |= indexes[-1].shared
        found.columns[at] = column = None  # spent, and large
    greedy = Greedy(indexes)
    order = found.order()
    order = order[suspects[order]]
    for start in range(0, len(order), BATCH):
        numbers = order[start : start + BATCH].tolist()
        batch = [rows.row(number) for number in numbers]
        columns = [method.keys([text_of(row, field) for row in batch]) for method, field in zip(methods, fields, strict=True)]
        for rule, method, keys in zip(judged.uncompared, methods, columns, strict=True):
            judged.uncompared[rule] += 0 if hasattr(method, "survey") else sum(key is None for key in keys)
        for index, keys in zip(indexes, columns, strict=True):
            if hasattr(index, "prime"):
                index.prime(numbers, keys)
        for number, keys in zip(numbers, zip(*columns, strict=True), strict=True):
            duplicate = greedy.judge(number, keys, int(found.groups[number]))
            if duplicate is not None:
                judged.drop(number, duplicate)
        watch(len(rows) - len(order) + start + len(numbers))
    for rule, field in zip(judged.uncompared, fields, strict=True):
        if judged.uncompared[rule] == len(rows):
            raise StageFailed(f"{context.stage_id}: no row has anything that {rule} could compare in {field!r}", str(rows.paths[0]), f"fields of the first row: {', '.join(rows.row(0))}; set `field`, for instance `field: question`")
    return judged


def rule_names(methods: tuple[Choice, ...]) -> list[str]:
    """The methods' names as rejections state them; one that is used twice has its field beside it."""
    names = [choice.name for choice in methods]
    return [f"{choice.name}({choice.options.field})" if names.count(choice.name) > 1 else choice.name for choice in methods]  # type: ignore[attr-defined]


def _write(rows: RowFile, judged: _Judged, config: Config, context: Context, out: Path) -> Counts:
    from synthgen.store.jsonl import RowWriter

    rules = rule_names(config.methods)
    thresholds = [choice.load()(choice.options).threshold for choice in config.methods]
    counts = Counts(in_=len(rows))
    with RowWriter(out / "rows.jsonl") as keeping, RowWriter(out / "rejected.jsonl") as dropping:
        after = 0
        for number, matched, method, score in judged.in_file_order():
            rows.copy(after, number, keeping)
            after = number + 1
            counts.reject(rules[method])
            same_as = rows.row(matched).get("id")
            dropping.write(rejected(rows.row(number), stage=context.stage_id, rule=rules[method], threshold=thresholds[method], matched_id=same_as, score=score))
        rows.copy(after, len(rows), keeping)
    counts.kept = keeping.rows
    return counts


def _table(counts: Counts, judged: _Judged, config: Config) -> str:
    lines = [f"{counts.in_:,} rows, {counts.kept:,} kept ({counts.kept / counts.in_:.1%})"]
    for rule, choice in zip(rule_names(config.methods), config.methods, strict=True):
        options: Any = choice.options
        limit = getattr(options, "threshold", None)
        what = f"{options.field}" + (f" > {limit}" if limit is not None else "")
        lines.append(f"  {rule:<12} {counts.rejected.get(rule, 0):>9,} dropped   {what}")
        if judged.uncompared[rule]:
            lines.append(f"  {'':<12} {judged.uncompared[rule]:>9,} not compared: nothing to compare in {options.field}")
    return "\n".join(lines)
