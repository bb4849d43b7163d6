"""What is known to be wrong with a training before anything runs, for every stage that trains a student."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from synthgen.core.errors import Fault
from synthgen.evaluation.local import PEER
from synthgen.stages.contract import StageConfig
from synthgen.training.completions import Completion
from synthgen.training.folder_names import mistaken_name
from synthgen.training.loading_check import loading_faults, package_faults, positions_of
from synthgen.training.objectives.contract import Objective
from synthgen.training.options import TrainingOptions
from synthgen.training.processes.accelerate_file import file_faults
from synthgen.training.processes.wanted import rank_faults
from synthgen.training.student import student_faults
from synthgen.training.student_options import StudentOptions
from synthgen.training.template_check import template_faults


def training_faults(student: StudentOptions, options: TrainingOptions, objective: Objective) -> list[Fault]:
    """A student or packages that are not there, trainer options that nobody knows, a bad accelerate file."""
    faults = student_faults(student) + package_faults(student, options)
    if options.trainer and importlib.util.find_spec("trl"):
        from synthgen.training.trainer import unknown_options

        faults += unknown_options(options, objective)
    if options.accelerate_config is not None:
        faults += file_faults(options.accelerate_config)
    return faults


def foreseen_faults(
    student: StudentOptions,
    options: TrainingOptions,
    objective: Objective,
    completion: Completion,
    readers: Sequence[StageConfig],
) -> list[Fault]:
    """A student that cannot be loaded and trained, or not be asked as evaluate would ask it.

    Its config and tokenizer are read, from its folder or the hub's cache. Also processes that cannot share a
    batch, or are more than the devices, where the objective is one that several can train.
    """
    if found := _lacking_teacher(options, readers):
        return found
    several = not objective.undivided() and importlib.util.find_spec("torch") is not None
    faults = rank_faults(options) if several else []
    if student.model is not None and (mistaken := mistaken_name(student.model)):
        return [*faults, mistaken]
    if student_faults(student):
        return faults
    if found := loading_faults(student, options):
        return faults + found
    systems = [system for reader in readers if (system := getattr(reader, "system", None))]
    return faults + template_faults(student, completion, systems)


def _lacking_teacher(options: TrainingOptions, readers: Sequence[StageConfig]) -> list[Fault]:
    """An evaluation that names the teacher which a stage trains beside its student, where it trains none."""
    if getattr(getattr(options, "teacher", None), "online", False):
        return []
    ours = getattr(options, "id", None)
    named = {str(name) for reader in readers for name in getattr(reader, "models", ())}
    wanted = [f"{ours}{PEER}"] if ours else [f"{kind}{PEER}" for kind in ("sft", "distill", "prefer")]
    return [
        Fault(
            f"models names {name}, but {name.removesuffix(PEER)} trains no teacher",
            "evaluate",
            "distill publishes the teacher that it trains: teacher: {online: true, …}; else leave it out",
        )
        for name in wanted
        if name in named
    ]


def training_warnings(student: StudentOptions, options: TrainingOptions) -> list[Fault]:
    """A max_length that is more than the student reads, which its config tells."""
    reads = positions_of(student)
    if reads is None or reads >= options.max_length:
        return []
    return [
        Fault(
            f"max_length is {options.max_length:,}, but the student reads {reads:,} tokens",
            next=f"a longer row ends the training; max_length: {reads} leaves it to `unfit`",
        )
    ]
