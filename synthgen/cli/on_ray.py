"""`run --executor ray`: its options, and what is made of them."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthgen.cli.next_commands import options_of

if TYPE_CHECKING:
    from synthgen.pipeline.options import RunOptions
    from synthgen.pipeline.result import RunResult
    from synthgen.pipeline.spec import Pipeline


def _read_executor(text: str) -> str:
    if text not in ("local", "ray"):
        raise typer.BadParameter("local or ray")
    return text


Executor = Annotated[
    str,
    typer.Option(
        "--executor",
        metavar="local|ray",
        parser=_read_executor,
        help="ray: as tasks of a Ray cluster, by the next five options",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="HOST:PORT",
        help="the cluster; RAY_ADDRESS or else one of this machine where left out",
    ),
]
Shards = Annotated[
    int | None,
    typer.Option(
        "--shards",
        min=1,
        max=999_999,
        metavar="N",
        help="divide stages that ask a teacher into N shards; by the cluster's size where left out",
    ),
]
Sharded = Annotated[
    list[str] | None,
    typer.Option("--sharded", metavar="STAGE_ID", help="divide these stages instead; repeatable"),
]
Cpus = Annotated[
    list[str] | None,
    typer.Option("--cpus", metavar="[STAGE_ID=]N", help="CPUs of a task; repeatable"),
]
Gpus = Annotated[
    list[str] | None,
    typer.Option(
        "--gpus", metavar="[STAGE_ID=]N", help="GPUs of a task that trains or asks a model; repeatable"
    ),
]


def refuse_without_ray(executor: str, **given: Any) -> None:
    """Ends the command where options are for Ray, and it is not asked for."""
    if executor == "ray":
        return
    for name, value in given.items():
        if value:
            raise typer.BadParameter(f"--{name.replace('_', '-')} goes with --executor ray")


def refuse_with_ray(**given: Any) -> None:
    """Ends the command where options do not go with Ray."""
    for name, value in given.items():
        if value:
            raise typer.BadParameter(
                f"--{name} does not go with --executor ray; try it with a run on this machine"
            )


def run_on_ray(
    checked: Pipeline,
    chosen: RunOptions,
    path: Path,
    *,
    address: str | None,
    shards: int | None,
    sharded: list[str] | None,
    cpus: list[str] | None,
    gpus: list[str] | None,
    **given: Any,
) -> RunResult:
    """Runs it; `given` is what each task's command is given, too."""
    from synthgen.operations.jobs.files import Work
    from synthgen.operations.ray.drive import Site
    from synthgen.operations.ray.drive import run_on_ray as run

    extra = ["--accept-partial"] if chosen.accept_partial else []
    extra += ["--verify"] if chosen.verify else []
    extra += (
        [f"--retry-failed={'all' if chosen.retry_failed == 'all' else 'failed'}"]
        if chosen.retry_failed
        else []
    )
    work = Work(
        path,
        checked.name,
        (),
        (*options_of("run", **given), *extra),
        options_of("merge", **given),
        ceil(chosen.grace),
    )
    site = Site(address or "", shards, tuple(sharded or ()), tuple(cpus or ()), tuple(gpus or ()))
    return run(checked, chosen, work, site)
