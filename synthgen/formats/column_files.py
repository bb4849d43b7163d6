"""Records as files of typed columns: parquet, arrow, and a folder as the datasets library saves it.

A column whose values are of several types, or nested otherwise than turns are, holds their JSON text and is
marked. Memory holds one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from synthgen.core.errors import ConfigError
from synthgen.core.hashing import file_sha256
from synthgen.formats.containers.parquet import JSON_MARK

Record = dict[str, Any]
Records = Callable[[], Iterable[Record]]
"""Starts a pass over the records; a file with columns needs two."""

BATCH = 1024  # rows of a batch
DATA = "data-00000-of-00001.arrow"
_TURN_KEYS = (["role", "content"], ["from", "value"])


class _Columns(NamedTuple):
    """The columns of all records: a name's kind, and the schema that it makes."""

    kinds: dict[str, str]
    schema: Any


def write_parquet(path: Path, records: Records) -> int:
    """Writes a parquet file; returns how many records there were."""
    columns = _columns(records)
    import pyarrow.parquet as parquet

    with parquet.ParquetWriter(path, columns.schema, compression="zstd") as writer:
        return _written(writer, columns, records)


def write_arrow(path: Path, records: Records) -> int:
    """Writes an arrow stream, as `datasets.Dataset.from_file` maps into memory."""
    columns = _columns(records)
    import pyarrow as arrow

    with arrow.OSFile(str(path), "wb") as target, arrow.ipc.new_stream(target, columns.schema) as writer:
        return _written(writer, columns, records)


def write_saved(folder: Path, records: Records) -> int:
    """Makes a folder that `datasets.load_from_disk` opens; its fingerprint is that of its data."""
    folder.mkdir()
    count = write_arrow(folder / DATA, records)
    state: dict[str, Any] = {
        "_data_files": [{"filename": DATA}],
        "_fingerprint": file_sha256(folder / DATA)[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": "train",
    }
    for name, value in (("state.json", state), ("dataset_info.json", {"citation": "", "description": ""})):
        (folder / name).write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
    return count


def table_of(records: Records) -> Any:
    """Records as an arrow table in memory."""
    columns = _columns(records)
    import pyarrow as arrow

    batches = [
        arrow.RecordBatch.from_pylist(batch, schema=columns.schema) for batch in _batches(columns, records)
    ]
    return arrow.Table.from_batches(batches, schema=columns.schema)


def _columns(records: Records) -> _Columns:
    try:
        import pyarrow as arrow
    except ImportError as fault:
        raise ConfigError(
            "writing .parquet, .arrow and folders needs pyarrow", next="pip install 'synthgen-pipeline[data]'"
        ) from fault

    def turns(keys: list[str]) -> Any:
        return arrow.struct([(key, arrow.string()) for key in keys])

    types = {
        "text": arrow.string(),
        "integer": arrow.int64(),
        "number": arrow.float64(),
        "truth": arrow.bool_(),
        **{f"turn {keys[0]}": turns(keys) for keys in _TURN_KEYS},
        **{f"turns {keys[0]}": arrow.list_(turns(keys)) for keys in _TURN_KEYS},
    }
    kinds: dict[str, set[str]] = {}
    for record in records():
        for column, value in record.items():
            kinds.setdefault(column, set()).add(_kind(value))
    chosen = {column: _one_kind(values) for column, values in kinds.items()}
    fields = [
        arrow.field(
            column,
            types.get(kind, arrow.string()),
            metadata={JSON_MARK: b"json"} if kind == "json" else None,
        )
        for column, kind in chosen.items()
    ]
    return _Columns(chosen, arrow.schema(fields))


def _written(writer: Any, columns: _Columns, records: Records) -> int:
    import pyarrow as arrow

    count = 0
    for batch in _batches(columns, records):
        writer.write_batch(arrow.RecordBatch.from_pylist(batch, schema=columns.schema))
        count += len(batch)
    return count


def _batches(columns: _Columns, records: Records) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records():
        batch.append(
            {
                column: orjson.dumps(record[column]).decode()
                if kind == "json" and record.get(column) is not None
                else record.get(column)
                for column, kind in columns.kinds.items()
            }
        )
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int):
        return "integer" if -(1 << 63) <= value < 1 << 63 else "json"
    if isinstance(value, float):
        return "number"
    if isinstance(value, dict):
        return f"turn {next(iter(value))}" if _is_turn(value) else "json"
    if isinstance(value, list) and all(isinstance(turn, dict) and _is_turn(turn) for turn in value):
        keys = {next(iter(turn)) for turn in value} or {"role"}
        return f"turns {keys.pop()}" if len(keys) == 1 else "json"
    return "json"


def _is_turn(value: dict[str, Any]) -> bool:
    return list(value) in _TURN_KEYS and all(isinstance(part, str) for part in value.values())


def _one_kind(kinds: set[str]) -> str:
    real = kinds - {"nothing"}
    return "text" if not real else real.pop() if len(real) == 1 else "json"
