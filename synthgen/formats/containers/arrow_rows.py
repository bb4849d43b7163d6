"""Arrow files, as the datasets library saves and caches them: .arrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthgen.core.errors import InputError
from synthgen.formats.containers.parquet import packed_columns, unpack_columns
from synthgen.formats.containers.records import Record
from synthgen.formats.containers.typed import plain_value


def read_arrow(path: Path) -> Iterator[Record]:
    """Rows of an arrow stream or file, batch by batch; values as in parquet files."""
    try:
        import pyarrow as arrow
    except ImportError as fault:
        raise InputError(
            "reading arrow files needs pyarrow", str(path), "pip install 'synthgen-pipeline[data]'"
        ) from fault
    try:
        with arrow.memory_map(str(path)) as source:
            number = 0
            for batch in _batches(source):
                packed = packed_columns(batch.schema)
                for start in range(0, batch.num_rows, 1024):
                    for fields in batch.slice(start, 1024).to_pylist():
                        number += 1
                        yield Record(number, plain_value(unpack_columns(fields, packed)))
    except (arrow.ArrowException, OSError) as fault:
        raise InputError(
            f"no whole arrow file: {str(fault).splitlines()[0]}",
            str(path),
            "fetch it again; nothing of it was used",
        ) from fault


def _batches(source: Any) -> Iterator[Any]:
    import pyarrow as arrow

    try:
        stream = arrow.ipc.open_stream(source)
    except arrow.ArrowInvalid:
        file = arrow.ipc.open_file(source)
        yield from (file.get_batch(index) for index in range(file.num_record_batches))
        return
    yield from stream
