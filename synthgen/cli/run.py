"""`synthgen run`: all stages of a pipeline, skipping those that nothing changed for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthgen.cli import on_ray
from synthgen.cli import options as o
from synthgen.cli.next_commands import next_command

if TYPE_CHECKING:
    from synthgen.pipeline.options import RunOptions
    from synthgen.pipeline.result import RunResult
    from synthgen.pipeline.spec import Pipeline


def _print_retry_policy(asked: bool) -> None:
    if asked:
        from dataclasses import asdict

        from synthgen.core.exit_codes import EXIT_CODES

        o.out_json([asdict(one) for one in EXIT_CODES])
        raise typer.Exit


def run(
    pipeline: o.PipelinePath,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="STAGE_ID", help="run this stage alone; repeatable")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="STAGE_ID", help="begin with this stage")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="STAGE_ID", help="end after this stage")
    ] = None,
    force: o.Force = None,
    limit: o.Limit = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="say what would run and why, what changed, and what it would ask for",
        ),
    ] = False,
    rehearse: o.Rehearse = False,
    gate: Annotated[
        int | None,
        typer.Option(
            "--gate", metavar="N", min=10, help="ask N test questions first; stop unless it says PROCEED"
        ),
    ] = None,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    run_dir: o.RunDir = None,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    accept_partial: o.AcceptPartial = False,
    retry_failed: o.RetryFailed = None,
    verify: o.Verify = False,
    grace: o.Grace = 30.0,
    workers: o.Workers = 0,
    shard: o.Shard = None,
    executor: on_ray.Executor = "local",
    ray_address: on_ray.Address = None,
    shards: on_ray.Shards = None,
    sharded: on_ray.Sharded = None,
    cpus: on_ray.Cpus = None,
    gpus: on_ray.Gpus = None,
    retry_policy: Annotated[
        bool,
        typer.Option(
            "--retry-policy",
            callback=_print_retry_policy,
            is_eager=True,
            help="print what each exit code asks of a wrapper, as JSON",
        ),
    ] = False,
    log_format: o.LogFormat = None,
    metrics_file: o.MetricsFile = None,
    notify: o.Notify = None,
    as_json: o.AsJson = False,
) -> None:
    """Run a pipeline: each stage that has to run, in order.

    Stop it anywhere; the same command continues. Stages that nothing changed for are not run again.
    """
    o.log_as(log_format)
    if dry_run and rehearse:
        raise typer.BadParameter("give --dry-run or --rehearse, not both")
    on_ray.refuse_without_ray(
        executor, ray_address=ray_address, shards=shards, sharded=sharded, cpus=cpus, gpus=gpus
    )
    if executor == "ray":
        on_ray.refuse_with_ray(only=only, force=force, limit=limit, shard=shard, workers=workers)
    from synthgen.operations.notify import notifying

    name = pipeline.name.split(".")[0]
    given: dict[str, Any] = {"set": set, "values": values, "runs": runs, "run_dir": run_dir, "ledger": ledger}
    silent = dry_run or rehearse
    with notifying(None if silent else notify, name, run_dir or runs / name) as told:
        checked = o.load(pipeline, set, values, env_file)
        chosen = o.run_options(
            only=only,
            start=start,
            until=until,
            force=force,
            limit=limit,
            runs=runs,
            run_dir=run_dir,
            ledger=ledger,
            accept_partial=accept_partial,
            retry_failed=retry_failed,
            verify=verify,
            grace=grace,
            workers=workers,
            metrics_file=metrics_file,
        )
        checked, chosen = o.sharded(checked, chosen, shard)
        if rehearse:
            show_rehearsal(checked, chosen, as_json, pipeline, **given)
            return
        if dry_run:
            print_plan(checked, chosen, as_json)
            return
        told.pipeline, told.run_dir = checked.name, chosen.folder(checked)
        if gate is not None:
            require_gate(checked, chosen, gate)
        if executor == "ray":
            done = on_ray.run_on_ray(
                checked,
                chosen,
                pipeline,
                address=ray_address,
                shards=shards,
                sharded=sharded,
                cpus=cpus,
                gpus=gpus,
                **given,
                env_file=env_file,
            )
            show(done, as_json, ledger)
            return
        execute(checked, chosen, as_json, pipeline, **given)


def execute(checked: Pipeline, chosen: RunOptions, as_json: bool, path: Path, **given: Any) -> None:
    """Runs and prints what it came to; `path` and `given` are what the next command is given again."""
    from synthgen.pipeline.run import run_pipeline

    show(run_pipeline(checked, chosen), as_json, given.get("ledger"))
    if chosen.charged_run:
        o.hint(next_command("merge", path, **given))


def show(result: RunResult, as_json: bool, ledger: Path | None = None) -> None:
    """Prints what a run came to."""
    if as_json:
        o.out_json(
            {
                "run_dir": str(result.run_dir),
                "stages": {
                    name: {
                        "done": result.done[name],
                        **manifest.model_dump(include={"counts", "requests", "usage", "seconds"}),
                    }
                    for name, manifest in result.stages.items()
                },
            }
        )
        return
    shown = []
    for stage_id, manifest in result.stages.items():
        table = manifest.extra.get("table")
        if not table:
            continue
        if manifest.writes == "metrics" or len(result.stages) == 1:
            shown.append(f"{stage_id}, in {result.run_dir / stage_id}:\n\n{table}")
        elif manifest.writes == "model" and result.done[stage_id] == "ran":
            shown.append(table)  # it begins with the stage's id
    if shown:
        o.out("\n\n".join(shown))
    o.hint(*(next_command(command, result.run_dir, ledger=ledger) for command in ("inspect", "status")))


def show_rehearsal(checked: Pipeline, chosen: RunOptions, as_json: bool, path: Path, **given: Any) -> None:
    """Rehearses the students, and says what each took; ends with what broke, or with the next command."""
    from synthgen.operations.rehearse.figures import fault_of
    from synthgen.operations.rehearse.rehearse import rehearse

    rehearsed = rehearse(checked, chosen)
    if as_json:
        o.out_json([one.plain() for one in rehearsed])
    else:
        o.out("\n".join(line for one in rehearsed for line in one.lines()))
    if (fault := fault_of(rehearsed)) is not None:
        raise fault
    o.hint(next_command("run", path, **given))


def require_gate(checked: Pipeline, chosen: RunOptions, rows: int) -> None:
    """Asks teacher and base some test questions, and ends the run unless the gate says PROCEED."""
    from synthgen.core.progress import write_stderr
    from synthgen.operations.gate import gate_pipeline

    found = gate_pipeline(checked, rows, chosen)
    write_stderr("\n".join(found.lines()) + "\n")
    found.require()


def print_plan(checked: Pipeline, chosen: RunOptions, as_json: bool) -> None:
    """Says of each stage whether it would run, why, what changed, and what it would ask a teacher."""
    from synthgen.core.text import terminal_columns
    from synthgen.operations.dry_run import dry_run, dry_run_text

    plan = dry_run(checked, chosen)
    o.out_json(plan) if as_json else o.out(dry_run_text(plan, terminal_columns()))
