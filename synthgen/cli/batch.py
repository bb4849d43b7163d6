"""`synthgen batch`: ask by batch files, at half the price or on a machine without a network."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from synthgen.cli import options as o
from synthgen.cli.next_commands import next_command
from synthgen.core.text import amount

if TYPE_CHECKING:
    from synthgen.dispatch.batch.book import BatchPart

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Ask by batch files, cheaper at some providers.\n\nprepare, submit, status, collect; then "
        "`synthgen run` goes on."
    ),
)


@app.command("prepare")
def prepare(
    pipeline: o.PipelinePath,
    limit: o.Limit = None,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    run_dir: o.RunDir = None,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    retry_failed: o.RetryFailed = None,
    as_json: o.AsJson = False,
) -> None:
    """Write requests that the ledger lacks into batch files."""
    from synthgen.operations.batch import prepare_batch

    given = {
        "set": set,
        "values": values,
        "limit": limit,
        "runs": runs,
        "run_dir": run_dir,
        "ledger": ledger,
        "env_file": env_file,
    }
    done = prepare_batch(
        o.load(pipeline, set, values, env_file),
        o.run_options(limit=limit, runs=runs, run_dir=run_dir, ledger=ledger, retry_failed=retry_failed),
    )
    if as_json:
        o.out_json(asdict(done))
        return
    if not done.waiting:
        o.out("every reply is there; nothing waits for a batch")
        o.hint(next_command("run", pipeline, **given))
        return
    for stage, requests in done.waiting.items():
        o.out(f"{stage}: {amount(requests, 'request')} wait for a batch")
    _show(done.parts, False)
    to_send = any(part.state != "submitted" for part in done.parts)
    submit = [next_command("batch submit", pipeline, **given)] if to_send else []
    o.hint(*(done.commands or submit), next_command("batch collect", pipeline, **given))


@app.command("submit")
def submit(
    pipeline: o.PipelinePath,
    limit: o.Limit = None,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    run_dir: o.RunDir = None,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Send the files that were prepared."""
    from synthgen.operations.batch import submit_batch

    sent = submit_batch(
        o.load(pipeline, set, values, env_file),
        o.run_options(limit=limit, runs=runs, run_dir=run_dir, ledger=ledger),
    )
    _show(sent, as_json, "nothing waits to be sent")
    commands = ("batch status", "batch collect") if sent else ("batch prepare",)
    o.hint(
        *(
            next_command(
                command,
                pipeline,
                set=set,
                values=values,
                limit=limit,
                runs=runs,
                run_dir=run_dir,
                ledger=ledger,
                env_file=env_file,
            )
            for command in commands
        )
    )


@app.command("status")
def status(
    pipeline: o.PipelinePath,
    limit: o.Limit = None,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    run_dir: o.RunDir = None,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Say how far each file is."""
    from synthgen.operations.batch import batch_status

    _show(
        batch_status(
            o.load(pipeline, set, values, env_file),
            o.run_options(limit=limit, runs=runs, run_dir=run_dir, ledger=ledger),
        ),
        as_json,
    )


@app.command("collect")
def collect(
    pipeline: o.PipelinePath,
    limit: o.Limit = None,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    run_dir: o.RunDir = None,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="look again every minute until all of them have ended")
    ] = False,
    as_json: o.AsJson = False,
) -> None:
    """Take the results of files that have ended into the ledger."""
    from synthgen.operations.batch import collect_batch

    taken = collect_batch(
        o.load(pipeline, set, values, env_file),
        o.run_options(limit=limit, runs=runs, run_dir=run_dir, ledger=ledger),
        wait,
    )
    _show(taken, as_json, "no file has ended yet that was not collected before")
    o.hint(
        next_command(
            "batch prepare" if taken else "batch status",
            pipeline,
            set=set,
            values=values,
            limit=limit,
            runs=runs,
            run_dir=run_dir,
            ledger=ledger,
            env_file=env_file,
        )
    )


def _show(parts: list[BatchPart], as_json: bool, otherwise: str = "") -> None:
    from synthgen.dispatch.batch.status import part_lines

    if as_json:
        o.out_json([asdict(part) for part in parts])
        return
    for line in part_lines(parts) or [otherwise]:
        o.out(line)
