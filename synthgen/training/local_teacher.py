"""A teacher whose weights are at hand: where it is, and how it is loaded.

Imports torch and transformers where they are used.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthgen.core.errors import ConfigError, first_line
from synthgen.training.architecture import Source, load_model
from synthgen.training.student_options import InitOptions, StudentOptions
from synthgen.training.teacher_options import LocalTeacherOptions

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


ITSELF = "itself as it started"
AVERAGED = "the running mean of itself"
"""What messages call a student that is its own teacher."""


@dataclass(frozen=True)
class LocalTeacher:
    """Where a teacher is, and how it is loaded; every process that trains loads its own."""

    name: str
    """As messages call it: a hub id, a folder, a stage, or the student itself."""
    source: Source | None
    """Where it is loaded from; None where it is the student as it starts, or from scratch."""
    dtype: str | None = None
    quantization: str | None = None
    device: str | None = None
    init: InitOptions | None = None
    """Sizes of one that is from scratch."""
    seed: int = 0
    """Of its first weights, where it is from scratch."""
    decay: float | None = None
    """What a teacher that is the running mean of its student's weights keeps of itself at each step."""

    def number_format(self) -> torch.dtype:
        """What its weights are held in, unless they are quantised: bfloat16 on a GPU, float32 on a CPU."""
        import torch

        if self.dtype is not None:
            return getattr(torch, self.dtype)  # type: ignore[no-any-return]
        on_gpu = torch.cuda.is_available() if self.device is None else self.device.startswith("cuda")
        return torch.bfloat16 if on_gpu else torch.float32


def local_teacher(
    options: LocalTeacherOptions, folder: str | None, local_only: bool = False, seed: int = 0
) -> LocalTeacher:
    """The teacher that options name; `folder` holds the model of the stage that they name."""
    if options.init is not None:
        sizes = f"a teacher from scratch ({options.init.layers} layers of {options.init.hidden_size})"
        return LocalTeacher(sizes, None, init=options.init, seed=seed)
    if options.self == "averaged":
        return LocalTeacher(AVERAGED, None, decay=options.decay)
    if options.self is not None:
        return LocalTeacher(ITSELF, None, device=options.device)
    name = str(options.model if options.stage is None else options.stage)
    where = str(options.model if folder is None else folder)
    source = Source(where, options.revision, options.trust_remote_code, local_only)
    return LocalTeacher(name, source, options.dtype, options.quantization, options.device)


def open_teacher(teacher: LocalTeacher, device: Any, student: Any = None) -> PreTrainedModel:
    """The teacher's model, frozen, in evaluation mode.

    Args:
        teacher: which one.
        device: where the student is trained.
        student: its model before training and before adapters. Where a training goes on from a checkpoint,
            this is still the start: checkpoints are read later.

    Raises:
        ConfigError: it cannot be loaded.
    """
    import torch

    from synthgen.training.student import loading, loading_options

    chosen = torch.device(device) if teacher.device is None else present_device(teacher.device)
    if teacher.source is None:
        itself: PreTrainedModel = copy.deepcopy(student).to(chosen)
        itself.requires_grad_(False)
        return itself.eval()
    dtype = teacher.number_format()
    # Only what `loading_options` reads; a quantised model is placed where it is made.
    how = StudentOptions.model_validate({"model": teacher.name, "quantization": teacher.quantization})
    placed = {"device_map": {"": chosen}} if teacher.quantization is not None else {}
    with loading(teacher.name, "teacher"):
        model = load_model(teacher.source, None, dtype=dtype, **loading_options(how, dtype), **placed)
    if teacher.quantization is None:
        model.to(chosen)
    model.requires_grad_(False)
    return model.eval()


def present_device(name: str) -> torch.device:
    """A device of this machine by its name.

    Raises:
        ConfigError: torch does not know it, or it is not here.
    """
    import torch

    try:
        device = torch.device(name)
        if device.type == "meta":
            raise RuntimeError("it holds no numbers")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as fault:  # a build without CUDA raises the second
        here = ["cpu"]
        if torch.accelerator.is_available():
            kind = torch.accelerator.current_accelerator()
            here += [f"{kind}:{at}" for at in range(torch.accelerator.device_count())]
        raise ConfigError(
            f"the teacher's device {name!r} cannot be used: {first_line(fault)}",
            "teacher: {device: …}",
            f"this machine has {', '.join(here)}; left out, it is where the student is trained",
        ) from fault
    return device
