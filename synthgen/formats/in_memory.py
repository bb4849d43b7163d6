"""Rows in memory: lists of dicts, DataFrames and Datasets as records, and rows as one of the latter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from synthgen.core.errors import ConfigError, InputError
from synthgen.core.rows import Row
from synthgen.formats.column_files import Record, Records, table_of
from synthgen.formats.containers.typed import plain_value

_MISSING = ("NAType", "NaTType")  # pandas' values for nothing


def records_of(data: Any) -> Iterator[Record]:
    """The records of a list of dicts, a pandas or polars DataFrame, or a Dataset of the datasets library.

    Raises:
        InputError: it is none of these, or one of a list is no dict.
    """
    if isinstance(data, Mapping):  # a DatasetDict, too
        splits = ", ".join(map(str, data))
        raise InputError(
            f"this is one mapping ({splits}), where rows are wanted", next="give one of its parts"
        )
    if hasattr(data, "iter_rows") and hasattr(data, "schema"):
        yield from (_plain(record) for record in data.iter_rows(named=True))
    elif hasattr(data, "to_dict") and hasattr(data, "columns"):
        names = [str(name) for name in data.columns]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(
                f"several columns are called {', '.join(twice)}", next="give each column a name of its own"
            )
        for start in range(0, len(data), 1000):
            yield from (_plain(record) for record in data.iloc[start : start + 1000].to_dict("records"))
    elif isinstance(data, Iterable) and not isinstance(data, str | bytes):
        for number, record in enumerate(data):
            if not isinstance(record, Mapping):
                raise InputError(f"row {number} is {type(record).__name__}, where a dict is wanted")
            yield _plain(record)
    else:
        raise InputError(
            f"{type(data).__name__} holds no rows",
            next="give a path, a list of dicts, a DataFrame or a Dataset",
        )


def to_dataset(rows: Records) -> Any:
    """Rows as a `datasets.Dataset`; a column of mixed types, such as `meta`, holds JSON texts.

    Raises:
        ConfigError: the datasets library is not installed.
    """
    try:
        import datasets
    except ImportError as fault:
        raise ConfigError(
            "a Dataset needs the datasets library", next="pip install 'synthgen-pipeline[data]'"
        ) from fault
    return datasets.Dataset(table_of(rows))


def to_pandas(rows: Iterable[Row]) -> Any:
    """Rows as a DataFrame whose cells hold the values as they are.

    Raises:
        ConfigError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as fault:
        raise ConfigError("a DataFrame needs pandas", next="pip install 'synthgen-pipeline[data]'") from fault
    return pandas.DataFrame.from_records(list(rows))


def _plain(record: Mapping[str, Any]) -> Record:
    return {
        str(name): found
        for name, value in record.items()
        if (found := plain_value(_own_value(value))) is not None
    }


def _own_value(value: Any) -> Any:
    """A value of numpy's or pandas' own as Python's."""
    if type(value).__name__ in _MISSING:
        return None
    return value.tolist() if hasattr(value, "tolist") else value
