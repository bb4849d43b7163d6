"""What a forward pass keeps for the backward pass, counted on a model without weights.

The model is made on torch's meta device, where tensors have shapes and no content. Every tensor that
autograd saves is counted once, whatever the family, and with or without adapters. Attention is counted as
fused kernels keep it (queries, keys, values, output), unless the student asks for `eager`.

Imports torch and transformers: it is imported only once they are known to be there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.graph import saved_tensors_hooks
from transformers import AttentionInterface

from synthgen.training.architecture import freeze_other_parts, model_class
from synthgen.training.lora_options import LoraOptions

if TYPE_CHECKING:
    from transformers import PretrainedConfig

COUNTED = "synthgen_counted"
"""The name under which transformers knows the attention that is only counted."""


@dataclass(frozen=True)
class Weights:
    """The weights of a model, in numbers and bytes."""

    every: int
    trained: int
    bytes: int
    trained_bytes: int
    linear: int
    """Those of frozen linear layers, which a quantized model holds in few bits."""
    vocabulary: int
    """Rows of the head."""
    head: int
    """Weights of the head."""
    head_trained: bool


@dataclass(frozen=True)
class Kept:
    """What a forward pass keeps, in bytes."""

    every: int
    largest: int
    """Of one tensor."""
    inputs: int
    """Of the inputs of all layers, which is what gradient checkpointing keeps."""
    layers: int


class _Fused(torch.autograd.Function):  # type: ignore[misc]
    """Keeps what a fused attention kernel keeps, and computes nothing."""

    @staticmethod
    def forward(ctx: Any, query: Any, key: Any, value: Any) -> Any:
        out = query.new_empty((*query.shape[:-1], value.shape[-1]))
        sums = query.new_empty(query.shape[:-1], dtype=torch.float32)
        ctx.save_for_backward(query, key, value, out, sums)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise NotImplementedError


def _attention(module: Any, query: Any, key: Any, value: Any, mask: Any, **_: Any) -> tuple[Any, None]:
    """Attention as transformers calls it; keys and values are repeated for all heads, as sdpa wants them."""
    times = query.shape[1] // key.shape[1]
    if times > 1:
        key, value = key.repeat_interleave(times, 1), value.repeat_interleave(times, 1)
    out: Any = _Fused.apply(query, key, value)  # type: ignore[no-untyped-call]
    return out.transpose(1, 2).contiguous(), None


AttentionInterface.register(COUNTED, _attention)


def empty_model(
    config: PretrainedConfig, dtype: torch.dtype, lora: LoraOptions | None, attention: str
) -> Any:
    """A model without weights as it is trained: with adapters, or without the parts that text does not reach.

    Args:
        config: the model's.
        dtype: of its weights.
        lora: the adapters, if there are any.
        attention: how attention is computed, or `COUNTED`.

    Raises:
        Exception: whatever a family raises that cannot be made without weights.
    """
    kind = model_class(config)
    config = type(config).from_dict(config.to_dict())
    config._attn_implementation = attention
    with torch.device("meta"):
        model = kind(config).to(dtype)
        if lora is None:
            freeze_other_parts(model)
            return model
        from peft import get_peft_model

        from synthgen.training.adapters import lora_config

        return get_peft_model(model, lora_config(model, lora))


def weights_of(model: Any) -> Weights:
    """The weights of a model from `empty_model`."""
    plain = model.get_base_model() if hasattr(model, "get_base_model") else model
    weights = list({id(weight): weight for weight in model.parameters()}.values())
    trained = [weight for weight in weights if weight.requires_grad]
    head = plain.get_output_embeddings()
    frozen = {
        id(layer.weight): layer.weight.numel()
        for layer in plain.modules()
        if isinstance(layer, torch.nn.Linear) and layer is not head and not layer.weight.requires_grad
    }
    return Weights(
        every=sum(weight.numel() for weight in weights),
        trained=sum(weight.numel() for weight in trained),
        bytes=sum(weight.nbytes for weight in weights),
        trained_bytes=sum(weight.nbytes for weight in trained),
        linear=sum(frozen.values()),
        vocabulary=int(head.weight.shape[0]),
        head=head.weight.numel(),
        head_trained=head.weight.requires_grad,
    )


def kept_for_backward(model: Any, sequences: int, tokens: int) -> Kept:
    """What a forward pass over so many sequences of so many tokens keeps, up to the last hidden state.

    Raises:
        Exception: whatever a family raises whose code needs real numbers.
    """
    plain = model.get_base_model() if hasattr(model, "get_base_model") else model
    own = {
        weight.untyped_storage()._cdata for part in (model.parameters(), model.buffers()) for weight in part
    }
    seen: dict[int, Any] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            seen[storage._cdata] = storage
        return tensor

    # Attention that is computed in the open adds a mask, and one that is given whole needs no numbers.
    mask = None
    if plain.config._attn_implementation == "eager":
        mask = torch.zeros(sequences, 1, tokens, tokens, dtype=plain.dtype, device="meta")
    same: Callable[[torch.Tensor], torch.Tensor] = lambda tensor: tensor  # noqa: E731
    ids = torch.zeros(sequences, tokens, dtype=torch.long, device="meta")
    model.train()
    with saved_tensors_hooks(keep, same):
        hidden = plain.base_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    sizes = [storage.nbytes() for storage in seen.values()]
    text = plain.config.get_text_config()
    layers = int(getattr(text, "num_hidden_layers", None) or 1)
    return Kept(sum(sizes), max(sizes), hidden.nbytes * layers, layers)
