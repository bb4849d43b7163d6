"""`synthgen inspect`: what is in a file or a run."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli import options as o


def inspect(
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE|RUN|FOLDER",
            help="a row file, a run's name, folder or pipeline file, or one stage's folder (what -o wrote)",
        ),
    ],
    samples: Annotated[int, typer.Option("-n", metavar="N", min=0, help="random rows to show")] = 1,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="of the random rows")] = 0,
    full: Annotated[
        bool, typer.Option("--full", help="more examples of each rule, whole sample rows and verdicts")
    ] = False,
    runs: o.Runs = o.RUNS,
    ledger: o.Ledger = o.LEDGER,
    as_json: o.AsJson = False,
) -> None:
    """Show counts, lengths, sample rows and drop reasons.

    Of a file, a run, or a stage's folder: an evaluation shows its scores, a student its training. Duplicates
    stand beside the row they matched. Also while it runs.
    """
    from synthgen.reports.find_run import find_rows
    from synthgen.reports.inspect import inspect_path
    from synthgen.reports.inspect_text import inspect_text

    report = inspect_path(find_rows(target, runs), samples=samples, seed=seed, ledger=ledger)
    o.out_json(report) if as_json else o.out(inspect_text(report, full))
