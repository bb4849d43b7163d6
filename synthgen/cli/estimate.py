"""`synthgen estimate`: calls, tokens, dollars and time of a run, before it is paid for."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli import options as o


def estimate(
    pipeline: o.PipelinePath,
    rows: Annotated[int, typer.Option("-n", min=2, help="rows to probe each generate stage with; paid for once, kept in the ledger")] = 20,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Estimate calls, tokens, dollars and time of a run.

    From a small paid probe (p50 and p95), or free from what the ledger holds.
    """
    from synthgen.estimate import estimate_pipeline, estimate_text

    found = estimate_pipeline(o.load(pipeline, set, values, env_file), rows, runs=runs, ledger=ledger)
    if as_json:
        o.out_json(found)
        return
    o.out(estimate_text(found))
    o.hint(f"synthgen run {o.with_values(pipeline, set, values)}")
