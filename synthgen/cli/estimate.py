"""`synthgen estimate`: calls, tokens, dollars and time of a run, before it is paid for."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli import options as o
from synthgen.cli.next_commands import next_command


def estimate(
    pipeline: o.PipelinePath,
    rows: Annotated[
        int,
        typer.Option(
            "-n",
            metavar="N",
            min=2,
            help=(
                "rows to try each stage that asks a teacher with (at most 10 calls, where rows are made "
                "from seeds); paid for once"
            ),
        ),
    ] = 20,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Estimate the cost, time, memory and disk of a run.

    Of each stage that asks a teacher, and of all: p50 and p95 from a small paid probe, or free from what
    the ledger holds; and what these figures rest on. Of each stage that trains: from the student's config.
    """
    from synthgen.operations.estimate.estimate import estimate_pipeline, estimate_text

    estimate = estimate_pipeline(o.load(pipeline, set, values, env_file), rows, runs=runs, ledger=ledger)
    if as_json:
        o.out_json(estimate)
        return
    o.out(estimate_text(estimate))
    given = {"set": set, "values": values, "runs": runs, "ledger": ledger, "env_file": env_file}
    o.hint(next_command("run", pipeline, **given))
