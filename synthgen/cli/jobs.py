"""`synthgen jobs`: the files by which a scheduler runs a pipeline."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthgen.cli import options as o
from synthgen.cli.next_commands import options_of
from synthgen.core.text import path_word

if TYPE_CHECKING:
    from synthgen.operations.jobs.files import Work

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Write the job files of a scheduler.\n\nThey need nothing of synthgen beside its command, and are "
        "yours to change."
    ),
)

Shards = Annotated[
    int,
    typer.Option(
        "--shards", min=1, max=999_999, metavar="N", help="divide stages that ask a teacher into N shards"
    ),
]
Sharded = Annotated[
    list[str] | None,
    typer.Option("--sharded", metavar="STAGE_ID", help="divide these stages instead; repeatable"),
]
Setup = Annotated[
    str,
    typer.Option("--setup", metavar="LINE", help="shell before each command: source .venv/bin/activate"),
]
Out = Annotated[
    Path | None,
    typer.Option("-o", "--out", metavar="DIR", help="where the files go; jobs/NAME where left out"),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace files that are there")]
Gpus = Annotated[
    int, typer.Option("--gpus", metavar="N", min=1, help="GPUs of a job that trains or asks a model")
]
AtOnce = Annotated[
    int, typer.Option("--at-once", metavar="N", min=1, help="how many shards may run at the same time")
]


@app.command("slurm")
def slurm(
    pipeline: o.PipelinePath,
    shards: Shards = 1,
    sharded: Sharded = None,
    time: Annotated[
        str, typer.Option("--time", metavar="H:M:S", help="time limit of a job; it queues itself again")
    ] = "12:00:00",
    directive: Annotated[
        list[str] | None,
        typer.Option("--directive", metavar="LINE", help="an #SBATCH line: --partition=cpu; repeatable"),
    ] = None,
    gpu_directive: Annotated[
        list[str] | None,
        typer.Option("--gpu-directive", metavar="LINE", help="one for jobs that need a GPU; repeatable"),
    ] = None,
    gpus: Gpus = 1,
    nodes: Annotated[
        int, typer.Option("--nodes", metavar="N", min=1, help="nodes that train a student together")
    ] = 1,
    at_once: Annotated[
        int | None,
        typer.Option("--at-once", metavar="N", min=1, help="how many shards may run at the same time"),
    ] = None,
    array_size: Annotated[
        int,
        typer.Option("--array-size", metavar="N", min=1, help="most tasks of an array (MaxArraySize - 1)"),
    ] = 1000,
    setup: Setup = "",
    grace: o.Grace = 30.0,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    run_dir: o.RunDir = None,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    out: Out = None,
    overwrite: Overwrite = False,
) -> None:
    """Write Slurm batch scripts and submit.sh.

    Shards are an array of jobs, merged by a job that waits for them. A job that is out of time or preempted
    queues itself again and goes on.
    """
    from synthgen.operations.jobs.slurm import Slurm, files

    work = _work(
        pipeline,
        shards,
        sharded,
        setup,
        grace,
        set=set,
        values=values,
        runs=runs,
        run_dir=run_dir,
        ledger=ledger,
        env_file=env_file,
    )
    folder = out or Path("jobs") / work.slug
    site = Slurm(time, tuple(directive or ()), tuple(gpu_directive or ()), gpus, nodes, at_once, array_size)
    _write(work, folder, files(work, site, folder), overwrite, shlex.quote(path_word(folder / "submit.sh")))


@app.command("kubernetes")
def kubernetes(
    pipeline: o.PipelinePath,
    shards: Shards = 1,
    sharded: Sharded = None,
    image: Annotated[
        str, typer.Option("--image", metavar="IMAGE", help="what the pods run; a Dockerfile is written")
    ] = ("synthgen:latest"),
    claim: Annotated[
        str, typer.Option("--claim", metavar="NAME", help="the volume claim that holds the project")
    ] = "synthgen-work",
    storage: Annotated[str, typer.Option("--storage", metavar="SIZE", help="its size")] = "100Gi",
    secret: Annotated[
        str, typer.Option("--secret", metavar="NAME", help="the secret that holds the keys")
    ] = "synthgen-keys",
    cpus: Annotated[str, typer.Option("--cpus", metavar="N", help="CPUs of a pod")] = "2",
    memory: Annotated[str, typer.Option("--memory", metavar="SIZE", help="memory of a pod")] = "8Gi",
    gpus: Gpus = 1,
    at_once: AtOnce = 8,
    setup: Setup = "",
    grace: o.Grace = 30.0,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    run_dir: o.RunDir = None,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    out: Out = None,
    overwrite: Overwrite = False,
) -> None:
    """Write Kubernetes Jobs and apply.sh.

    Shards are an indexed Job; keys come from a secret; the project's folder is a volume that all pods share.
    """
    from synthgen.operations.jobs.kubernetes import Kubernetes, files

    work = _work(
        pipeline,
        shards,
        sharded,
        setup,
        grace,
        set=set,
        values=values,
        runs=runs,
        run_dir=run_dir,
        ledger=ledger,
        env_file=env_file,
    )
    folder = out or Path("jobs") / work.slug
    cluster = Kubernetes(image, claim, storage, secret, cpus, memory, gpus, at_once)
    _write(work, folder, files(work, cluster), overwrite, shlex.quote(path_word(folder / "apply.sh")))


@app.command("cron")
def cron(
    pipeline: o.PipelinePath,
    minutes: Annotated[
        int, typer.Option("--minutes", metavar="N", min=1, max=59, help="between two attempts")
    ] = 15,
    setup: Setup = "",
    grace: o.Grace = 30.0,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    run_dir: o.RunDir = None,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    out: Out = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a script, a crontab line and a systemd timer.

    Each attempt goes on where the last one ended; when all is done, an attempt takes a second.
    """
    from synthgen.operations.jobs.cron import files

    work = _work(
        pipeline,
        1,
        None,
        setup,
        grace,
        set=set,
        values=values,
        runs=runs,
        run_dir=run_dir,
        ledger=ledger,
        env_file=env_file,
    )
    folder = out or Path("jobs") / work.slug
    _write(
        work,
        folder,
        files(work, folder, Path.cwd(), minutes),
        overwrite,
        shlex.quote(path_word(folder / "run.sh")),
    )


@app.command("airflow")
def airflow(
    pipeline: o.PipelinePath,
    shards: Shards = 1,
    sharded: Sharded = None,
    at_once: AtOnce = 8,
    setup: Setup = "",
    grace: o.Grace = 30.0,
    set: o.Set = None,
    values: o.Values = None,
    runs: o.Runs = o.RUNS,
    run_dir: o.RunDir = None,
    ledger: o.Ledger = o.LEDGER,
    env_file: o.EnvFile = None,
    out: Out = None,
    overwrite: Overwrite = False,
) -> None:
    """Write an Airflow DAG.

    Shards are mapped tasks. What was interrupted is tried again; a spent budget or a wrong file is not.
    """
    from synthgen.operations.jobs.airflow import files

    work = _work(
        pipeline,
        shards,
        sharded,
        setup,
        grace,
        set=set,
        values=values,
        runs=runs,
        run_dir=run_dir,
        ledger=ledger,
        env_file=env_file,
    )
    folder = out or Path("jobs") / work.slug
    _write(work, folder, files(work, Path.cwd(), at_once), overwrite, "")


def _work(
    pipeline: Path,
    shards: int,
    sharded: list[str] | None,
    setup: str,
    grace: float,
    **given: Any,
) -> Work:
    """The pipeline in parts, and what each command is given."""
    from math import ceil

    from synthgen.operations.jobs.files import Work
    from synthgen.operations.jobs.parts import divide

    checked = o.load(pipeline, given["set"], given["values"])
    return Work(
        pipeline,
        checked.name,
        tuple(divide(checked, shards, sharded or ())),
        options_of("run", **given),
        options_of("merge", **given),
        ceil(grace),
        setup,
    )


def _write(work: Work, folder: Path, made: dict[str, str], overwrite: bool, then: str) -> None:
    """Writes the files, and says which part is which."""
    from synthgen.core.progress import write_stderr
    from synthgen.operations.jobs.files import write_files

    for path in write_files(folder, made, overwrite):
        o.out(str(path))
    for number, part in enumerate(work.parts, 1):
        ways = [f"{part.shards:,} shards, then merge"] if part.shards > 1 else []
        ways += ["GPU"] if part.gpu else []
        how = f" ({'; '.join(ways)})" if ways else ""
        write_stderr(f"  {number}. {', '.join(part.stages)}{how}\n")
    if then:
        o.hint(then)
