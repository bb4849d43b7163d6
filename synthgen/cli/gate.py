"""`synthgen gate`: whether the teacher is worth its money, before it is spent."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli import options as o
from synthgen.cli.next_commands import next_command


def gate(
    pipeline: o.PipelinePath,
    rows: Annotated[int, typer.Option("-n", metavar="N", min=10, help="test questions that are asked")] = 100,
    required: Annotated[
        bool, typer.Option("--require", help="exit with 1 unless it says PROCEED, for scripts")
    ] = False,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Ask teacher and base a few test questions first.

    PROCEED, ITERATE or RETHINK, with the reasons. Replies stay in the ledger: evaluate does not pay for the
    same questions again.
    """
    from synthgen.operations.gate import gate_pipeline

    found = gate_pipeline(
        o.load(pipeline, set, values, env_file), rows, o.run_options(runs=runs, ledger=ledger)
    )
    o.out_json(found.plain()) if as_json else o.out("\n".join(found.lines()))
    if required:
        found.require()
    if not as_json:
        given = {"set": set, "values": values, "runs": runs, "ledger": ledger, "env_file": env_file}
        o.hint(next_command("run", pipeline, **given))
