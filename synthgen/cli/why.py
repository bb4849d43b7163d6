"""`synthgen why`: the whole story of one row."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli import options as o


def why(
    run: o.RunName,
    row_id: Annotated[
        str,
        typer.Argument(metavar="ROW_ID", help="the id of a row, kept or rejected; its beginning is enough"),
    ],
    runs: o.Runs = o.RUNS,
    ledger: o.Ledger = o.LEDGER,
    full: Annotated[
        bool, typer.Option("--full", help="the whole prompt, and where the seeds came from")
    ] = False,
    as_json: o.AsJson = False,
) -> None:
    """Tell where a row came from and what became of it.

    Its seed, prompt, reply, rules, neighbours, and the student's answer.
    """
    from synthgen.reports.why import why_row
    from synthgen.reports.why_text import why_text

    report = why_row(o.find_run(run, runs), row_id, ledger)
    o.out_json(report) if as_json else o.out(why_text(report, full))
