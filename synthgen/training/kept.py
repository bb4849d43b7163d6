"""Models of earlier steps that stay beside the last one (`keep`): weights alone, taken at each measurement.

While a student is trained, its weights are written to `kept/` in the stage's work folder, sealed as a
checkpoint is. A snapshot is whole before the checkpoint of its step, so a training that goes on from a
checkpoint has all snapshots up to there, and makes the later ones again. At the end the newest become model
folders.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.store.jsonl import read_log
from synthgen.store.publish import flush_folder
from synthgen.training import checkpoints
from synthgen.training.options import TrainingOptions

if TYPE_CHECKING:
    from synthgen.training.architecture import Source
    from synthgen.training.student import Student

FOLDER = "checkpoints"
"""Where the models of earlier steps are published, each as `step-<step>`."""


def snapshots_folder(work: Path) -> Path:
    """Where weights of earlier steps are while a student is trained."""
    return work / "kept"


class Snapshots:
    """Takes weights while a student is trained; every rank of the training calls it alike.

    Args:
        folder: where they are written.
        newest: how many stay.
        write: writes the weights into a folder, from whatever part of them each rank holds.
        leads: whether this rank is the one that writes.
    """

    def __init__(self, folder: Path, newest: int, write: Callable[[Path], None], leads: bool) -> None:
        self._folder, self._newest, self._write, self._leads = folder, newest, write, leads

    def cut(self, step: int) -> None:
        """Removes those of steps after `step`, which will be made again."""
        for snapshot in checkpoints.all_checkpoints(self._folder) if self._leads else ():
            if checkpoints.step_of(snapshot) > step:
                shutil.rmtree(snapshot)

    def take(self, step: int) -> None:
        """Writes the weights as they are now."""
        name = f"checkpoint-{step}"
        self._write(self._folder / f".{name}")
        if self._leads:
            checkpoints.seal(self._folder / f".{name}")
            (self._folder / f".{name}").rename(self._folder / name)
            flush_folder(self._folder)
            checkpoints.prune(self._folder, self._newest)


def keeps_best(options: TrainingOptions) -> bool:
    """Whether the weights of the best measurement become the model."""
    return options.publish == "best" or options.early_stopping is not None


def kept_snapshots(
    options: TrainingOptions, work: Path, figures: Mapping[str, Any], say: Callable[[str], None]
) -> list[Path]:
    """The snapshots that become models, oldest first: the newest, without that of the model itself.

    Args:
        options: of the training.
        work: its work folder.
        figures: what it came to.
        say: told of one that a disk has torn, which is left out.
    """
    if not options.keep:
        return []
    model = (keeps_best(options) and figures.get("at step")) or figures["steps"]
    chosen: list[Path] = []
    for snapshot in reversed(checkpoints.all_checkpoints(snapshots_folder(work))):
        if checkpoints.step_of(snapshot) == model or len(chosen) == options.keep:
            continue
        if reason := checkpoints.why_broken(snapshot):
            say(f"the weights of step {checkpoints.step_of(snapshot):,} cannot be kept ({reason})")
            continue
        chosen.append(snapshot)
    return chosen[::-1]


def nothing_kept(options: TrainingOptions, steps: int) -> str:
    """Why `keep` left no model of an earlier step."""
    every = "an epoch" if options.measure_every is None else f"every {options.measure_every:,} steps"
    return (
        f"keep: {options.keep} kept nothing: of {steps:,} steps, measured {every}, no measurement is left "
        "beside the model itself; measure_every says how often there is one"
    )


def write_kept(
    student: Student,
    snapshots: Sequence[Path],
    options: TrainingOptions,
    work: Path,
    out: Path,
    base: Source | None,
) -> None:
    """Writes a model folder for each snapshot, for adapters also these alone; see `run.train_student`.

    Args:
        student: the trained student. One without adapters has the weights of the last snapshot afterwards;
            adapters are as before, and not merged yet.
        snapshots: from `kept_snapshots`.
        options: of the training.
        work: its work folder.
        out: the stage's folder.
        base: where a student with adapters started from.
    """
    from synthgen.training.restoring import restore_weights
    from synthgen.training.student import save

    if not snapshots:
        return
    if options.method == "full":
        for snapshot in snapshots:
            restore_weights(student.model, snapshot, options.method)
            save(student, folder_of(out, snapshot))
        return
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    from synthgen.training.adapters import merged, save_adapter

    model = student.model
    last = {name: weight.clone() for name, weight in get_peft_model_state_dict(model).items()}
    for snapshot in snapshots:
        folder = folder_of(out, snapshot)
        restore_weights(model, snapshot, options.method)
        save_adapter(model, options.lora, work, folder / "adapter")
        # Into the base as it was: merging into this model and out again would change its last bits.
        dtype = student.stored if student.quantized else model.dtype
        whole = merged(model, base, folder / "adapter", dtype, quantized=True)
        save(replace(student, model=whole), folder)
    set_peft_model_state_dict(model, last)


def folder_of(out: Path, snapshot: Path) -> Path:
    """The published folder of a snapshot."""
    return out / FOLDER / f"step-{checkpoints.step_of(snapshot)}"


def accounts_of(snapshots: Sequence[Path], out: Path, metrics: Path) -> Iterator[dict[str, Any]]:
    """Step, tokens and measurements of each model that is kept, and where it is, for the manifest."""
    steps = {checkpoints.step_of(snapshot): snapshot for snapshot in snapshots}
    found: dict[int, dict[str, Any]] = {step: {} for step in steps}
    for entry in read_log(metrics):
        if (step := entry["step"]) in found:
            of_step = (
                ("epoch", "tokens") if "loss" in entry else tuple(name for name in entry if name != "step")
            )
            found[step] |= {name: entry[name] for name in of_step if entry.get(name) is not None}
    for step, figures in sorted(found.items()):
        yield {"step": step, **figures, "folder": folder_of(out, steps[step]).relative_to(out).as_posix()}
