"""`synthgen import-log`: logged chats as rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli import options as o
from synthgen.cli.next_commands import next_command


def import_log(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="logs of chats: JSONL, JSON, CSV, Parquet")
    ],
    out: Annotated[Path, typer.Option("-o", metavar="DIR", help="the folder to publish")],
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="NAME", help="of a request's metadata, into meta; repeatable"),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace DIR")] = False,
    as_json: o.AsJson = False,
) -> None:
    """Make rows of logged chats, personal data masked.

    Every line is a row, or is told in rejected.jsonl with the reason.
    """
    from synthgen.operations.import_log import import_log as imported

    manifest = imported(files, out, keep=keep or (), overwrite=overwrite)
    if as_json:
        o.out_json({"out": str(out), "counts": manifest.counts, "masked": manifest.extra["masked"]})
        return
    o.out(str(manifest.extra["table"]))
    o.hint(next_command("inspect", out))
