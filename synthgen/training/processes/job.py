"""What ranks are told, and what they leave: files of one folder that all of them can read."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from synthgen.core.artefacts import Artefact
from synthgen.core.errors import ConfigError, Fault, Interrupted, StageFailed, SynthgenError
from synthgen.core.progress import Reporter
from synthgen.store.publish import write_whole
from synthgen.training.objectives.contract import Objective
from synthgen.training.options import TrainingOptions
from synthgen.training.preflight import Preflight
from synthgen.training.student_options import StudentOptions


@dataclass(frozen=True)
class Job:
    """One training by several ranks."""

    stage_id: str
    work: Path
    seed: int
    student: StudentOptions
    """The student as every rank loads it; one from scratch was written to a folder before."""
    options: TrainingOptions
    objective: Objective
    preflight: Preflight
    validation: Artefact | None

    @property
    def folder(self) -> Path:
        """Where all that ranks read and leave is."""
        return folder_of(self.work)

    def write(self) -> None:
        """Writes what ranks read."""
        write_whole(self.folder / "job.pickle", pickle.dumps(self))


@dataclass(frozen=True)
class RankContext:
    """What a rank uses of the run; see `context.RunContext`."""

    stage_id: str
    work: Path
    seed: int
    reporter: Reporter
    stopping: Callable[[], int]
    reply_room: int | None = None


def folder_of(work: Path) -> Path:
    """The folder of a training's ranks."""
    return work / "ranks"


def read_job(folder: Path) -> Job:
    """The job that a rank is started for.

    Raises:
        StageFailed: the folder of the run is not there.
    """
    try:
        job: Job = pickle.loads((folder / "job.pickle").read_bytes())
    except FileNotFoundError:
        raise StageFailed(
            "this machine does not see the run's folder",
            str(folder),
            "machines that train together need one folder for runs: --runs on a disk that they share",
        ) from None
    return job


def errors_of(folder: Path, rank: int) -> Path:
    """What a rank wrote on stderr and stdout."""
    return folder / f"rank-{rank}.log"


def write_result(folder: Path, figures: dict[str, Any]) -> None:
    """Rank 0's figures of the training."""
    write_whole(folder / "result.json", orjson.dumps(figures))


def read_result(folder: Path) -> dict[str, Any]:
    """The figures of the training."""
    figures: dict[str, Any] = orjson.loads((folder / "result.json").read_bytes())
    return figures


class RankFailed(StageFailed):
    """A rank ended without an error that says what to do: it was killed, or some library failed.

    Args:
        what: see `SynthgenError`.
        where: see `SynthgenError`.
        next: see `SynthgenError`.
        faults: see `SynthgenError`.
        killed: whether a signal ended it.
        at: when it last wrote something.
    """

    def __init__(
        self,
        what: str,
        where: str = "",
        next: str = "",
        faults: Sequence[Fault] = (),
        *,
        killed: bool = False,
        at: float = 0.0,
    ) -> None:
        super().__init__(what, where, next, faults)
        self.killed, self.at = killed, at


def first_cause(faults: Iterable[SynthgenError | OSError]) -> SynthgenError | OSError:
    """Of the errors of several ranks, the one that made the others fail, too.

    A rank that explains its error; one that was asked to stop; one that was killed; and of others, which may
    only have lost a rank that they were connected with, the one that failed first.
    """

    def order(fault: SynthgenError | OSError) -> tuple[int, float]:
        if isinstance(fault, RankFailed):
            return (2 if fault.killed else 3), fault.at
        return int(isinstance(fault, Interrupted)), 0.0

    return min(faults, key=order)


_KINDS = {"ConfigError": ConfigError, "StageFailed": StageFailed, "RankFailed": RankFailed}


def fault_bytes(fault: SynthgenError | OSError) -> bytes:
    """An error, as one process leaves it for another."""
    kept: dict[str, Any]
    if isinstance(fault, Interrupted):
        kept = {"kind": "Interrupted", "signal": fault.exit_code - 128}
    elif isinstance(fault, OSError):
        number, file = fault.errno or 0, fault.filename
        kept = {
            "kind": "OSError",
            "errno": number,
            "words": fault.strerror or os.strerror(number),
            "file": os.fsdecode(file) if isinstance(file, str | bytes) else None,
        }
    else:
        kind = "ConfigError" if isinstance(fault, ConfigError) else "StageFailed"
        kept = {"kind": kind, "what": str(fault.args[0]), "faults": [asdict(one) for one in fault.faults]}
        if isinstance(fault, RankFailed):
            kept |= {"kind": "RankFailed", "more": {"killed": fault.killed, "at": fault.at}}
    return orjson.dumps(kept)


def read_fault(content: bytes) -> SynthgenError | OSError:
    """The error that `fault_bytes` was given; its class is one of the main ones."""
    kept = orjson.loads(content)
    if kept["kind"] == "Interrupted":
        return Interrupted(kept["signal"])
    if kept["kind"] == "OSError":
        return OSError(kept["errno"], kept["words"], kept["file"])
    faults = [Fault(**one) for one in kept["faults"]]
    return _KINDS[kept["kind"]](kept["what"], faults=faults, **kept.get("more", {}))


def leave_fault(folder: Path, rank: int, fault: SynthgenError | OSError) -> None:
    """Leaves the error that ended a rank."""
    write_whole(folder / f"rank-{rank}.fault", fault_bytes(fault))


def fault_of(folder: Path, rank: int) -> SynthgenError | OSError | None:
    """The error that ended a rank, or None where it left none."""
    try:
        return read_fault((folder / f"rank-{rank}.fault").read_bytes())
    except FileNotFoundError:
        return None
