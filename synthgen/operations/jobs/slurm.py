"""Slurm: a job a part, an array of jobs for shards, and a script that hands them in, each after the other.

Slurm documents the options at https://slurm.schedmd.com/sbatch.html. A requeued job keeps its number, so what
waits for it goes on waiting. A part in shards is one array of at most `array_size` tasks, or several
(MaxArraySize is 1,001 where a site left it as it is).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from synthgen.operations.jobs.files import STAY, Work, render
from synthgen.operations.jobs.parts import Part

RESTARTS = 100
"""How often a job queues itself again."""


@dataclass(frozen=True)
class Slurm:
    """What a site wants to be told."""

    time: str = "12:00:00"
    directives: tuple[str, ...] = ()
    """Lines behind `#SBATCH` of every job, such as `--partition=cpu`."""
    gpu_directives: tuple[str, ...] = ()
    """And of those that need a GPU."""
    gpus: int = 1
    nodes: int = 1
    """Nodes that train one student together."""
    at_once: int | None = None
    """How many tasks of an array may run at the same time."""
    array_size: int = 1000


def files(work: Work, site: Slurm, folder: Path) -> dict[str, str]:
    """The files of a pipeline's jobs: name -> text.

    Args:
        work: the pipeline.
        site: what the site wants.
        folder: where they will stand, relative to where they are run from.
    """
    made: dict[str, str] = {}
    steps = []
    logs = (folder / "logs").as_posix()
    for number, part in enumerate(work.parts, 1):
        label = f"{number:02d}-{part.label}"
        sharded = part.shards > 1
        what = f"{', '.join(part.stages)}" + (f", in {part.shards:,} shards" if sharded else "")
        made[f"{label}.sbatch"] = render(
            "part.sbatch",
            what=f"{work.name}: {what}",
            job=f"{work.slug}-{label}",
            logs=logs,
            array=sharded,
            time=site.time,
            notice=work.grace + 2 * STAY,
            directives=_directives(part, site),
            setup=work.setup,
            command=work.run(part, _program(part, site), f"$shard/{part.shards}" if sharded else ""),
            restarts=RESTARTS,
        )
        steps.append(
            {"file": (folder / f"{label}.sbatch").as_posix(), "what": what, "arrays": _arrays(part, site)}
        )
        if sharded:
            made[f"{label}-merge.sbatch"] = render(
                "part.sbatch",
                what=f"{work.name}: the shards of {', '.join(part.stages)}, put together",
                job=f"{work.slug}-{label}-merge",
                logs=logs,
                array=False,
                time=site.time,
                notice=work.grace + 2 * STAY,
                directives=site.directives,
                setup=work.setup,
                command=work.merge(part),
                restarts=RESTARTS,
            )
            merge = (folder / f"{label}-merge.sbatch").as_posix()
            steps.append({"file": merge, "what": f"merge of {', '.join(part.stages)}", "arrays": []})
    back = os.path.relpath(".", folder)
    made["submit.sh"] = render(
        "submit.sh", name=work.name, back=back, logs=logs, steps=steps, at_once=site.at_once
    )
    return made


def _arrays(part: Part, site: Slurm) -> list[tuple[int, int]]:
    """(shards before it, tasks) of each array."""
    if part.shards == 1:
        return []
    return [
        (first, min(site.array_size, part.shards - first)) for first in range(0, part.shards, site.array_size)
    ]


def _directives(part: Part, site: Slurm) -> tuple[str, ...]:
    if not part.gpu:
        return site.directives
    several = part.trains and site.nodes > 1
    nodes = (f"--nodes={site.nodes}", "--ntasks-per-node=1") if several else ()
    return (*site.directives, *nodes, f"--gpus-per-node={site.gpus}", *site.gpu_directives)


def _program(part: Part, site: Slurm) -> str:
    """`synthgen`, or torchrun where a student is trained by several processes."""
    if not part.trains or site.gpus * site.nodes == 1:
        return "synthgen"
    if site.nodes == 1:
        return f"torchrun --standalone --nproc-per-node {site.gpus} -m synthgen"
    head = '"$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1):29500"'
    return (
        f"srun torchrun --nnodes {site.nodes} --nproc-per-node {site.gpus} --rdzv-backend c10d "
        f'--rdzv-id "$SLURM_JOB_ID" --rdzv-endpoint {head} -m synthgen'
    )
