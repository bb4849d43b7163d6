"""`synthgen diff`: what two runs differ in."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli import options as o


def diff(
    run_a: Annotated[str, typer.Argument(metavar="RUN_A", help="a run's name, folder or pipeline file")],
    run_b: Annotated[str, typer.Argument(metavar="RUN_B", help="likewise, the other one")],
    runs: o.Runs = o.RUNS,
    full: Annotated[
        bool, typer.Option("--full", help="also counts that are equal, and examples of rows")
    ] = False,
    as_json: o.AsJson = False,
) -> None:
    """Compare two runs: rows, drop reasons, scores.

    Shows how many rows were added, lost and changed, and drop reasons and scores side by side.
    """
    from synthgen.reports.diff import diff_runs
    from synthgen.reports.diff_text import diff_text

    report = diff_runs(o.find_run(run_a, runs), o.find_run(run_b, runs))
    o.out_json(report) if as_json else o.out(diff_text(report, full))
