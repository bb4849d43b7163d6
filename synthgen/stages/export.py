"""export: write rows in another tool's format, with a card.

It writes files for other tools, not an artefact for later stages. It publishes "metrics" and not "rows", so
that later stages still read the rows before it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from synthgen.core import registry
from synthgen.core.artefacts import Counts, Inputs
from synthgen.core.config import InputFile
from synthgen.core.defaults import changed
from synthgen.core.errors import EmptyResult, Fault, Interrupted, UnknownName, nearest
from synthgen.core.rows import Row, rejected
from synthgen.core.text import amount
from synthgen.formats.card import About, Summary, make_card
from synthgen.formats.checking import format_faults
from synthgen.formats.contract import Format, Unfit
from synthgen.formats.licences import LICENCES
from synthgen.formats.writing import ENDINGS, kind_of_file, write_file
from synthgen.stages.contract import Context, Need, Outcome, Stage, StageConfig, Whole
from synthgen.stages.lineage import provenance, steps_behind
from synthgen.store.jsonl import RowWriter, read_rows
from synthgen.store.reviews import review_id, said_by_row
from synthgen.teachers.terms import terms_of

AS_THEY_ARE = ("jsonl", "parquet")
OTHER_NAMES = {"kto": "unpaired"}
"""What people call a format -> its name."""
_GO_INTO = {"jsonl": ("jsonl",), "parquet": ("parquet", "arrow", "folder")}
REVIEWS = "reviews"
_EVERY = 1000  # rows between two checks of the clock and the stop signal


class Config(StageConfig):
    """Options of export."""

    format: str = Field(
        description=(
            "alpaca, messages, prompt_completion, unpaired (or kto), sharegpt, preference, "
            "sharegpt_preference or sharegpt_kto; jsonl or parquet for the rows as they are"
        )
    )
    file: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$",
        description=(
            "the file's name, whose ending says how it is packed: .jsonl .json .csv .tsv (also .gz or "
            ".zst), .parquet or .arrow; one without an ending is a folder for datasets.load_from_disk"
        ),
    )
    keep: tuple[str, ...] = Field(("id",), description="fields that are kept beside the format's own")
    title: str = Field(
        "", max_length=200, description="the dataset's name on its card; the pipeline's name where left out"
    )
    license: str = Field(
        About.license,
        description="its licence on the card, as the hub writes it: cc-by-4.0, apache-2.0, mit …",
    )
    language: tuple[str, ...] = Field((), description="its languages on the card, as codes: [en, de]")
    reviews: Annotated[Path | None, InputFile()] = Field(
        None,
        description=(
            "marks that people made with `synthgen view` (its reviews.jsonl): a field `reviews` has who said "
            "what of the row: `who`, `verdict`, `grade`, `note`, and which fields were `fixed`"
        ),
    )

    @field_validator("license")
    @classmethod
    def _known_licence(cls, value: str) -> str:
        if value not in LICENCES:
            near = nearest(value.lower(), LICENCES)
            raise ValueError(
                f"the hub knows no licence {value!r}"
                + (f"; did you mean {near!r}?" if near else "; or say other")
            )
        return value

    @field_validator("language")
    @classmethod
    def _codes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for code in value:
            if not re.fullmatch("[a-z]{2,3}|code|multilingual", code):
                raise ValueError(f"{code!r} is no code of a language; write two or three letters: en, de, zh")
        return value

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str) -> str:
        value = OTHER_NAMES.get(value, value)
        known = [*registry.names("format"), *AS_THEY_ARE]
        if value not in known and ":" not in value:
            near = nearest(value, known)
            raise ValueError(
                UnknownName("format", value, known).faults[0].what
                + (f"; did you mean {near!r}?" if near else f"; known: {', '.join(sorted(known))}")
            )
        return value

    @model_validator(mode="after")
    def _one_kind_of_file(self) -> Config:
        kind = kind_of_file(self.file_name)
        if self.file_name in ("rejected.jsonl", "manifest.json"):
            raise ValueError(f"file: {self.file_name} is a file of synthgen's own; use another name")
        if kind is None:
            raise ValueError(f"file: the ending of {self.file_name!r} is not known; use {ENDINGS}")
        if self.format in AS_THEY_ARE and kind not in _GO_INTO[self.format]:
            ends = {
                "jsonl": ".jsonl (also .jsonl.gz or .jsonl.zst)",
                "parquet": ".parquet, .arrow or a folder (a name without an ending)",
            }[self.format]
            raise ValueError(
                f"file: format {self.format} cannot be a .{kind} file: it writes rows as they are, "
                f"into {ends}; {', '.join(registry.names('format'))} go into any of .jsonl .json .csv "
                ".tsv .parquet .arrow"
            )
        if self.format in AS_THEY_ARE and changed(self, ("keep",)):
            raise ValueError(f"keep: format {self.format} keeps every field")
        return self

    @property
    def file_name(self) -> str:
        """The file that is written."""
        return self.file or ("data.parquet" if self.format == "parquet" else "data.jsonl")


def named(config: Config, pipeline: str) -> Config:
    """The card bears the pipeline's name, unless it has a title of its own."""
    return config if config.title else config.model_copy(update={"title": pipeline})


def faults(config: Config) -> list[Fault]:
    """A format of the user's own that cannot be loaded."""
    return format_faults(config.format, "write")


def needs(config: Config) -> dict[str, Need]:
    """The rows to export."""
    return {"rows": Need("rows")}


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Writes the rows' file, `rejected.jsonl` with the rows that the format cannot hold, and `README.md`.

    Raises:
        EmptyResult: the format can hold none of the rows.
        InputError: the reviews cannot be read.
    """
    layout: Format | None = None if config.format in AS_THEY_ARE else registry.find("format", config.format)()
    summary = Summary(config.format, config.file_name)
    counts, lacking = Counts(), Counter[str]()
    said = said_by_row(config.reviews) if config.reviews is not None else {}
    reviewed = 0
    as_lines = config.file_name.endswith(".jsonl")
    context.work.mkdir(parents=True, exist_ok=True)
    plain = out / config.file_name if as_lines else context.work / "records.jsonl"
    plain.unlink(missing_ok=True)
    source = inputs["rows"][0]
    with (
        RowWriter(plain) as records,
        RowWriter(out / "rejected.jsonl") as refused,
        context.reporter.stage(context.stage_id, source.rows) as progress,
    ):
        for row in read_rows(source.file):
            counts.in_ += 1
            try:
                record = row if layout is None else _record(layout, row, config.keep)
            except Unfit as fault:
                refused.write(rejected(row, stage=context.stage_id, rule=fault.rule, value=fault.value))
                counts.reject(fault.rule)
                lacking[str(fault.value)] += fault.rule == "missing_field"
            else:
                if config.reviews is not None:
                    record = {**record, REVIEWS: said.get(review_id(row), [])}
                    reviewed += bool(record[REVIEWS])
                records.write(record)
                counts.kept += 1
                summary.add(row, record)
            if counts.in_ % _EVERY == 0:
                progress.update(done=counts.in_, failed=counts.in_ - counts.kept)
                if signal := context.stopping():
                    raise Interrupted(signal)
    if not counts.kept:
        raise _empty(config, counts, lacking, source.name)

    def again() -> Iterator[Row]:
        return read_rows(plain)

    if not as_lines:
        write_file(out / config.file_name, again)
        plain.unlink()
    about = About(
        config.title or About.title,
        config.license,
        config.language,
        source.sha256,
        steps_behind([source]),
        terms_of,
    )
    (out / "README.md").write_text(make_card(summary, counts.plain(), about), encoding="utf-8")
    files: dict[str, int | None] = {
        config.file_name: counts.kept,
        "rejected.jsonl": refused.rows,
        "README.md": None,
    }
    return Outcome(
        counts,
        files,
        extra={"left_out": summary.left_out, "file": config.file_name, "version": source.sha256},
        table=f"{_table(config, counts, summary, reviewed)}\n  dataset version {source.version}",
    )


def _empty(config: Config, counts: Counts, lacking: Counter[str], source: str) -> EmptyResult:
    """Why no row fits the format; `lacking` counts the fields that rows do not have."""
    reasons = ", ".join(f"{rule}: {count:,}" for rule, count in sorted(counts.rejected.items()))
    if lacking["output"] == counts.in_ > 0:
        return EmptyResult(
            f"no row fits format {config.format}: none of the {counts.in_:,} rows has an output, "
            "which it needs",
            source,
            "answer them first (generate: {task: respond}), or export the questions as they are: "
            "format: jsonl or parquet",
        )
    missing = ", ".join(f"{field} ({count:,})" for field, count in lacking.most_common(3) if count)
    return EmptyResult(
        f"no row fits format {config.format}: {reasons or 'there are no rows'}",
        source,
        f"what they lack: {missing}"
        if missing
        else "choose another format; jsonl and parquet take rows as they are",
    )


def _record(layout: Format, row: Row, keep: tuple[str, ...]) -> dict[str, Any]:
    """A row in the layout, with the fields of the row that are to be kept.

    Raises:
        Unfit: the layout cannot hold it; `not_to_learn` for a bad answer whose label would stay behind.
    """
    record = layout.write(row)
    record = {**{field: row[field] for field in keep if field in row and field not in record}, **record}
    if row.get("label") is False and record.keys().isdisjoint(("label", "kto_tag", "chosen")):
        raise Unfit("not_to_learn", "label: false")
    return record


def _table(config: Config, counts: Counts, summary: Summary, reviewed: int) -> str:
    lines = [
        f"exported {counts.kept:,} of {amount(counts.in_, 'row')} as {config.format}: {config.file_name}"
    ]
    lines += [
        f"  rejected as {rule}: {count:,} (see rejected.jsonl)"
        for rule, count in sorted(counts.rejected.items())
    ]
    if summary.left_out:
        lines.append(f"  fields that stay behind: {_listed(summary.left_out)} (`keep` takes them along)")
    if config.reviews is not None:
        lines.append(f"  people marked {reviewed:,} of them: see the field {REVIEWS}")
    return "\n".join(lines)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{field} ({count:,})" for field, count in counts.items())


STAGE = Stage(
    config=Config,
    version=4,
    writes="metrics",
    needs=needs,
    run=run,
    named=named,
    faults=faults,
    provenance=provenance,
    see="Without a pipeline, and what reads which format: [data.md](data.md#export).",
    sharding=Whole("it writes one data set with one card"),
    example="- export: {format: messages, file: train.jsonl}",
)
