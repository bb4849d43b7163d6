"""Records as files: .jsonl, .json, .csv and .tsv, each also as .gz or .zst; .parquet and .arrow; a folder.

The same records give the same bytes.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from synthgen.core.errors import ConfigError
from synthgen.formats.column_files import Records, write_arrow, write_parquet, write_saved
from synthgen.formats.containers.unpacking import PACKED, container_of

ENDINGS = (
    ".jsonl .json .csv .tsv (each also .gz or .zst), .parquet and .arrow; a name without one is a folder"
)
COLUMNS = ("parquet", "arrow", "folder")
"""Kinds with typed columns."""


def kind_of_file(name: str) -> str | None:
    """What `write_file` makes of a name: a kind of `container_of`, or None for an ending that is not known.

    A name without one is a `folder`, as `Dataset.save_to_disk` of the datasets library writes it.
    """
    path = Path(name)
    if not path.suffix:
        return "folder"
    kind = container_of(path)
    return None if kind in COLUMNS and path.suffix in PACKED else kind


def write_file(path: Path, records: Records) -> int:
    """Writes records to a new file of the kind its name says; returns how many there were.

    Values that a column cannot hold as they are (nested, or of mixed types) become JSON text; a parquet or
    arrow column of such texts is marked, so that reading gives the values back.

    Raises:
        ConfigError: the name does not say what kind of file is wanted.
    """
    kind = kind_of_file(path.name)
    if kind is None:
        raise ConfigError(
            f"the name {path.name!r} does not say what kind of file to write",
            next=f"known endings: {ENDINGS}",
        )
    if kind in COLUMNS:
        return {"parquet": write_parquet, "arrow": write_arrow, "folder": write_saved}[kind](path, records)
    write = {"jsonl": _write_jsonl, "json": _write_json, "csv": _write_csv, "tsv": _write_tsv}[kind]
    with _packing(path) as target:
        return write(target, records)


@contextmanager
def _packing(path: Path) -> Iterator[BinaryIO]:
    with open(path, "xb") as plain:
        if path.suffix == ".gz":
            # No name and no time in the header: the same records give the same bytes.
            with gzip.GzipFile("", "wb", fileobj=plain, mtime=0) as packed:
                yield cast(BinaryIO, packed)
        elif path.suffix == ".zst":
            import zstandard

            with zstandard.ZstdCompressor().stream_writer(plain, closefd=False) as packed_zst:
                yield cast(BinaryIO, packed_zst)
        else:
            yield plain


def _write_jsonl(target: BinaryIO, records: Records) -> int:
    count = 0
    for count, record in enumerate(records(), 1):  # noqa: B007
        target.write(orjson.dumps(record) + b"\n")
    return count


def _write_json(target: BinaryIO, records: Records) -> int:
    count = 0
    for count, record in enumerate(records(), 1):
        target.write((b"[\n" if count == 1 else b",\n") + orjson.dumps(record))
    target.write(b"\n]\n" if count else b"[]\n")
    return count


def _write_csv(target: BinaryIO, records: Records, delimiter: str = ",") -> int:
    columns = list(dict.fromkeys(column for record in records() for column in record))
    text = io.TextIOWrapper(target, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(columns)
    count = 0
    for count, record in enumerate(records(), 1):  # noqa: B007
        writer.writerow([_cell(record.get(column)) for column in columns])
    text.flush()
    text.detach()
    return count


def _write_tsv(target: BinaryIO, records: Records) -> int:
    return _write_csv(target, records, "\t")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
