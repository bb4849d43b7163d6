"""Logits of those positions alone from which something is learned, a part of them at a time.

All logits of 8 rows of 1,000 tokens are 4.9 GB at 151,936 tokens of vocabulary, and a loss needs several such
tensors. A prompt's positions are not needed, and the others not all at once.

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from synthgen.core.errors import ConfigError
from synthgen.training.knowledge.contract import Passed

LOGITS = 1 << 26
"""Logits that are held at a time: 256 MB in single precision."""
TOLERANCE = 1e-3
"""By how much logits may differ, as a share of their size, where they are computed in two ways."""


def passed_through(
    model: Any,
    learned: torch.Tensor,
    watched: Mapping[str, Any],
    *,
    forward: Callable[..., Any] | None = None,
    **inputs: torch.Tensor,
) -> Passed:
    """What a model's head and other modules of it see, in one forward without logits.

    Args:
        model: a causal language model, with adapters or without.
        learned: [rows, width], true where the head's part is wanted.
        watched: modules whose outputs are wanted: name -> module.
        forward: what is called in place of the model itself.
        **inputs: of the model.

    Returns:
        What the head reads at the learned positions, row by row, and what each watched module gives.
    """
    seen: list[torch.Tensor] = []
    outputs: dict[str, torch.Tensor] = {}

    def catch(_: Any, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        seen.append(given[0])
        return (given[0][:, :0], *given[1:])

    def keep(name: str, _: Any, given: Any, output: Any) -> None:
        outputs[name] = output[0] if isinstance(output, tuple) else output

    hooks = [model.get_output_embeddings().register_forward_pre_hook(catch)]
    hooks += [module.register_forward_hook(partial(keep, name)) for name, module in watched.items()]
    try:
        (forward or model)(**inputs, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    (hidden,) = seen
    return Passed(hidden[learned.to(hidden.device)], outputs)


def logits_of(model: Any, hidden: torch.Tensor) -> torch.Tensor:
    """The model's logits for what its head reads.

    Args:
        model: a causal language model, with adapters or without.
        hidden: [positions, width of the model].

    Returns:
        [positions, vocabulary].
    """
    config = model.config.get_text_config()
    logits: torch.Tensor = model.get_output_embeddings()(hidden)
    scale = _scale(config)
    if scale != 1.0:
        logits = logits * scale
    if cap := getattr(config, "final_logit_softcapping", None):
        logits = torch.tanh(logits / cap) * cap
    return logits


def _scale(config: Any) -> float:
    """What a family multiplies its head's values by (Cohere, Falcon-H1), or divides them by (Granite)."""
    for name in ("logit_scale", "output_multiplier", "lm_head_multiplier"):
        if (value := getattr(config, name, None)) is not None:
            return float(value)
    divisor = getattr(config, "logits_scaling", None)
    if divisor is None:
        return 1.0
    return float(divisor) if config.model_type == "hyperclovax" else 1.0 / float(divisor)


def require_known_head(model: Any, name: str) -> None:
    """Compares `logits_of` with the logits that the model itself gives.

    Raises:
        ConfigError: they differ: the family does something to its logits that is not known here.
    """
    ids = torch.arange(3, 11, device=model.device)[None] % model.config.get_text_config().vocab_size
    every = torch.ones_like(ids, dtype=torch.bool)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        theirs = model(input_ids=ids, use_cache=False).logits[0].float()
        ours = logits_of(model, passed_through(model, every, {}, input_ids=ids).head).float()
    model.train(was_training)
    if (ours - theirs).abs().max() > TOLERANCE * theirs.abs().max():
        raise ConfigError(
            f"models of type {model.config.model_type} change their logits in a way that distill does not "
            "know",
            name,
            "use sft, or a model of another family",
        )


def in_parts(loss: Callable[..., torch.Tensor], vocabulary: int, *tensors: torch.Tensor) -> torch.Tensor:
    """A sum over positions, computed for a part of them at a time, forward and backward.

    Args:
        loss: gives [figures] for a part of the positions of each tensor: sums over these positions.
        vocabulary: logits of a position.
        *tensors: [positions, …] each.

    Returns:
        [figures], summed over all positions.
    """
    size = max(1, LOGITS // vocabulary)
    if len(tensors[0]) <= size:
        return loss(*tensors)
    parts = zip(*(tensor.split(size) for tensor in tensors), strict=True)
    # The logits of a part are computed again in the backward pass: all parts' would be all logits.
    return torch.stack([checkpoint(loss, *part, use_reentrant=False) for part in parts]).sum(dim=0)
