"""Where the parts of a causal language model are that a loss can look at: blocks, and their attention.

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from synthgen.core.errors import ConfigError
from synthgen.training.architecture import language_part

PARTS = ("query", "key", "value")
APART = ("q_proj", "k_proj", "v_proj")
TOGETHER = ("qkv_proj", "c_attn", "Wqkv")
"""Layers that put out queries, then keys, then values, each of all heads (Phi-3, GPT-2, DBRX).

GPT-NeoX, BLOOM and Falcon have one layer, too, and the three of each head side by side in it.
"""


@dataclass(frozen=True)
class Attention:
    """Where queries, keys and values of a layer are computed."""

    modules: Mapping[str, Any]
    """Name -> module that puts them out: one for all, or one for each."""
    widths: Mapping[str, int]
    """Part -> its size."""

    def parts(self, outputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Queries, keys and values, [rows, width, size] each, from what `modules` have put out."""
        if len(outputs) > 1:
            return {part: outputs[part] for part in PARTS}
        (together,) = outputs.values()
        return dict(zip(PARTS, together.split([*self.widths.values()], dim=-1), strict=True))


def blocks_of(model: Any, name: str) -> list[Any]:
    """The blocks of a causal language model, from the first to the last.

    Raises:
        ConfigError: they are not where other families have them.
    """
    wanted = depth_of(model.config)
    for module in language_part(model).modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == wanted:
            return [*module]
    raise ConfigError(
        f"distill does not find the blocks of models of type {model.config.model_type}",
        name,
        "knowledge: response looks into no model; or take a model of another family",
    )


def depth_of(config: Any) -> int:
    """How many blocks a model has."""
    return int(getattr(config.get_text_config(), "num_hidden_layers", 0) or 0)


def width_of(config: Any) -> int:
    """The size of a model's hidden states."""
    return int(config.get_text_config().hidden_size)


def layer_of(model: Any, layer: int, name: str) -> Any:
    """The module that puts out a layer's hidden states; see `layer_map`."""
    return blocks_of(model, name)[layer - 1] if layer else model.get_input_embeddings()


def attention_of(model: Any, layer: int, name: str) -> Attention:
    """Where a block computes queries, keys and values.

    Args:
        model: a causal language model, with adapters or without.
        layer: the block, from 1 on.
        name: the model's, for messages.

    Raises:
        ConfigError: the block has none, or they stand side by side in a way that is not known here.
    """
    config = model.config.get_text_config()
    named = {
        path.rpartition(".")[2]: part for path, part in blocks_of(model, name)[layer - 1].named_modules()
    }
    heads = int(getattr(config, "num_attention_heads", 0) or 0)
    size = int(getattr(config, "head_dim", None) or (width_of(config) // heads if heads else 0))
    grouped = int(getattr(config, "num_key_value_heads", None) or heads)
    widths = dict(zip(PARTS, (heads * size, grouped * size, grouped * size), strict=True))
    if all(part in named for part in APART):
        modules = dict(zip(PARTS, (named[part] for part in APART), strict=True))
        if all(_puts_out(part) == widths[kind] for kind, part in modules.items()):
            return Attention(modules, widths)
    for fused in TOGETHER:
        if fused in named and _puts_out(named[fused]) == sum(widths.values()):
            return Attention({fused: named[fused]}, widths)
    raise ConfigError(
        f"block {layer} of models of type {model.config.model_type} has no queries, keys and values that "
        "distill knows",
        name,
        "relation: {of: both} compares hidden states; relation: {layer: …} names another block",
    )


def _puts_out(module: Any) -> int:
    """How wide what a linear layer puts out is; 0 where it does not tell."""
    return int(getattr(module, "out_features", None) or getattr(module, "nf", None) or 0)
