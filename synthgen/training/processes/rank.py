"""One rank of a training by several: `python -m synthgen.training.processes.rank FOLDER PID`.

It trains as the job in FOLDER says, and leaves weights, figures or its error there. It ends when the process
PID, which started it, has ended. A signal asks all ranks to write a checkpoint and end.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from pathlib import Path

from synthgen.core.errors import SynthgenError
from synthgen.core.interrupts import Stopping
from synthgen.core.progress import Reporter
from synthgen.store.orphans import end_with
from synthgen.training.processes.job import Job, RankContext, leave_fault, read_job, write_result
from synthgen.training.processes.relay import RELAY, RelayReporter


def main(folder: Path, parent: int) -> None:
    """Trains; exit code 0 where all went well."""
    end_with(parent)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    rank = int(os.environ["RANK"])
    relay = os.environ.pop(RELAY, "")
    reporter = RelayReporter(int(relay)) if relay else Reporter("silent")
    try:
        with Stopping() as stopping:
            job = read_job(folder)
            context = RankContext(job.stage_id, job.work, job.seed, reporter, stopping.signal)
            _train(job, rank, context, stopping)
    except (SynthgenError, OSError) as fault:
        traceback.print_exc()
        leave_fault(folder, rank, fault)
        _leave(1)
    except BaseException:
        traceback.print_exc()
        _leave(1)


def _train(job: Job, rank: int, context: RankContext, stopping: Stopping) -> None:
    import torch

    from synthgen.training.faults import explain_faults
    from synthgen.training.prepared import train_prepared
    from synthgen.training.processes.weights import trained_folder
    from synthgen.training.student import open_student, quiet_libraries

    if torch.accelerator.is_available():  # what comes before the trainer is on this rank's device, too
        torch.accelerator.set_device_index(int(os.environ["LOCAL_RANK"]) % torch.accelerator.device_count())
    own = job.folder / str(rank)
    own.mkdir(exist_ok=True)
    with quiet_libraries(), explain_faults(job.work):
        student = open_student(job.student, lambda: (), job.seed, job.options.method == "lora")
        with stopping.graceful():
            figures, measured = train_prepared(
                student,
                job.preflight,
                job.options,
                job.objective,
                context,
                job.validation,
                own=own,
                leave=trained_folder(job.work),
            )
    if rank == 0:
        write_result(job.folder, {"figures": figures, "measured": measured})


def _end_with_stdin() -> None:
    """Ends this process when the one that started it is gone: Linux does so by itself (`end_with`)."""
    os.read(0, 1)
    os._exit(1)


def _leave(code: int) -> None:
    """Ends at once: other ranks may be gone, and the end of their group would wait for them."""
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
