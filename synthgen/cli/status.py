"""`synthgen status`: how far a run is, what it cost, and what would run again and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli import options as o


def status(
    run: o.RunName,
    pipeline: Annotated[
        Path | None,
        typer.Option(
            "--pipeline",
            metavar="FILE",
            help="the pipeline file to hold it against; its recorded one where left out",
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="show it again as it changes, until nobody is at work in the run")
    ] = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="wait for its end, and exit as it did: 0 done, 1 failed, 3 at the budget"
        ),
    ] = False,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    ledger: o.Ledger = o.LEDGER,
    as_json: o.AsJson = False,
) -> None:
    """Show a run's stages, counts, rates and cost.

    Also of a live run and of shards; the scores and verdicts so far; and what would rerun, and why.
    """
    from synthgen.core.errors import InputError, SynthgenError
    from synthgen.pipeline.spec import RESOLVED
    from synthgen.reports.status import run_status, somebody_at_work, status_table
    from synthgen.reports.watch import watch as look_again

    if wait and Path(run).suffix in (".yaml", ".yml"):
        folder = runs / o.load(Path(run), set, values).name  # it may not have begun
    else:
        folder = o.find_run(run, runs)
    file = pipeline or (Path(run) if Path(run).suffix in (".yaml", ".yml") else folder / RESOLVED)
    if file == folder / RESOLVED and not file.exists():
        raise InputError(
            "nothing has run here yet",
            str(folder),
            "run its pipeline file with `synthgen run`; `synthgen status` takes that file, too",
        )
    checked, unchecked = None, ""
    try:
        checked = o.load(file, set, values)
    except SynthgenError as fault:
        if file != folder / RESOLVED or set or values or wait:
            raise
        unchecked = fault.faults[0].what  # the run is looked at elsewhere; what is there can be told
    if watch and not as_json:
        look_again(
            lambda: status_table(run_status(folder, checked, ledger, unchecked)),
            lambda: somebody_at_work(folder),
            o.out_again,
        )
        return
    code = 0
    if wait:
        from synthgen.reports.waiting import wait_for

        begun = folder if Path(run).suffix not in (".yaml", ".yml") else None
        report, code = wait_for(
            lambda: (run_status(folder, checked, ledger), somebody_at_work(folder)), o.say, begun
        )
    else:
        report = run_status(folder, checked, ledger, unchecked)
    o.out_json(report) if as_json else o.out(status_table(report))
    if code:
        raise typer.Exit(code)
