"""load: read files or hub datasets into rows.

Several sources at once; each row gets an id, and `meta.source` says where it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from synthgen.core.artefacts import Counts, Inputs
from synthgen.core.errors import EmptyResult, Fault, Interrupted, SynthgenError
from synthgen.core.hashing import input_files
from synthgen.core.text import amount
from synthgen.formats.checking import check_encoding, check_sources
from synthgen.formats.containers.read import read_file
from synthgen.formats.reading import Tally, read_sources
from synthgen.formats.record_reader import Refused
from synthgen.formats.sources import Source
from synthgen.stages.contract import Context, Need, Outcome, Stage, StageConfig, Whole
from synthgen.store.jsonl import RowWriter

_EVERY = 1000  # rows between two checks of the clock and the stop signal


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str | Mapping) else value


class Config(StageConfig):
    """Options of load."""

    sources: Annotated[
        tuple[Source, ...],
        BeforeValidator(_one_or_many, json_schema_input_type=str | Source | tuple[str | Source, ...]),
    ] = Field(description="paths, or {path | dataset, columns, format, limit}")

    @field_validator("sources")
    @classmethod
    def _some(cls, value: tuple[Source, ...]) -> tuple[Source, ...]:
        if not value:
            raise ValueError("name at least one")
        return value


def needs(config: Config) -> dict[str, Need]:
    """Nothing: its options name what it reads."""
    return {}


def faults(config: Config) -> list[Fault]:
    """What is wrong with its files, as far as their first records show; hub datasets are left to the run."""
    return check_sources([source for source in config.sources if source.path is not None])


def warnings(config: Config) -> list[Fault]:
    """Lines of its files that a run would leave out because they are not UTF-8, if nothing else is wrong."""
    return check_encoding([source for source in config.sources if source.path is not None])


def most_rows(config: Config, enough: int) -> int | None:
    """How many records its files hold, counted up to `enough`; None for hub datasets and unreadable files."""
    total = 0
    for source in config.sources:
        if source.path is None:
            return None
        try:
            records = (record for path in input_files(source.path) for record in read_file(path))
            total += sum(1 for _ in islice(records, min(enough, source.limit or enough)))
        except (SynthgenError, OSError):
            return None  # `faults` says what is wrong with the file
    return total


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Writes the rows to `rows.jsonl`, and what cannot be used to `rejected.jsonl` with its line and reason.

    Raises:
        InputError: a source cannot be used at all; the faults of all sources are reported at once.
        EmptyResult: no row is left.
    """
    counts = Counts()
    tally: dict[str, Tally] = {}
    for source in config.sources:
        if source.dataset is not None and source.revision is None and not Path(source.dataset).is_dir():
            context.reporter.say(f"{source.dataset} may change on the hub: `revision: <commit>` pins it")
    with (
        RowWriter(out / "rows.jsonl") as kept,
        RowWriter(out / "rejected.jsonl") as refused,
        context.reporter.stage(context.stage_id) as progress,
    ):
        for loaded in read_sources(config.sources, context.stage_id, tally):
            counts.in_ += 1
            if isinstance(loaded, Refused):
                refused.write(loaded.row)
                counts.reject(loaded.rule)
            else:
                kept.write(loaded)
                counts.kept += 1
            if counts.in_ % _EVERY == 0:
                progress.update(done=counts.in_, failed=counts.in_ - counts.kept)
                if signal := context.stopping():
                    raise Interrupted(signal)
        progress.update(done=counts.in_, failed=counts.in_ - counts.kept)
    for name, count in tally.items():
        if count.not_utf8.count:
            context.reporter.say(f"warning: {name}: {count.not_utf8.what()}; {count.not_utf8.next(name)}")
        for note in sorted(count.notes):
            context.reporter.say(f"{name}: {note}")
    if not counts.kept:
        examples = _examples(tally)
        reasons = "; ".join(
            f"{rule}: {count} (such as {examples[rule]})" for rule, count in sorted(counts.rejected.items())
        )
        raise EmptyResult(
            "no row could be loaded",
            reasons,
            "each record broke the rule named; the first records show why: columns, format or encoding",
        )
    files: dict[str, int | None] = {"rows.jsonl": kept.rows, "rejected.jsonl": refused.rows}
    return Outcome(
        counts,
        files,
        extra={
            "sources": {
                name: {"kept": count.kept, "rejected": count.rejected} for name, count in tally.items()
            }
        },
        table=_table(counts, tally),
    )


def _examples(sources: Mapping[str, Tally]) -> dict[str, str]:
    """By rule, the first record that broke it."""
    return {
        rule: place for tally in reversed(list(sources.values())) for rule, place in tally.examples.items()
    }


def _table(counts: Counts, sources: Mapping[str, Tally]) -> str:
    lines = [f"loaded {counts.kept:,} of {amount(counts.in_, 'row')}"]
    if len(sources) > 1:
        lines += [
            f"  {name}: {count.kept:,} kept, {count.rejected:,} rejected"
            for name, count in list(sources.items())[:20]
        ]
    examples = _examples(sources)
    lines += [
        f"  rejected as {rule}: {count:,} (see rejected.jsonl), such as {examples[rule]}"
        for rule, count in sorted(counts.rejected.items())
    ]
    return "\n".join(lines)


STAGE = Stage(
    config=Config,
    version=7,
    writes="rows",
    needs=needs,
    run=run,
    faults=faults,
    warnings=warnings,
    most_rows=most_rows,
    sharding=Whole("equal rows are numbered over all sources"),
    example="- load: {sources: [{path: questions.csv, columns: {instruction: question, reference: gold}}]}",
    see="[data.md](data.md) says which files and layouts are read.",
)
