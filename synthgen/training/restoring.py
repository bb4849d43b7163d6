"""Weights of a checkpoint put back into the model that is trained.

A checkpoint may hold what is attached to a student (see `attached`) and the model not, or the other way
round: the first is passed over, the second an error.

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file

from synthgen.core.errors import StageFailed
from synthgen.training.attached import attached_to, not_held, only_attached, without_attached

ADAPTER = "adapter_model.safetensors"


def restore_weights(model: Any, checkpoint: Path, method: str) -> None:
    """Puts the weights of a checkpoint into the model.

    Raises:
        StageFailed: the checkpoint lacks weights.
    """
    require_attached(model, checkpoint)
    if method == "lora":
        from peft import set_peft_model_state_dict

        set_peft_model_state_dict(model, load_file(checkpoint / ADAPTER))
        return
    if stored_under_other_names(model, checkpoint):
        held = type(model).from_pretrained(checkpoint, dtype=model.dtype, local_files_only=True)
        more = only_attached(_weights_of(checkpoint)) if attached_to(model) is not None else {}
        _load(model, {**held.state_dict(), **more}, checkpoint)
        return
    _load(model, _weights_of(checkpoint), checkpoint)


def _load(model: Any, weights: dict[str, Any], checkpoint: Path) -> None:
    missing = model.load_state_dict(weights, strict=False).missing_keys
    model.tie_weights()
    tied = {*(getattr(model, "_tied_weights_keys", None) or ()), *getattr(model, "all_tied_weights_keys", ())}
    if set(missing) - tied:
        raise StageFailed(
            f"the best checkpoint lacks weights: {', '.join(sorted(missing)[:3])}", str(checkpoint)
        )


def require_attached(model: Any, checkpoint: Path) -> None:
    """Refuses a checkpoint without what is trained with the model, which would be left as it started.

    A checkpoint of FSDP or DeepSpeed in parts of its own is not looked into: these load all or fail.

    Raises:
        StageFailed: the checkpoint lacks weights of it.
    """
    names = _names_in(checkpoint)
    if names and (missing := not_held(model, names)):
        raise StageFailed(
            f"the checkpoint lacks what is trained with the student: {', '.join(missing[:3])}",
            str(checkpoint),
            "remove the folder that it is in, and the training starts again",
        )


def stored_under_other_names(model: Any, checkpoint: Path) -> bool:
    """Whether the files of a checkpoint name weights otherwise than the model does.

    Experts are one tensor in the model and one file entry each; image-text models keep names of older
    releases. transformers' Trainer, which loads by the model's names, would leave such weights as they are.
    """
    names = without_attached(dict.fromkeys(_names_in(checkpoint)))
    return bool(set(names) - set(model.state_dict()))


def _names_in(checkpoint: Path) -> set[str]:
    names: set[str] = set()
    for part in _parts(checkpoint) or [*checkpoint.glob(ADAPTER)]:
        with safe_open(part, "pt") as file:
            names.update(file.keys())
    return names


def _weights_of(checkpoint: Path) -> dict[str, Any]:
    weights: dict[str, Any] = {}
    for part in _parts(checkpoint):
        weights.update(load_file(part))
    return weights


def _parts(checkpoint: Path) -> list[Path]:
    return sorted(checkpoint.glob("model*.safetensors"))
