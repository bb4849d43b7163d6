"""dedup: keep the first of each group of duplicates.

The others are in rejected.jsonl and name the row that they matched.

Rows are compared in file order (or by `prefer`, then file order), greedily: see `synthgen.similarity.greedy`.
Memory: 16 bytes a row, 12 more with `prefer`, 25 for each dropped row, beside what each method holds. Where
that would be more than `memory`, what exact and minhash hold is kept on disk: see
`synthgen.similarity.stored_scan`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, field_validator, model_validator

from synthgen.core.artefacts import Counts, Inputs
from synthgen.core.config import Component, InputFile, ManyOf, Unhashed
from synthgen.core.errors import ConfigError, EmptyResult, Interrupted, StageFailed
from synthgen.core.registry import Choice
from synthgen.core.rows import rejected
from synthgen.core.sizes import bytes_of
from synthgen.core.text import amount
from synthgen.stages.contract import Ablation, Context, Need, OnFiles, Outcome, OverPairs, Stage, StageConfig

if TYPE_CHECKING:
    from synthgen.similarity.chosen import ChosenMethod
    from synthgen.similarity.dataset_index import DatasetIndex
    from synthgen.similarity.decisions import Duplicates
    from synthgen.similarity.row_file import RowFile
    from synthgen.similarity.scan import Preference
    from synthgen.similarity.shard_parts import ShardResults

    Rule = tuple[str, ChosenMethod]  # the name that rejections state, and the method


class Prefer(Component):
    """Which of two duplicates stays: that of the better source, or with the higher score."""

    source: tuple[str, ...] = Field(
        (), description="values of meta.source, the best first; others come after"
    )
    score: str | None = Field(
        None, description="a name in meta.scores, or a path; the higher stays, rows without it come last"
    )

    @model_validator(mode="after")
    def _one_is_given(self) -> Prefer:
        if not self.source and self.score is None:
            raise ValueError("prefer needs source: [..] or score: NAME")
        return self


class Config(StageConfig):
    """Options of `dedup`."""

    methods: Annotated[tuple[Choice, ...], ManyOf("dedup method")] = Field(
        min_length=1, description="a row goes when any of these finds a kept row that it duplicates"
    )
    prefer: Prefer | None = Field(
        None,
        description=(
            "which of two duplicates stays, {source: [..]} or {score: NAME}; the one first in the file "
            "where left out"
        ),
    )
    against: Annotated[tuple[Path, ...], InputFile()] = Field(
        (), description="earlier datasets (JSON Lines): a row that duplicates one of theirs goes too"
    )
    index: bool = Field(
        False, description="write an index beside the rows, so that a later `against` need not read them"
    )
    memory: Annotated[str, Unhashed()] = Field(
        "2GB",
        description=(
            "exact and minhash: where more rows are to be compared than fit, what is known of them is kept "
            "on disk; a size such as 500MB"
        ),
    )
    across_samples: bool = Field(
        False,
        description="also compare samples of one question (same meta.parents and question) with each other",
    )

    @field_validator("memory")
    @classmethod
    def _is_a_size(cls, value: str) -> str:
        bytes_of(value)
        return value

    @field_validator("against", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str | Path) else value


def needs(config: Config) -> dict[str, Need]:
    """The rows to compare."""
    return {"rows": Need("rows")}


def run(
    inputs: Inputs, config: Config, context: Context, out: Path, searched: ShardResults | None = None
) -> Outcome:
    """Writes the kept rows, byte for byte as they were, and the others with what they matched.

    Args:
        inputs: the rows.
        config: the methods, and which row is preferred.
        context: of the run.
        out: the folder to write into.
        searched: what shards found out about these rows; None where there are no shards.

    Returns:
        The counts and the files.

    Raises:
        EmptyResult: there are no rows, or all of them are duplicates.
        StageFailed: a method has nothing to compare in any row.
    """
    from synthgen.similarity.chosen import build_methods
    from synthgen.similarity.duplicates import find_duplicates
    from synthgen.similarity.row_file import RowFile

    artefacts = inputs["rows"]
    files = [artefact.file for artefact in artefacts]
    given, earlier = datasets(config, context.stage_id)
    with (
        RowFile(*given, *files) as rows,
        context.reporter.stage(context.stage_id, sum(artefact.rows for artefact in artefacts)) as progress,
    ):

        def watch(done: int) -> None:
            progress.update(done=done)
            if context.stopping():
                raise Interrupted(context.stopping())

        duplicates = find_duplicates(
            rows,
            config.methods,
            given=len(given),
            earlier=earlier,
            across_samples=config.across_samples,
            preference=preference(config),
            workers=context.workers,
            watch=watch,
            shards=searched,
            memory=bytes_of(config.memory),
            folder=out,
        )
        total = len(rows) - duplicates.first
        if not total:
            raise EmptyResult(
                f"{context.stage_id}: there are no rows to compare",
                str(files[0]),
                "look at the stage before it",
            )
        rules = list(zip(rule_names(config.methods), build_methods(config.methods), strict=True))
        _check_compared(rows, duplicates, rules, context.stage_id)
        counts = _write(rows, duplicates, earlier, rules, context, out)
        written: dict[str, int | None] = {
            "rows.jsonl": counts.kept,
            "rejected.jsonl": sum(counts.rejected.values()),
        }
        if total >= 20 and counts.kept < total / 2:
            context.reporter.say(
                f"{context.stage_id}: more than half of the rows are duplicates; questions made from "
                "a template resemble one another, so look at some (synthgen inspect) or raise the "
                "threshold"
            )
        if not counts.kept:
            raise EmptyResult(
                f"{context.stage_id}: every one of {total:,} rows duplicates a row of "
                f"{', '.join(map(str, config.against))}",
                next="raise the threshold, or leave `against` out",
            )
        if config.index:
            from synthgen.similarity.dataset_index import write_index

            progress.update(note="indexing")
            names = write_index(out / "rows.jsonl", config.methods, context.workers, watch)
            written.update(dict.fromkeys(names))
    for dataset in earlier:
        dataset.close()
    not_compared = dict(zip(rule_names(config.methods), duplicates.uncompared, strict=True))
    return Outcome(
        counts,
        written,
        extra={"not_compared": not_compared},
        table=_table(counts, duplicates, rules),
    )


def preference(config: Config) -> Preference | None:
    """Which rows `prefer` compares first."""
    from synthgen.similarity.scan import Preference

    return Preference(config.prefer.source, config.prefer.score) if config.prefer else None


def datasets(config: Config, stage: str) -> tuple[list[Path], list[DatasetIndex]]:
    """The earlier datasets that have to be read, and the indexes of the others.

    Raises:
        ConfigError: a dataset is not there, or is compressed.
    """
    from synthgen.similarity.dataset_index import open_index

    to_read: list[Path] = []
    indexed: list[DatasetIndex] = []
    first = -2
    for path in config.against:
        if not path.is_file():
            raise ConfigError(
                f"{stage}: no such dataset",
                str(path),
                "name the JSON Lines file, such as data/runs/NAME/dedup/rows.jsonl",
            )
        if path.suffix in (".gz", ".zst"):
            raise ConfigError(
                f"{stage}: a packed dataset cannot be compared with",
                str(path),
                "unpack it: rows that match are read from the file itself",
            )
        index = open_index(path, config.methods, first)
        if index is None:
            to_read.append(path)
        else:
            indexed.append(index)
            first -= len(index)
    return to_read, indexed


def _check_compared(rows: RowFile, duplicates: Duplicates, rules: Sequence[Rule], stage: str) -> None:
    """Raises StageFailed where a method has nothing to compare in any row."""
    total = len(rows) - duplicates.first
    for (rule, (_, field)), uncompared in zip(rules, duplicates.uncompared, strict=True):
        if uncompared == total:
            fields = ", ".join(rows.row(duplicates.first))
            raise StageFailed(
                f"{stage}: no row has anything that {rule} could compare in {field!r}",
                rows.where(duplicates.first),
                f"fields of the first row: {fields}; set `field`, for instance `field: question`",
            )


def rule_names(methods: tuple[Choice, ...]) -> list[str]:
    """The methods' names as rejections state them; one that is used twice has its field beside it."""
    from synthgen.similarity.chosen import build_methods

    names = [choice.name for choice in methods]
    return [
        f"{name}({field})" if names.count(name) > 1 else name
        for name, (_, field) in zip(names, build_methods(methods), strict=True)
    ]


def _write(
    rows: RowFile,
    duplicates: Duplicates,
    earlier: list[DatasetIndex],
    rules: Sequence[Rule],
    context: Context,
    out: Path,
) -> Counts:
    """Writes `rows.jsonl` and `rejected.jsonl`."""
    from synthgen.store.jsonl import RowWriter

    names = [name for name, _ in rules]
    thresholds = [method.threshold for _, (method, _) in rules]
    counts = Counts(in_=len(rows) - duplicates.first)
    with RowWriter(out / "rows.jsonl") as keeping, RowWriter(out / "rejected.jsonl") as dropping:
        after = duplicates.first
        for dropped in duplicates.in_file_order():
            rows.copy(after, dropped.number, keeping)
            after = dropped.number + 1
            rule = names[dropped.method]
            counts.reject(rule)
            matched_id, dataset = _matched(rows, dropped.matched, duplicates.first, earlier)
            dropping.write(
                rejected(
                    rows.row(dropped.number),
                    stage=context.stage_id,
                    rule=rule,
                    value=dataset,
                    threshold=thresholds[dropped.method],
                    matched_id=matched_id,
                    score=dropped.score,
                )
            )
        rows.copy(after, len(rows), keeping)
    counts.kept = keeping.rows
    return counts


def _matched(
    rows: RowFile, number: int, first: int, earlier: list[DatasetIndex]
) -> tuple[str | None, dict[str, str] | None]:
    """The id of a matched row, and the dataset that it is of where it is none of the stage's own rows."""
    if number >= first:
        return rows.row(number).get("id"), None
    if number >= 0:
        where = rows.where(number)
        return rows.row(number).get("id", where), {"dataset": where.rpartition(":")[0]}
    dataset = next(dataset for dataset in earlier if dataset.first >= number > dataset.first - len(dataset))
    position = dataset.first - number
    matched_id = dataset.row(position).get("id", f"{dataset.path}:{position + 1}")
    return matched_id, {"dataset": str(dataset.path)}


def _table(counts: Counts, duplicates: Duplicates, rules: Sequence[Rule]) -> str:
    """How many rows each method dropped, and could not compare."""
    lines = [f"{amount(counts.in_, 'row')}, {counts.kept:,} kept ({counts.kept / counts.in_:.1%})"]
    for (rule, (method, field)), uncompared in zip(rules, duplicates.uncompared, strict=True):
        limit = method.threshold
        alike = f"the same {field}" if limit is None else f"{field} more than {limit} alike"
        lines.append(f"  {rule:<12} {counts.rejected.get(rule, 0):>9,} dropped   {alike}")
        if uncompared:
            lines.append(f"  {'':<12} {uncompared:>9,} not compared: nothing to compare in {field}")
    return "\n".join(lines)


STAGE = Stage(
    config=Config,
    version=1,
    writes="rows",
    needs=needs,
    run=run,
    sharding=OverPairs(),
    ablation=Ablation(parts="methods"),
    may_add_rows=False,
    on_files=OnFiles(
        option="methods",
        flag="--method",
        metavar="NAME[:key=value,…]",
        help="a method, in order; repeatable",
        default=("exact", "rouge_l"),
    ),
    example="- dedup: {methods: [exact, rouge_l: {field: instruction, threshold: 0.7}]}",
    see="The methods and their options: [dedup.md](dedup.md).",
)
