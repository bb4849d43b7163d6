"""`synthgen report`: a run as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli import options as o


def report(
    run: o.RunName,
    samples: Annotated[int, typer.Option("-n", metavar="N", min=0, help="example rows of each kind")] = 5,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="where to; report.html in the run")
    ] = None,
    runs: o.Runs = o.RUNS,
    ledger: o.Ledger = o.LEDGER,
) -> None:
    """Write a run's report, one HTML file.

    Self-contained: scores, counts, curves, cost, answers, kept and dropped rows, prompts from the ledger.
    """
    from synthgen.reports.report.page import write_html_report

    o.out(f"written: {write_html_report(o.find_run(run, runs), samples, ledger=ledger, out=out)}")
