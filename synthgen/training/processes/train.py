"""A training by several ranks, as the process of the run sees it: it starts them, watches and ends them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.core.artefacts import Artefact
from synthgen.core.errors import Interrupted, StageFailed, SynthgenError
from synthgen.training.context import RunContext
from synthgen.training.objectives.contract import Objective
from synthgen.training.options import TrainingOptions
from synthgen.training.preflight import Preflight
from synthgen.training.processes.accelerate_file import read_file
from synthgen.training.processes.job import Job, RankFailed, first_cause, read_result
from synthgen.training.processes.launch import Launch, launch
from synthgen.training.processes.ranks import LocalRanks, Place
from synthgen.training.processes.relay import Relay
from synthgen.training.processes.weights import trained_folder
from synthgen.training.student import Student
from synthgen.training.student_options import StudentOptions

if TYPE_CHECKING:
    from synthgen.training.processes.torchrun import Company

WATCH_SECONDS = 0.1
OTHERS_SECONDS = 5.0
"""How long other machines are given to say that a rank of theirs failed first."""


def train_by_ranks(
    size: int,
    student: Student,
    base: Path | None,
    preflight: Preflight,
    *,
    chosen: StudentOptions,
    options: TrainingOptions,
    objective: Objective,
    context: RunContext,
    validation: Artefact | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Trains on the rows that were prepared; `student` has the trained weights afterwards.

    Args:
        size: how many ranks, from `wanted.ranks_wanted`.
        student: the student before training.
        base: its folder, where it was made from scratch.
        preflight: what was prepared in `context.work`.
        chosen: the student's options.
        options: how it is trained.
        objective: what it learns.
        context: of the run.
        validation: rows that it is measured on.

    Returns:
        The figures, as one process gives them, and how many trained; and the measurements.

    Raises:
        Interrupted: the run or one of the ranks got a signal; they wrote a checkpoint first.
        ConfigError, StageFailed: as one process raises them; or a rank ended, with what it last wrote.
    """
    if base is not None:
        chosen = chosen.model_copy(update={"model": str(base.absolute()), "init": None})
    work = context.work.absolute()
    job = Job(
        context.stage_id, work, context.seed, chosen, options, objective, preflight, _absolute(validation)
    )
    for folder in (job.folder, trained_folder(work)):
        shutil.rmtree(folder, ignore_errors=True)
    job.folder.mkdir(parents=True)
    job.write()
    extra = read_file(options.accelerate_config).environment if options.accelerate_config else {}
    how, share = " of torchrun" if launch() else "", options.batch_size // size
    context.reporter.say(f"{context.stage_id}: {size} processes{how}, {share} rows of a batch each")
    _watch(job, size, context, extra)
    for one in student.beside.values():
        from synthgen.training.attached import attach

        attach(student.model, one.model, None)  # so that its weights are loaded, too
    load_trained(student, trained_folder(work), options.method)
    result = read_result(job.folder)
    return {**result["figures"], "processes": size}, result["measured"]


def load_trained(student: Student, folder: Path, method: str) -> None:
    """Puts what ranks trained in the place of the weights that the student began with."""
    if method == "lora":
        from peft import PeftConfig, PeftModel

        from synthgen.training.attached import attached_to, leave_out

        name = student.model.name_or_path or None  # as peft has it where it makes the adapters
        adapters = PeftConfig.from_pretrained(folder)
        if attached_to(student.model) is None:
            leave_out(adapters, [module for module, _ in student.model.named_modules()])
        student.model = PeftModel.from_pretrained(student.model, folder, config=adapters)
        student.model.peft_config["default"].base_model_name_or_path = name
    else:
        from synthgen.training.restoring import restore_weights

        restore_weights(student.model, folder, method)
    student.model.eval()


def _absolute(artefact: Artefact | None) -> Artefact | None:
    if artefact is None:
        return None
    return replace(artefact, folder=artefact.folder.absolute(), file=artefact.file.absolute(), inputs={})


def _watch(job: Job, size: int, context: RunContext, extra: dict[str, str]) -> None:
    """Starts the ranks of this process, and returns when all have ended well."""
    relay, told = Relay(context.reporter, context.stage_id), 0
    try:
        with _meeting(launch(), job, extra) as (address, company):
            started = launch()
            places = [Place(0, started.local_rank)] if started else [Place(one, one) for one in range(size)]
            with LocalRanks(
                job.folder,
                places,
                size=size,
                local_size=started.local_size if started else size,
                address=address,
                extra=extra,
                relay=relay.writing,
            ) as ranks:
                relay.started()
                while not _done(ranks, company):
                    relay.show(WATCH_SECONDS)
                    if (signalled := context.stopping()) and signalled != told:
                        told = signalled
                        ranks.ask_to_stop()
                    if company is not None and (fault := company.fault()) is not None:
                        raise fault
    except Interrupted as stop:
        raise Interrupted(told or stop.exit_code - 128) from stop
    finally:
        relay.close()


def _done(ranks: LocalRanks, company: Company | None) -> bool:
    """Whether the ranks of this process have ended well; raises the error of the rank that failed first."""
    try:
        return ranks.done()
    except RankFailed as fault:
        if company is None or fault.killed:
            raise
        until = time.monotonic() + OTHERS_SECONDS
        while (other := company.fault()) is None and time.monotonic() < until:
            time.sleep(WATCH_SECONDS)
        raise (first_cause([fault, other]) if other is not None else fault) from None


Meeting = tuple[tuple[str, int], "Company | None"]
"""Where ranks find each other, and torchrun's processes where it started them."""


@contextmanager
def _meeting(started: Launch | None, job: Job, extra: dict[str, str]) -> Iterator[Meeting]:
    """A store of this training's own, where its ranks find each other; under torchrun, all are told."""
    from torch.distributed import TCPStore

    host = started.address if started else "127.0.0.1"
    store = TCPStore(
        host, 0, is_master=True, wait_for_workers=False, timeout=timedelta(seconds=300)
    )  # port 0: any that is free
    address = (host, store.port)
    if started is None:
        yield address, None
        return
    from synthgen.training.processes.torchrun import Announcement, company_of

    try:
        company = company_of(started)
        company.announce(Announcement(str(job.folder), address, extra))
    except RuntimeError as fault:
        raise StageFailed(f"torchrun's other processes cannot be reached: {fault}") from fault
    try:
        yield address, company
    finally:
        with suppress(RuntimeError, SynthgenError):  # torchrun may be gone
            company.over()
