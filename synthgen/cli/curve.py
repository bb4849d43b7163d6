"""`synthgen curve`: students trained on shares of the rows, with and without rationales."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli import options as o
from synthgen.cli.next_commands import next_command
from synthgen.core.errors import ConfigError


def curve(
    pipeline: o.PipelinePath,
    shares: Annotated[
        str,
        typer.Option("--shares", metavar="P,P,…", help="percentages of the training rows; 100 is always one"),
    ] = "12.5,25,50,100",
    student: Annotated[
        str | None,
        typer.Option("--student", metavar="STAGE_ID", help="this student only, where several are measured"),
    ] = None,
    as_it_is: Annotated[
        bool, typer.Option("--as-it-is", help="do not also train the student on answers alone")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what it would train, ask and cost; do nothing")
    ] = False,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    accept_partial: o.AcceptPartial = False,
    grace: o.Grace = 30.0,
    workers: o.Workers = 0,
    as_json: o.AsJson = False,
) -> None:
    """Train on shares of the rows, with and without rationales.

    Says what more rows would give, and how many fewer a student needs that learns rationales. The plot is in
    the report of the run NAME.curve.
    """
    from synthgen.core.text import terminal_columns
    from synthgen.operations.curve import curve, curve_ahead
    from synthgen.reports.curve import curve_table

    chosen = o.run_options(
        runs=runs, ledger=ledger, accept_partial=accept_partial, grace=grace, workers=workers
    )
    checked = o.load(pipeline, set, values, env_file)
    if dry_run:
        ahead = curve_ahead(checked, chosen, shares=_percentages(shares), student=student, bare=not as_it_is)
        o.out_json(ahead.plain()) if as_json else o.out(ahead.text(terminal_columns()))
        return
    found = curve(
        checked,
        chosen,
        shares=_percentages(shares),
        student=student,
        bare=not as_it_is,
    )
    o.out_json(found) if as_json else o.out(curve_table(found, terminal_columns()))
    o.hint(next_command("report", runs / f"{checked.name}.curve", ledger=ledger))


def _percentages(text: str) -> list[float]:
    try:
        return [float(part.strip().removesuffix("%")) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ConfigError(
            f"shares are numbers with commas: {text!r}", "--shares", "--shares 25,50,100"
        ) from None
