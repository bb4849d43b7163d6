"""`synthgen drift`: whether a run's student has fallen behind since it was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli import options as o


def drift(
    run: o.RunName,
    rows: Annotated[
        int, typer.Option("-n", metavar="N", min=0, help="questions of this look; 0 shows where things stand")
    ] = 200,
    log: Annotated[
        Path | None,
        typer.Option("--log", metavar="FILE", help="logged chats to ask about, in place of fresh questions"),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by", metavar="FIELD", help="what cuts rows into slices; evaluate's own where left out"
        ),
    ] = None,
    student: Annotated[
        list[str] | None,
        typer.Option("--student", metavar="STUDENT", help="whom it is about; all where left out"),
    ] = None,
    stage: Annotated[
        str,
        typer.Option("--stage", metavar="STAGE_ID", help="the evaluate stage; the last one where left out"),
    ] = "",
    confidence: Annotated[
        str | None,
        typer.Option(
            "--confidence", metavar="SHARE", help="the share of runs that never raise a false alarm: 95%"
        ),
    ] = None,
    regenerate: Annotated[
        int,
        typer.Option(
            "--regenerate", metavar="N", min=0, help="make N training questions for the slices that fell"
        ),
    ] = 0,
    required: Annotated[
        bool, typer.Option("--require", help="exit with 1 if a slice fell, for scripts")
    ] = False,
    runs: o.Runs = o.RUNS,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Ask fresh questions: has the student fallen behind?

    Student and teacher are asked; scores are held against those at training time, slice by slice. Look as
    often as you like: all looks together raise a false alarm in 5% of runs at most.
    """
    from synthgen.operations.drift.look import Looking, look_at, require
    from synthgen.operations.drift.regenerate import regenerate as make_rows
    from synthgen.operations.drift.report import lines, plain

    if env_file is not None:
        o.read_env_file(env_file)
    options = o.run_options(runs=runs, ledger=ledger)
    found = look_at(
        o.find_run(run, runs),
        Looking(rows, log, stage, tuple(by or ()), tuple(student or ()), o.share("--confidence", confidence)),
        options,
    )
    made = make_rows(found, regenerate, options) if regenerate else None
    o.out_json(plain(found, made)) if as_json else o.out("\n".join(lines(found, made)))
    if required:
        require(found)
