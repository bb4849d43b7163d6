"""Where rows are read from: files, folders, globs and hub datasets, and how their columns are named."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator, model_validator

from synthgen.core import registry
from synthgen.core.config import Component, InputFile
from synthgen.core.defaults import changed
from synthgen.core.errors import ConfigError, Fault, InputError, SynthgenError, UnknownName, nearest
from synthgen.core.hashing import input_files
from synthgen.core.rows import CONTENT_FIELDS
from synthgen.formats.containers.hub import read_hub
from synthgen.formats.containers.read import read_file
from synthgen.formats.containers.records import Record
from synthgen.formats.containers.unpacking import container_of
from synthgen.formats.message_trees import join_messages
from synthgen.formats.saved_datasets import saved_files, without_descriptions

MAPPABLE = ("id", *CONTENT_FIELDS)
FIRST_RECORDS = 100  # by which a part's columns are recognised
_OTHER_NAMES = {"question": "instruction", "answer": "output", "response": "output", "gold": "reference"}
_RESULTS = ("manifest.json", "pipeline.resolved.yaml", "run.log.jsonl")  # files that only a run's folder has


class Source(Component):
    """One source of rows; a text alone is its path."""

    path: Annotated[str | None, InputFile(named=True)] = Field(
        None,
        description=(
            "a file, a folder or a glob; .jsonl .json .csv .tsv .parquet (each also .gz or .zst) .arrow"
        ),
    )
    dataset: str | None = Field(None, description="id of a dataset on the Hugging Face hub")
    name: str | None = Field(None, description="the dataset's configuration")
    split: str | None = Field(None, description="the dataset's split; train where left out")
    revision: str | None = Field(None, description="the dataset's commit, branch or tag")
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="our field: their column, e.g. {instruction: question, reference: gold}",
    )
    format: str | None = Field(
        None, description="how records are laid out; recognised by their columns where left out"
    )
    system: str | None = Field(
        None,
        description=(
            "a system turn for its rows that have none, as the student gets it in training and in evaluation"
        ),
    )
    limit: int | None = Field(None, ge=1, description="stop once this many rows of this source are kept")

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        if (self.path is None) == (self.dataset is None):
            raise ValueError("a source is either a path or a dataset")
        if not self.label.strip():
            raise ValueError("a source's path or dataset is an empty text")
        misplaced = changed(self, ("name", "revision", "split"))
        if self.path is not None and misplaced:
            raise ValueError(f"{' and '.join(misplaced)} belong to a dataset, not to a path")
        return self

    @field_validator("columns")
    @classmethod
    def _known_fields(cls, value: dict[str, str]) -> dict[str, str]:
        for field in value:
            if field not in MAPPABLE:
                near = _OTHER_NAMES.get(field.lower()) or nearest(field, MAPPABLE)
                if near is None and value[field] in MAPPABLE:
                    raise ValueError(
                        f"columns map our field to their column: {value[field]!r} is ours and comes first, "
                        f"{field!r} is theirs"
                    )
                raise ValueError(
                    f"columns map our field to their column; we have no field {field!r}"
                    + (f", did you mean {near!r}?" if near else f" (we have {', '.join(MAPPABLE)})")
                )
        for column in value.values():
            named = [field for field, other in value.items() if other == column]
            if len(named) > 1:
                raise ValueError(
                    f"columns: {column!r} is given for {' and for '.join(named)}; a column becomes one field"
                )
        return value

    @field_validator("format")
    @classmethod
    def _known_format(cls, value: str | None) -> str | None:
        if value is not None and ":" not in value and value not in registry.names("format"):
            raise ValueError(
                str(UnknownName("format", value, registry.names("format")).faults[0].what)
                + f" (known: {', '.join(sorted(registry.names('format')))})"
            )
        return value

    @property
    def label(self) -> str:
        """The source as it was given."""
        return self.path or self.dataset or ""


@dataclass(frozen=True)
class Part:
    """One file of a source, or its dataset; `label` is what `meta.source` says."""

    source: Source
    label: str
    path: Path | None

    def records(self) -> Iterator[Record]:
        """All its records, good or broken; the messages of a tree that have a record each are one.

        Raises:
            InputError: the file cannot be read as the kind its name says, or changed while it was read.
        """
        source = self.source
        if self.path is not None:
            records = _unchanged(self.path, read_file(self.path))
        else:
            assert source.dataset is not None
            records = read_hub(source.dataset, source.name, source.split or "train", source.revision)
        joined = not source.columns and source.format in (None, "oasst_tree")
        return join_messages(records) if joined else records

    def place(self, number: int) -> str:
        """Where a record is, as messages say it."""
        return f"{self.label}:{number}"


def first_records(part: Part) -> list[Record]:
    """The records by which a part's columns are recognised.

    Raises:
        InputError: see `Part.records`.
    """
    return list(islice(part.records(), FIRST_RECORDS))


def _unchanged(path: Path, records: Iterator[Record]) -> Iterator[Record]:
    """The records of a file, which must not change before the last one is read."""
    before = path.stat()
    yield from records
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise InputError(
            "the file was changed while it was read",
            str(path),
            "run again once whoever writes it is done; nothing of it was used",
        )


def parts_of(source: Source) -> list[Part]:
    """The files of a source in order of their names (or its dataset).

    Raises:
        SourceMissing: there is none, with the nearest existing name.
    """
    if source.path is None:
        return [Part(source, source.label, None)]
    files = input_files(source.path)
    if Path(source.path).is_file():
        return [Part(source, source.path, Path(source.path))]
    if Path(source.path).is_dir() and (results := [file.parent for file in files if file.name in _RESULTS]):
        kept = next((f", such as {file}" for file in files if file.name == "rows.jsonl"), "")
        raise SourceMissing(
            Fault(
                "the folder holds results of a run, rejected rows and logs among them",
                f"{source.path} (found {results[0]})",
                f"name the files{kept}; or put the data in a folder of its own",
            )
        )
    if Path(source.path).is_dir() and (saved := saved_files(Path(source.path))) is not None:
        return [Part(source, file.as_posix(), file) for file in saved]
    readable = [file for file in without_descriptions(files) if container_of(file) is not None]
    if not readable:
        raise SourceMissing(_missing(source.path, files))
    return [Part(source, file.as_posix(), file) for file in readable]


def sources_of(paths: Sequence[str | Path], columns: Mapping[str, str] | None = None) -> tuple[Source, ...]:
    """Files, folders or globs as sources that share one mapping of columns.

    Raises:
        ConfigError: the mapping names an unknown field.
    """
    try:
        return tuple(Source(path=str(path), columns=dict(columns or {})) for path in paths)
    except ValidationError as fault:
        raise ConfigError(str(fault.errors()[0]["msg"]).removeprefix("Value error, ")) from fault


class SourceMissing(SynthgenError):
    """A source that is not there."""

    exit_code = 2

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.what, fault.where, fault.next)


def _missing(path: str, others: list[Path]) -> Fault:
    if others:
        return Fault(
            "none of the files here can be read",
            path,
            f"found {', '.join(file.name for file in others[:5])}; known endings: .jsonl .json .csv "
            ".tsv .parquet (each also .gz or .zst) .arrow",
        )
    if glob.has_magic(path):
        return Fault(
            "no file matches",
            path,
            "quote the pattern, and remember that paths are relative to where the command runs",
        )
    if Path(path).is_dir():
        return Fault("the folder holds no files", path)
    if Path(path).exists():
        return Fault(
            "this is no file",
            path,
            "rows are read more than once: write what a pipe or a device gives to a file first",
        )
    folder = Path(path).parent
    if not folder.is_dir():
        return Fault(
            "no such file",
            path,
            f"there is no folder {str(folder)!r} here; paths are relative to where the command runs",
        )
    near = nearest(Path(path).name, os.listdir(folder))
    return Fault(
        "no such file",
        path,
        f"did you mean {str(folder / near)!r}?" if near else "paths are relative to where the command runs",
    )
