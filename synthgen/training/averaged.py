"""A teacher that is the running mean of its student's weights (Tarvainen and Valpola 2017, arXiv 1703.01780).

It hangs on the student (see `attached`), so checkpoints hold it, and a resume goes on with it.

Imports torch and transformers: it is imported only once they are known to be there.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import TrainerCallback

from synthgen.training.attached import attached_to


class Averaging(TrainerCallback):  # type: ignore[misc]  # transformers has no types
    """Moves the mean after each optimizer step.

    Args:
        student: the model, with its mean attached.
        decay: what the mean keeps of itself; the student has the rest.
    """

    def __init__(self, student: Any, decay: float) -> None:
        self._student, self._decay = student, decay

    def on_optimizer_step(self, *_: Any, **__: Any) -> None:
        """See the class."""
        with torch.no_grad():
            for name, mean in attached_to(self._student).named_parameters():
                mean.lerp_(self._student.get_parameter(name).to(mean.dtype), 1 - self._decay)
