"""A module that is trained with a student and is no part of the model that is published.

It hangs on the student's model under one name, so that checkpoints, the optimizer's state, DDP, FSDP and a
resume hold it with no code of their own. It is put there before the trainer is made, and taken off before
anything is published. With adapters it is one of PEFT's `modules_to_save`: PEFT trains and saves it whole,
and puts no adapter on it.

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from peft import LoraConfig

NAME = "attached"
"""Of the submodule."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draws first weights by a seed alone, and leaves torch's own generator as it was.

    So what is attached starts alike in every process and after every resume, and the student and its
    adapters start as they would without it. Weights have to be made on the CPU.
    """
    generator = torch.default_generator
    before = generator.get_state()
    generator.manual_seed(seed)
    try:
        yield
    finally:
        generator.set_state(before)


def attach(model: Any, part: torch.nn.Module, adapters: LoraConfig | None) -> None:
    """Hangs a module on a student that has no trainer and no adapters yet.

    Args:
        model: the student.
        part: what is trained with it; no ModuleDict or ModuleList itself, which PEFT does not save.
        adapters: of the student, which are changed so that they leave it alone; None where it has none.
    """
    model.add_module(NAME, part.to(model.device))
    if (tied := getattr(model, "all_tied_weights_keys", None)) is not None:  # a language model is attached
        inside = getattr(part, "all_tied_weights_keys", None) or {}
        model.all_tied_weights_keys = {
            **tied,
            **{f"{NAME}.{one}": f"{NAME}.{other}" for one, other in inside.items()},
        }
    if adapters is not None:
        adapters.modules_to_save = [*(adapters.modules_to_save or ()), NAME]


def attached_to(model: Any) -> Any:
    """The module that is trained with a student, None where there is none.

    Args:
        model: the student, with adapters or without, inside what else wraps it.
    """
    part = getattr(_base(model), NAME, None)
    return _trained(part) if part is not None else None


def own_weights(model: Any) -> list[Any]:
    """The weights of a student without those of what is attached to it."""
    part = getattr(_base(model), NAME, None)
    others = {id(weight) for weight in part.parameters()} if part is not None else set()
    return [weight for weight in model.parameters() if id(weight) not in others]


def take_off(model: Any) -> Any:
    """Takes the module off a student, and out of what its adapters are configured with; gives it, or None."""
    base = _base(model)
    part = getattr(base, NAME, None)
    if part is None:
        return None
    delattr(base, NAME)
    if (tied := getattr(base, "all_tied_weights_keys", None)) is not None:
        base.all_tied_weights_keys = {one: other for one, other in tied.items() if not _inside(one)}
    names = [name for name, _ in base.named_modules()]
    for adapters in (getattr(model, "peft_config", None) or {}).values():
        leave_out(adapters, names)
    return _trained(part)


def leave_out(adapters: LoraConfig, names: Iterable[str]) -> None:
    """Has the config of adapters say nothing of an attached module.

    Args:
        adapters: the config.
        names: those of the student's modules without it.
    """
    saved = [name for name in adapters.modules_to_save or () if name != NAME]
    adapters.modules_to_save = saved or None
    if isinstance(adapters.target_modules, set):  # PEFT writes out what all-linear is
        ends = {name[at + 1 :] for name in names for at in _places(name)}
        adapters.target_modules = {name for name in adapters.target_modules if name in ends}


def without_attached(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Weights of a checkpoint, by name, without those of an attached module."""
    return {name: value for name, value in weights.items() if not _inside(name)}


def only_attached(weights: Mapping[str, Any]) -> dict[str, Any]:
    """The attached module's weights of a checkpoint, by name."""
    return {name: value for name, value in weights.items() if _inside(name)}


def not_held(model: Any, names: Iterable[str]) -> list[str]:
    """Weights of a student's attached module of which a checkpoint has none.

    Args:
        model: the student.
        names: of all weights in the checkpoint.
    """
    part, held = attached_to(model), {name.removeprefix("base_model.model.") for name in names}
    if part is None:
        return []
    by_tensor: dict[int, list[str]] = {}  # a tied tensor is written once
    for name, weight in part.named_parameters(remove_duplicate=False):
        by_tensor.setdefault(id(weight), []).append(f"{NAME}.{name}")
    return [same[0] for same in by_tensor.values() if not held & set(same)]


def _base(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _trained(part: Any) -> Any:
    """What is trained of an attached module: with adapters, PEFT trains a copy."""
    copies = getattr(part, "modules_to_save", None)
    return copies[part.active_adapters[0]] if isinstance(copies, torch.nn.ModuleDict) else part


def _inside(name: str) -> bool:
    name = name.removeprefix("base_model.model.")
    return name == NAME or name.startswith(f"{NAME}.")


def _places(name: str) -> list[int]:
    """Where the parts of a module's name begin, less one."""
    return [-1, *(at for at, letter in enumerate(name) if letter == ".")]
