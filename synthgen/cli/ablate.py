"""`synthgen ablate`: what each rule or stage is worth in student score."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli import options as o
from synthgen.cli.next_commands import next_command


def ablate(
    pipeline: o.PipelinePath,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            metavar="STAGE[.RULE]",
            help=(
                "take this out; repeatable, one variant each; every rule and curating stage in turn "
                "where left out"
            ),
        ),
    ] = None,
    student: Annotated[
        str | None,
        typer.Option(
            "--student", metavar="STAGE_ID", help="train this student only, where the pipeline has several"
        ),
    ] = None,
    rows: Annotated[
        int | None, typer.Option("--rows", min=1, metavar="N", help="train on no more rows than this")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="list the variants and their runs; run nothing")
    ] = False,
    limit: o.Limit = None,
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
    """Measure what each rule or stage is worth.

    Trains the same student on equally many rows with and without each, and compares the scores.
    """
    from synthgen.core.text import terminal_columns
    from synthgen.operations.ablate.plan import AblationPlan
    from synthgen.operations.ablate.run import ablate
    from synthgen.reports.ablation import ablation_table

    checked = o.load(pipeline, set, values, env_file)
    chosen = o.run_options(
        limit=limit, runs=runs, ledger=ledger, accept_partial=accept_partial, grace=grace, workers=workers
    )
    if dry_run:
        variants = [
            {
                "variant": variant.name,
                "run": str(chosen.folder(variant.pipeline)),
                "may_ask": list(variant.asks),
            }
            for variant in AblationPlan(checked, without or (), student).variants
        ]
        if as_json:
            o.out_json(variants)
            return
        for variant in variants:
            o.out(
                f"{variant['variant']}: {variant['run']}"
                + (
                    f" ({', '.join(variant['may_ask'])} may ask a teacher about more rows)"
                    if variant["may_ask"]
                    else ""
                )
            )
        return
    comparison = ablate(checked, chosen, without=without or (), student=student, rows=rows)
    o.out_json(comparison) if as_json else o.out(ablation_table(comparison, terminal_columns()))
    others = [
        entry["run"] for entry in comparison["variants"] if entry["run"] != comparison["variants"][0]["run"]
    ]
    o.hint(*(next_command("diff", comparison["variants"][0]["run"], run) for run in others[:1]))
