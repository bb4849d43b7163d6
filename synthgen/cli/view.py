"""`synthgen view`: a local page for looking at rows and marking them."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli import options as o


def view(
    target: Annotated[
        str,
        typer.Argument(
            metavar="RUN|FILE|FOLDER",
            help="a run's name, folder or pipeline file, one stage's folder, or a .jsonl (.gz, .zst)",
        ),
    ],
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0: any free one")
    ] = 0,
    reviewer: Annotated[
        str, typer.Option("--reviewer", metavar="NAME", help="who makes the marks; you where left out")
    ] = "",
    read_only: Annotated[bool, typer.Option("--read-only", help="nobody can make a mark")] = False,
    runs: o.Runs = o.RUNS,
    ledger: o.Ledger = o.LEDGER,
) -> None:
    """Look at rows in a browser, and mark them.

    Prints the page's address and serves it on this machine until Ctrl-C. Marks are kept beside the rows, in
    reviews.jsonl.
    """
    from synthgen.reports.find_run import find_rows
    from synthgen.reports.viewer.run import view as serve

    serve(
        find_rows(target, runs),
        o.out,
        port=port,
        reviewer=reviewer,
        read_only=read_only,
        ledger=ledger,
        runs=runs,
    )
