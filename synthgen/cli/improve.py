"""`synthgen improve`: more data where the student fails, round by round."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli import options as o
from synthgen.cli.next_commands import next_command


def improve(
    pipeline: o.PipelinePath,
    rounds: Annotated[int, typer.Option("--rounds", min=1, metavar="N", help="at most so many rounds")] = 1,
    usd: Annotated[
        float | None,
        typer.Option("--usd", min=0.000001, metavar="X", help="dollars for new rows, all rounds together"),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option("--rows", min=1, metavar="N", help="questions a round, in place of --usd"),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="FIELD",
            help="what cuts rows into slices: a field such as meta.attributes.topic, or stage: the stages "
            "that the split reads; the first of evaluate's `by` where left out",
        ),
    ] = None,
    student: Annotated[
        str | None,
        typer.Option("--student", metavar="STAGE_ID", help="the student, where several are measured"),
    ] = None,
    evolve: Annotated[
        bool,
        typer.Option("--evolve", help="rewrite new questions by the task evolve before they are answered"),
    ] = False,
    control: Annotated[
        bool, typer.Option("--control", help="also spend as much on all slices alike, to compare with")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what it would train, ask and cost; do nothing")
    ] = False,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    grace: o.Grace = 30.0,
    workers: o.Workers = 0,
    as_json: o.AsJson = False,
) -> None:
    """Make data where the student fails, and train again.

    Slices are chosen on the validation rows. It stops at the budget, when no slice lies below the teacher, or
    when a round gains less than chance may. Each round is a run; the same command goes on after a stop.
    """
    from synthgen.core.text import terminal_columns
    from synthgen.operations.improve.ahead import improvement_ahead
    from synthgen.operations.improve.run import improve
    from synthgen.reports.improvement import improvement_table

    checked = o.load(pipeline, set, values, env_file)
    options = o.run_options(runs=runs, ledger=ledger, grace=grace, workers=workers)
    if dry_run:
        ahead = improvement_ahead(
            checked,
            options,
            rounds=rounds,
            usd=usd,
            rows=rows,
            by=by,
            student=student,
            evolve=evolve,
            control=control,
        )
        o.out_json(ahead.plain()) if as_json else o.out(ahead.text(terminal_columns()))
        return
    found = improve(
        checked,
        options,
        rounds=rounds,
        usd=usd,
        rows=rows,
        by=by,
        student=student,
        evolve=evolve,
        control=control,
    )
    o.out_json(found) if as_json else o.out(improvement_table(found, terminal_columns()))
    o.hint(next_command("report", runs / f"{checked.name}.improve", ledger=ledger))
