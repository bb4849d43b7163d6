"""`synthgen preview`: a few prompts as sent, their replies and rows, before paying for all."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli import options as o
from synthgen.cli.next_commands import next_command


def preview(
    pipeline: o.PipelinePath,
    rows: Annotated[
        int,
        typer.Option(
            "-n", metavar="N", min=1, help="how many rows (or calls, where the task makes rows from seeds)"
        ),
    ] = 5,
    stage: Annotated[
        str | None,
        typer.Option(
            "--id",
            metavar="STAGE_ID",
            help="which stage that asks a teacher (generate, score, evaluate); the first where left out",
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="every prompt as sent, every reply, every row with all decisions")
    ] = False,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Ask for a few rows; show prompt, reply, row, cost.

    One prompt as it is sent and its reply; a line for what became of each sample (ok, wrong, the rule that
    rejects it); tokens and cost. Replies stay in the ledger, nothing is published.
    """
    from synthgen.core.text import terminal_columns
    from synthgen.operations.estimate.preview import preview_pipeline
    from synthgen.operations.estimate.preview_text import preview_summary, preview_text

    shown = preview_pipeline(o.load(pipeline, set, values, env_file), rows, stage, runs=runs, ledger=ledger)
    if as_json:
        o.out_json(shown)
        return
    o.out(preview_text(shown) if full else preview_summary(shown, terminal_columns()))
    given = {"set": set, "values": values, "runs": runs, "ledger": ledger, "env_file": env_file}
    o.hint(
        *(f"{next_command('preview', pipeline, **given)} --id {other}" for other in shown["others"]),
        next_command("run", pipeline, **given),
    )
