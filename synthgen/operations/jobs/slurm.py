"""Slurm: a job a part, an array of jobs for shards, and a script that hands them in, each after the other.

Slurm documents the options at https://slurm.schedmd.com/sbatch.html. A requeued job keeps its number, so what
waits for it goes on waiting. A part in shards is one array of at most `array_size` tasks, or several
(MaxArraySize is 1,001 where a site left it as it is).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from synthgen.core.errors import ConfigError
from synthgen.core.text import path_word
from synthgen.operations.jobs.files import STAY, Work, render
from synthgen.operations.jobs.parts import Part

RESTARTS = 100
"""How often a job queues itself again."""
_PATTERN = re.compile(r"\\|%\d*[%AabJjNnstux]")
"""What sbatch fills in in a file's name; a backslash makes it fill in nothing."""


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

    Raises:
        ConfigError: the folder has a name that Slurm cannot write logs to.
    """
    made: dict[str, str] = {}
    steps = []
    _refuse_pattern((folder / "logs").absolute())
    logs = path_word(folder / "logs")
    output = logs.replace('"', '\\"')  # behind #SBATCH, between quotes
    for number, part in enumerate(work.parts, 1):
        label = f"{number:02d}-{part.label}"
        sharded = part.shards > 1
        what = f"{', '.join(part.stages)}" + (f", in {part.shards:,} shards" if sharded else "")
        made[f"{label}.sbatch"] = render(
            "part.sbatch",
            what=f"{work.name}: {what}",
            job=f"{work.slug}-{label}",
            output=output,
            array=sharded,
            time=site.time,
            notice=work.grace + 2 * STAY,
            directives=_directives(part, site),
            setup=work.setup,
            command=work.run(part, _program(part, site), f"$shard/{part.shards}" if sharded else ""),
            restarts=RESTARTS,
        )
        steps.append(
            {"file": path_word(folder / f"{label}.sbatch"), "what": what, "arrays": _arrays(part, site)}
        )
        if sharded:
            made[f"{label}-merge.sbatch"] = render(
                "part.sbatch",
                what=f"{work.name}: the shards of {', '.join(part.stages)}, put together",
                job=f"{work.slug}-{label}-merge",
                output=output,
                array=False,
                time=site.time,
                notice=work.grace + 2 * STAY,
                directives=site.directives,
                setup=work.setup,
                command=work.merge(part),
                restarts=RESTARTS,
            )
            merge = path_word(folder / f"{label}-merge.sbatch")
            steps.append({"file": merge, "what": f"merge of {', '.join(part.stages)}", "arrays": []})
    back = os.path.relpath(".", folder)
    made["submit.sh"] = render(
        "submit.sh", name=work.name, back=back, logs=logs, steps=steps, at_once=site.at_once
    )
    return made


def _refuse_pattern(logs: Path) -> None:
    """Refuses a path of logs of which a part is a pattern: sbatch has no way to say that it is none."""
    if found := _PATTERN.search(str(logs)):
        raise ConfigError(
            f"Slurm writes no logs to a folder with {found[0]} in its path: it fills that in",
            str(logs),
            "take another folder with -o, and work in one without it",
        )


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
