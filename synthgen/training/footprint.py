"""How much memory and disk a training takes, known from the config of its student: no weights are loaded.

Memory is that of the device that trains (of one process, where several do). It is the largest of three
moments:

- the head in the backward pass: weights, AdamW's moments, all that the forward pass keeps, the tile of logits
  and what it is turned into, the head's gradient;
- the end of the backward pass: weights, moments and all gradients;
- saving, on a CPU: weights, and those that are written, once more.

`python -m benchmarks.memory` compares with what trainings take.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from synthgen.training.kept import keeps_best
from synthgen.training.objectives.contract import Objective
from synthgen.training.options import TrainingOptions
from synthgen.training.student_options import StudentOptions

if TYPE_CHECKING:
    from transformers import PretrainedConfig

TILE = (4096, 32768)
"""Tokens and rows of the vocabulary for which TRL's head computes logits at a time."""
TILES_ON_CPU = 7
"""Tiles in float32 that its backward pass holds at once where it has no Triton; with it, the tile alone."""
BITS = {"4bit": 4.13, "8bit": 8.1}
"""Of a quantized weight, with its scales."""
MOMENTS = {"adafactor": 0.0, "sgd": 0.0, "lion": 1.0, "rmsprop": 1.0, "adagrad": 1.0}
"""Copies of the trained weights that an optimizer holds; AdamW two."""
HEAP = 0.3
"""Of what the forward pass keeps on a CPU: holes between its pieces that glibc's heap cannot give back.

Pieces of 32 MB and more are no part of the heap, and leave none.
"""
MAPPED = 32 * 2**20
CHECKPOINTS = 3
"""Whole checkpoints on disk: two are kept, while a third is written."""


class Training(NamedTuple):
    """What a stage trains, and how."""

    student: StudentOptions
    options: TrainingOptions
    objective: Objective


@dataclass(frozen=True)
class Footprint:
    """What a training takes, in bytes."""

    parameters: int
    trained: int
    """Weights that are trained."""
    weights: int
    gradients: int
    optimizer: int
    reference: int
    """The student as it was, which the loss compares with."""
    activations: int
    """What the forward pass keeps; 0 where `counted` says no."""
    head: int
    """The logits and what the head's backward pass makes of them."""
    saving: int
    """What saving takes beside the weights."""
    counted: bool
    """Whether the family's forward pass could be counted."""
    sequences: int
    tokens: int
    """Of a batch of one process: sequences, and tokens of each."""
    model_file: int
    """The saved model."""
    adapter_file: int
    checkpoint: int
    """Weights and optimizer."""
    snapshot: int
    """Weights alone, as they are trained."""

    @property
    def memory(self) -> int:
        """The peak."""
        standing = self.weights + self.optimizer + self.reference
        return max(
            standing + self.activations + self.head,
            standing + self.gradients + self.head // 8,
            self.weights + self.optimizer + self.saving,
        )

    def disk(self, options: TrainingOptions, scratch: bool) -> tuple[int, int]:
        """Bytes that stay when all is done, and those that are there at the end of the training."""
        stays = self.model_file * (1 + options.keep) + self.adapter_file * (1 + options.keep)
        stays += self.weights if scratch else 0
        work = self.checkpoint * (CHECKPOINTS + keeps_best(options))
        work += self.snapshot * (options.keep + 1 if options.keep else 0)
        return stays, stays + work

    def plain(self, options: TrainingOptions, scratch: bool) -> dict[str, Any]:
        """The figures for `--json`."""
        stays, most = self.disk(options, scratch)
        return {
            "parameters": self.parameters,
            "trained": self.trained,
            "memory_bytes": self.memory,
            "memory": {
                "weights": self.weights,
                "gradients": self.gradients,
                "optimizer": self.optimizer,
                "reference": self.reference,
                "activations": self.activations if self.counted else None,
                "head": self.head,
            },
            "sequences": self.sequences,
            "tokens": self.tokens,
            "disk_bytes": stays,
            "disk_peak_bytes": most,
        }

    def lines(self, options: TrainingOptions, scratch: bool) -> list[str]:
        """Memory and disk, as a person reads them."""
        stays, most = self.disk(options, scratch)
        parts = {
            "weights": self.weights,
            "gradients": self.gradients,
            "optimizer": self.optimizer,
            "reference": self.reference,
            "activations": self.activations,
            "logits": self.head,
        }
        shown = ", ".join(f"{name} {size(value)}" for name, value in parts.items() if value)
        batch = f"{self.sequences:,} sequences of up to {self.tokens:,} tokens"
        if self.counted:
            memory = f"about {size(self.memory)} of memory at its peak for {batch} ({shown})"
        else:
            memory = f"about {size(self.memory)} of memory ({shown}) beside what {batch} take"
        kept = f", {options.keep} earlier models among them" if options.keep else ""
        return [
            f"{self.parameters:,} parameters, {self.trained:,} trained; {memory}",
            f"disk: {size(stays)} stay{kept}, {size(most)} while it is trained",
        ]


def size(number: float) -> str:
    """Bytes as people say them: `81 GB`, `1.35 GB`, `590 MB`, `0.4 MB`, `12.5 KB`."""
    if number < 1e5:
        return f"{number / 1e3:,.1f} KB"
    if number >= 1e9:
        return f"{number / 1e9:,.0f} GB" if number >= 20e9 else f"{number / 1e9:,.2f} GB"
    return f"{number / 1e6:,.0f} MB" if number >= 1e6 else f"{number / 1e6:,.1f} MB"


def footprint(
    config: PretrainedConfig, training: Training, *, tokens: int, stored: Any = None
) -> Footprint | None:
    """What a training takes on this machine; None where the family cannot be made without weights.

    Args:
        config: the student's.
        training: how it is loaded and trained.
        tokens: of the longest sequence, at most `max_length`.
        stored: the dtype that it is saved in; that of its training where None.
    """
    import torch

    from synthgen.training.activations import COUNTED, empty_model, kept_for_backward, weights_of

    student, options, objective = training
    cuda = torch.cuda.is_available()
    lora = options.lora if options.method == "lora" else None
    dtype = torch.bfloat16 if lora is not None and cuda and student.init is None else torch.float32
    if student.dtype is not None:
        dtype = getattr(torch, student.dtype)
    attention = student.attn_implementation if student.attn_implementation == "eager" else COUNTED
    sequences, tokens = _batch(options, objective, tokens, student.attn_implementation)
    try:
        model = empty_model(config, dtype, lora, attention)
        found = weights_of(model)
    except Exception:  # a family that cannot be made without weights says nothing
        return None
    held = found.bytes
    if student.quantization is not None:
        held -= round(found.linear * (dtype.itemsize - BITS[student.quantization] / 8))
    autocast = cuda and torch.cuda.is_bf16_supported() and dtype == torch.float32
    try:
        if autocast:
            model = model.to(torch.bfloat16)
        kept = kept_for_backward(model, sequences, tokens)
        checkpointed = bool(options.trainer.get("gradient_checkpointing", cuda))
        activations = kept.inputs + kept.every // kept.layers if checkpointed else kept.every
        activations += 3 * kept.largest  # gradients of a layer's inputs
        if not cuda and kept.largest < MAPPED:
            activations += round(HEAP * activations)
        counted = True
    except Exception:  # a family whose forward pass needs real numbers
        activations, counted = 0, False
    if autocast:
        activations += 2 * found.every  # copies of the weights in bfloat16
    itemsize = 2 if autocast else dtype.itemsize
    width = found.head // found.vocabulary
    head = _head(sequences * tokens, found.vocabulary, width, itemsize, cuda, options.trainer)
    if found.head_trained:
        head += found.head * (4 if dtype.itemsize == 4 else 4 + dtype.itemsize)
    gradients = found.trained_bytes
    optimizer = round(gradients * moments(str(options.trainer.get("optim", "adamw"))))
    full = lora is None
    file = found.every - (found.trained if lora is not None else 0)
    model_file = file * (stored.itemsize if stored is not None else dtype.itemsize)
    trained_file = held if full else found.trained_bytes
    return Footprint(
        parameters=found.every,
        trained=found.trained,
        weights=held,
        gradients=gradients,
        optimizer=optimizer,
        reference=held if objective.REFERENCE and full and not _precomputed(options.trainer) else 0,
        activations=activations,
        head=head,
        saving=0 if cuda else max(model_file, trained_file),
        counted=counted,
        sequences=sequences,
        tokens=tokens,
        model_file=model_file,
        adapter_file=0 if full else found.trained_bytes,
        checkpoint=trained_file + optimizer,
        snapshot=trained_file,
    )


def _batch(
    options: TrainingOptions, objective: Objective, tokens: int, attention: str | None
) -> tuple[int, int]:
    """Sequences that go through the model at once in one process, and tokens of each."""
    rows = max(1, options.batch_size // (options.processes or 1))
    if options.packing:
        return (rows if "fl" in (attention or "") else 1), options.max_length
    return rows * len(objective.TASKS), min(tokens, options.max_length)


def _head(
    tokens: int, vocabulary: int, width: int, itemsize: int, cuda: bool, trainer: Mapping[str, Any]
) -> int:
    """What TRL's head takes beside its gradient: a tile of logits, and the gradient of the hidden states."""
    hidden = tokens * width * (4 + itemsize)
    if trainer.get("label_smoothing_factor"):  # needs all logits
        return tokens * vocabulary * (itemsize + 8) + hidden
    tile = min(tokens, TILE[0]) * min(vocabulary, TILE[1])
    return tile * (itemsize if cuda else itemsize + 4 * TILES_ON_CPU) + hidden


def _precomputed(trainer: Mapping[str, Any]) -> bool:
    return bool(trainer.get("precompute_ref_log_probs"))


def moments(optimizer: str) -> float:
    """Copies of the trained weights that an optimizer holds."""
    if "8bit" in optimizer or "bnb" in optimizer:
        return 0.5
    return next((copies for name, copies in MOMENTS.items() if name in optimizer), 2.0)


def can_count() -> bool:
    """Whether the packages are there that footprints are counted with."""
    return all(importlib.util.find_spec(name) for name in ("torch", "transformers", "peft"))
