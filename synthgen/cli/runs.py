"""`synthgen runs`: the runs there are."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli import options as o


def runs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="the folder that holds the runs")] = o.RUNS,
    ledger: o.Ledger = o.LEDGER,
    as_json: o.AsJson = False,
) -> None:
    """List the runs: state, rows, score, money, size.

    The newest first; score and verdict are those of the best student in the last evaluation.
    """
    from synthgen.core.text import terminal_columns
    from synthgen.reports.runs import list_runs, runs_table

    listed = list_runs(folder, ledger)
    if as_json:
        o.out_json(listed)
    else:
        o.out(runs_table(listed, terminal_columns(), datetime.datetime.now(datetime.UTC)))
