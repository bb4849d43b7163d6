"""What a rehearsal shows of a student: what it took, and what broke."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from synthgen.core.errors import ConfigError, Fault, StageFailed, SynthgenError


@dataclass(frozen=True)
class Training:
    """What the steps of a student took."""

    base: str
    parameters: int
    trained_parameters: int
    method: str
    processes: int
    batch_rows: int
    """Rows of a batch, of which a step has `batches`."""
    batches: int
    longest: int
    """Tokens of the longest sequence."""
    tokens: int
    """Tokens of a step."""
    step_seconds: float | None
    """Of the last step; None where it was too short to be seen."""
    seconds: float
    """Of loading, training and saving together."""
    memory_bytes: int
    """The most that was resident in this process, or in one of several."""
    gpu_memory_bytes: int | None
    """The most that torch held on a GPU in this process; None without one."""
    model_bytes: int
    checkpoint_bytes: int


@dataclass(frozen=True)
class Asking:
    """What an evaluation's questions took, for all local models that it asks."""

    stage: str
    """The evaluation's id."""
    models: tuple[str, ...]
    questions: int
    tokens: int
    """Tokens of all answers."""
    seconds: float
    """Of loading and answering together."""
    memory_bytes: int
    gpu_memory_bytes: int | None


@dataclass(frozen=True)
class Rehearsed:
    """One student: the stages that it stands for, how far it came, and what broke, if anything did."""

    stages: tuple[str, ...]
    training: Training | None = None
    askings: tuple[Asking, ...] = ()
    untried: str = ""
    """Why it cannot be rehearsed, though nothing is known to be wrong with it."""
    fault: SynthgenError | None = field(default=None, compare=False)

    def plain(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "stages": list(self.stages),
            "training": asdict(self.training) if self.training else None,
            "evaluations": [asdict(one) for one in self.askings],
            "untried": self.untried or None,
            "faults": [asdict(fault) for fault in self.fault.faults] if self.fault else [],
        }

    def lines(self) -> list[str]:
        """As a person reads it: the student, what a step and each evaluation took, and what broke."""
        whose = f"{', '.join(self.stages)}:"
        lines = [whose] if self.training is None else [f"{whose} {_student(self.training)}"]
        lines += [] if self.training is None else [f"  {_step(self.training)}"]
        lines += [f"  {_asking(one)}" for one in self.askings]
        lines += [f"  not rehearsed: {self.untried}"] if self.untried else []
        return lines + [f"  broke: {one.what}" for one in (self.fault.faults if self.fault else ())]


def fault_of(rehearsed: Sequence[Rehearsed]) -> SynthgenError | None:
    """All that broke as one error, of the command's exit code; None where nothing did."""
    broken = [one.fault for one in rehearsed if one.fault is not None]
    if not broken:
        return None
    kind = ConfigError if all(isinstance(fault, ConfigError) for fault in broken) else StageFailed
    faults: list[Fault] = [fault for one in broken for fault in one.faults]
    return kind("; ".join(fault.what for fault in faults), faults=faults)


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _student(one: Training) -> str:
    whole = one.trained_parameters == one.parameters
    trained = "" if whole else f", {one.trained_parameters:,} weights trained"
    return f"{one.base}, {one.parameters:,} parameters, {one.method}{trained}"


def _step(one: Training) -> str:
    batches = f"{one.batches} batches of " if one.batches > 1 else ""
    together = f" by {one.processes} processes" if one.processes > 1 else ""
    took = "too short to be timed" if one.step_seconds is None else f"{one.step_seconds:.2f} s"
    return (
        f"a step of {batches}{one.batch_rows} rows{together} ({one.tokens:,} tokens, longest {one.longest:,})"
        f": {took}, {_memory(one.memory_bytes, one.gpu_memory_bytes)}; model {_size(one.model_bytes)}, "
        f"checkpoint {_size(one.checkpoint_bytes)}"
    )


def _asking(one: Asking) -> str:
    return (
        f"{one.stage}: {one.questions} questions to {' and '.join(one.models)}, {one.tokens:,} tokens in "
        f"{one.seconds:.1f} s, {_memory(one.memory_bytes, one.gpu_memory_bytes)}"
    )


def _memory(resident: int, gpu: int | None) -> str:
    return f"{_size(resident)} of memory" + (f", {_size(gpu)} on the GPU" if gpu else "")


def _size(number: int) -> str:
    return f"{number / 1e9:.2f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"
