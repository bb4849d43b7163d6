"""A teacher whose weights are at hand: where it is, and how it is loaded.

Imports torch and transformers where they are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthgen.training.architecture import Source, load_model
from synthgen.training.student_options import StudentOptions
from synthgen.training.teacher_options import LocalTeacherOptions

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class LocalTeacher:
    """Where a teacher is, and how it is loaded; every process that trains loads its own."""

    name: str
    """As messages call it: a hub id, a folder, or a stage."""
    source: Source
    dtype: str | None = None
    quantization: str | None = None
    device: str | None = None

    def number_format(self) -> torch.dtype:
        """What its weights are held in, unless they are quantised: bfloat16 on a GPU, float32 on a CPU."""
        import torch

        if self.dtype is not None:
            return getattr(torch, self.dtype)  # type: ignore[no-any-return]
        on_gpu = torch.cuda.is_available() if self.device is None else self.device.startswith("cuda")
        return torch.bfloat16 if on_gpu else torch.float32


def local_teacher(options: LocalTeacherOptions, folder: str | None, local_only: bool = False) -> LocalTeacher:
    """The teacher that options name; `folder` holds the model of the stage that they name."""
    name = str(options.model if options.stage is None else options.stage)
    where = str(options.model if folder is None else folder)
    source = Source(where, options.revision, options.trust_remote_code, local_only)
    return LocalTeacher(name, source, options.dtype, options.quantization, options.device)


def open_teacher(teacher: LocalTeacher, device: Any) -> PreTrainedModel:
    """The teacher's model, frozen, in evaluation mode.

    Args:
        teacher: which one.
        device: where the student is.

    Raises:
        ConfigError: it cannot be loaded.
    """
    import torch

    from synthgen.training.student import loading, loading_options

    chosen = torch.device(teacher.device) if teacher.device is not None else torch.device(device)
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
