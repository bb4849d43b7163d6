"""Kubernetes: an indexed Job for shards, a Job for each other part, a volume, a script for all.

https://kubernetes.io/docs/concepts/workloads/controllers/job/ (podFailurePolicy is stable from 1.31 on,
backoffLimitPerIndex from 1.33 on). Jobs know no order, so a script waits for each.
"""

from __future__ import annotations

from dataclasses import dataclass

from synthgen.operations.jobs.files import STAY, Work, render
from synthgen.operations.jobs.parts import Part

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
            steps.append(_job(made, work, cluster, f"{label}-merge", what, work.merge(part), merge))
    made["apply.sh"] = render("apply.sh", name=work.name, keys=work.keys, secret=cluster.secret, steps=steps)
    extras = "[train,curate]" if any(part.trains for part in work.parts) else "[curate]"
    made["Dockerfile"] = render("Dockerfile", image=cluster.image, extras=extras)
    return made


def _job(
    made: dict[str, str], work: Work, cluster: Kubernetes, label: str, what: str, command: str, part: Part
) -> tuple[str, str]:
    """Adds a job's file; returns its name and that of the file."""
    job = f"{work.slug}-{label}".lower().replace("_", "-")[:63].rstrip("-")
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


def _program(part: Part, cluster: Kubernetes) -> str:
    if part.trains and cluster.gpus > 1:
        return f"torchrun --standalone --nproc-per-node {cluster.gpus} -m synthgen"
    return "synthgen"
