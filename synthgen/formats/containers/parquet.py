"""Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from synthgen.core.errors import InputError
from synthgen.formats.containers.records import Record
from synthgen.formats.containers.typed import plain_value
from synthgen.formats.containers.unpacking import PACKED, unpacking

JSON_MARK = b"synthgen"  # in a column's metadata: its texts are JSON (see `column_files`)
BUFFER_BYTES = 1 << 20


def read_parquet(path: Path) -> Iterator[Record]:
    """Rows of a parquet file; dates become ISO text, decimals text, NaN null."""
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as fault:
        raise InputError(
            "reading parquet needs pyarrow", str(path), "pip install 'synthgen-pipeline[data]'"
        ) from fault
    try:
        if path.suffix in PACKED:
            with unpacking(path) as packed:
                source: Any = arrow.BufferReader(packed.read())
        else:
            source = path
        number = 0
        # A small buffer, read as needed: else a whole row group is held, which may be the whole file.
        with parquet.ParquetFile(source, pre_buffer=False, buffer_size=BUFFER_BYTES) as table:
            marked = packed_columns(table.schema_arrow)
            for batch in table.iter_batches(batch_size=1024):
                for fields in batch.to_pylist():
                    number += 1
                    yield Record(number, plain_value(unpack_columns(fields, marked)))
    except (arrow.ArrowException, OSError) as fault:
        raise InputError(
            f"no whole parquet file: {str(fault).splitlines()[0]}",
            str(path),
            "fetch it again; nothing of it was used",
        ) from fault


def packed_columns(schema: Any) -> list[str]:
    """The columns of a schema whose texts are JSON."""
    return [column.name for column in schema if (column.metadata or {}).get(JSON_MARK) == b"json"]


def unpack_columns(fields: dict[str, Any], columns: list[str]) -> dict[str, Any]:
    """The fields of a row, with the values of these columns read from their JSON."""
    for column in columns:
        fields[column] = None if fields[column] is None else orjson.loads(fields[column])
    return fields
