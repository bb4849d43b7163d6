"""Kubernetes: an indexed Job for shards, a Job for each other part, a volume, a script for all.

https://kubernetes.io/docs/concepts/workloads/controllers/job/ (podFailurePolicy is stable from 1.31 on,
backoffLimitPerIndex from 1.33 on). Jobs know no order, so a script waits for each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from synthgen.operations.jobs.files import STAY, Work, render
from synthgen.operations.jobs.parts import Part

MERGE = "-merge"
SHARD = "$((JOB_COMPLETION_INDEX + 1))"


@dataclass(frozen=True)
class Kubernetes:
    """What a cluster wants to be told."""

    image: str = "synthgen:latest"
    claim: str = "synthgen-work"
    storage: str = "100Gi"
    secret: str = "synthgen-keys"  # noqa: S105  (its name)
    cpus: str = "2"
    memory: str = "8Gi"
    gpus: int = 1
    at_once: int = 8


def files(work: Work, cluster: Kubernetes) -> dict[str, str]:
    """The files of a pipeline's jobs: name -> text."""
    made = {"volume.yaml": render("volume.yaml", claim=cluster.claim, storage=cluster.storage)}
    steps = []
    for number, part in enumerate(work.parts, 1):
        label = f"{number:02d}-{part.label}"
        sharded = part.shards > 1
        command = work.run(part, _program(part, cluster), f"{SHARD}/{part.shards}" if sharded else "")
        what = ", ".join(part.stages) + (f", in {part.shards:,} shards" if sharded else "")
        steps.append(_job(made, work, cluster, label, what, command, part))
        if sharded:
            merge = Part(part.stages)
            what = f"the shards of {', '.join(part.stages)}, put together"
            steps.append(_job(made, work, cluster, f"{label}{MERGE}", what, work.merge(part), merge))
    made["apply.sh"] = render("apply.sh", name=work.name, keys=work.keys, secret=cluster.secret, steps=steps)
    extras = "[train,curate]" if any(part.trains for part in work.parts) else "[curate]"
    made["Dockerfile"] = render("Dockerfile", image=cluster.image, extras=extras)
    return made


def _job(
    made: dict[str, str], work: Work, cluster: Kubernetes, label: str, what: str, command: str, part: Part
) -> tuple[str, str]:
    """Adds a job's file; returns its name and that of the file."""
    job = _name(f"{work.slug}-{label}", part.shards)
    setup = f"{work.setup} && " if work.setup else ""
    made[f"{label}.yaml"] = render(
        "part.yaml",
        what=f"{work.name}: {what}",
        job=job,
        slug=work.slug,
        shards=part.shards,
        at_once=min(cluster.at_once, part.shards),
        leave=work.grace + STAY,
        image=cluster.image,
        command=f"{setup}exec {command}",
        keys=part.keys,
        secret=cluster.secret,
        cpus=cluster.cpus,
        memory=cluster.memory,
        gpus=cluster.gpus if part.gpu else 0,
        claim=cluster.claim,
    )
    return job, f"{label}.yaml"


def _name(label: str, shards: int) -> str:
    """A job's name, a DNS label: with a shard's index behind it, too, it has at most 63 characters."""
    plain = re.sub(r"[^a-z0-9-]+", "-", label.lower())
    room = 63 - len(f"-{shards}")
    end = MERGE if plain.endswith(MERGE) else ""  # or a long name would be that of the shards
    return plain[:room] if len(plain) <= room else plain[: room - len(end)].rstrip("-") + end


def _program(part: Part, cluster: Kubernetes) -> str:
    if part.trains and cluster.gpus > 1:
        return f"torchrun --standalone --nproc-per-node {cluster.gpus} -m synthgen"
    return "synthgen"
