"""Curation from Python: of files or of rows in memory, into a folder or into memory."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from synthgen.core.errors import SynthgenError
from synthgen.core.rows import Row
from synthgen.formats.in_memory import records_of, to_dataset, to_pandas
from synthgen.pipeline.notebook import html_of
from synthgen.store.jsonl import RowWriter, read_rows
from synthgen.store.manifest import Manifest, record_outputs, write_manifest

NAME = "data"
"""What `meta.source` calls rows that came from memory: data[0], data[1] …"""


@dataclass(repr=False)
class Curated:
    """What one stage made of rows: its folder, and the account of what it kept and rejected.

    Without a folder of the user's, the rows stand in one that goes when this object does.
    """

    folder: Path
    manifest: Manifest
    _kept: Any = field(default=None)

    @property
    def counts(self) -> dict[str, Any]:
        """`in`, `kept`, and by rule and reason `rejected` and `failed`."""
        return self.manifest.counts

    @property
    def extra(self) -> dict[str, Any]:
        """What else the stage has to tell, its table among it."""
        return self.manifest.extra

    def rows(self) -> Iterator[Row]:
        """The rows that were kept."""
        yield from read_rows(self.folder / "rows.jsonl")  # a generator, which keeps the folder

    def rejected(self) -> Iterator[Row]:
        """The rows that were not, each with its `rejection`."""
        yield from read_rows(self.folder / "rejected.jsonl")

    def to_dataset(self) -> Any:
        """The kept rows as a `datasets.Dataset`; a column of mixed types, as `meta`, holds JSON texts."""
        return to_dataset(self.rows)

    def to_pandas(self) -> Any:
        """The kept rows as a DataFrame."""
        return to_pandas(self.rows())

    def __repr__(self) -> str:
        return f"Curated({str(self.folder)!r}, {self.counts})"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return html_of(str(self.folder), {self.manifest.stage: self.manifest})


def curated(
    data: Sequence[Any], out: str | Path | None, run: Callable[[list[Path], Path], Manifest]
) -> Curated:
    """Runs a curation over paths and rows in memory.

    Args:
        data: each a path, a list of dicts, a DataFrame or a Dataset.
        out: the folder to make; a temporary one where left out.
        run: curates files into a folder.

    Raises:
        InputError: something in `data` holds no rows.
    """
    kept = None if out is not None else tempfile.TemporaryDirectory(prefix="synthgen-")
    folder = Path(out) if out is not None else Path(str(kept and kept.name)) / "out"
    with tempfile.TemporaryDirectory(prefix="synthgen-") as scratch:
        files = [
            Path(one) if isinstance(one, str | Path) else _written(one, Path(scratch) / f"{NAME}-{at}.jsonl")
            for at, one in enumerate(data)
        ]
        own = re.compile(re.escape(f"{scratch}/{NAME}-") + r"(\d+)\.jsonl")

        def named(text: str) -> str:
            return own.sub(rf"{NAME}[\1]", text)

        try:
            manifest = run(files, folder)
        except SynthgenError as fault:
            gone = kept.name if kept is not None else None
            fault.faults = tuple(
                replace(
                    one,
                    what=named(one.what),
                    where="" if gone and gone in one.where else named(one.where),
                    next=named(one.next),
                )
                for one in fault.faults
            )
            raise
    if any(not isinstance(one, str | Path) for one in data):
        manifest = _renamed(folder, manifest, named)
    return Curated(folder, manifest, kept)


def _written(data: Any, path: Path) -> Path:
    with RowWriter(path) as writer:
        for record in records_of(data):
            try:
                writer.write(record)
            except TypeError:
                # Half a surrogate pair, or a number of more than 64 bits: `load` tells why it cannot be read.
                writer.write_raw(json.dumps(record, default=str).encode())
    return path


def _renamed(folder: Path, manifest: Manifest, named: Callable[[str], str]) -> Manifest:
    """Puts `data[0]` in the place of files that nobody knows, in `meta.source` of all rows."""
    for name in ("rows.jsonl", "rejected.jsonl"):
        aside = folder / f"{name}.new"
        with RowWriter(aside) as writer:
            for row in read_rows(folder / name):
                meta = row.get("meta")
                if isinstance(meta, dict) and isinstance(meta.get("source"), str):
                    row["meta"] = {**meta, "source": named(meta["source"])}
                writer.write(row)
        aside.replace(folder / name)
    rows = {name: record.rows for name, record in manifest.outputs.items()}
    manifest = manifest.model_copy(update={"outputs": record_outputs(folder, rows)})
    write_manifest(folder, manifest)
    return manifest
