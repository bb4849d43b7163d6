"""`synthgen gc`: what no run needs any more, deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli import options as o


def gc(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="the folder that holds the runs, or one run's folder")
    ] = o.RUNS,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="delete it; else it is only listed")] = False,
    models: Annotated[
        bool, typer.Option("--models", help="also students that no pipeline names any more")
    ] = False,
    as_json: o.AsJson = False,
) -> None:
    """Free what no run needs; only lists it without --yes.

    What killed processes left, checkpoints of finished stages, merged shards, and results of stages that no
    pipeline names. Runs in use, the ledger, marks and files that synthgen did not write are never touched.
    """
    from synthgen.core.text import terminal_columns
    from synthgen.operations.gc.collect import collect_garbage
    from synthgen.reports.garbage_text import garbage_text

    found = collect_garbage(folder, delete=yes, models=models).plain()
    o.out_json(found) if as_json else o.out(garbage_text(found, terminal_columns()))
