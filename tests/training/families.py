"""Tiny models of real families, with random weights and a small tokenizer each, as folders on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

TEMPLATE = (
    "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n{% endfor "
    "%}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PAD, START, END, IMAGE, IMAGE_START, IMAGE_END = (
    "<pad>",
    "<|im_start|>",
    "<|im_end|>",
    "<image_soft_token>",
    "<start_of_image>",
    "<end_of_image>",
)
SPECIAL = [PAD, START, END, IMAGE, IMAGE_START, IMAGE_END]
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 256}
GROUPED = {**SMALL, "intermediate_size": 64, "num_key_value_heads": 2}
EXPERTS = {**GROUPED, "num_experts": 4, "num_experts_per_tok": 2}

SIZES: dict[str, dict[str, Any]] = {
    "llama": GROUPED,
    "mistral": {**GROUPED, "sliding_window": 32},
    "qwen2": GROUPED,
    "qwen3": {**GROUPED, "head_dim": 8},
    "qwen3_moe": {**EXPERTS, "moe_intermediate_size": 16, "head_dim": 8, "output_router_logits": True},
    "mixtral": {**GROUPED, "num_local_experts": 4, "output_router_logits": True},
    "olmoe": EXPERTS,
    "phi3": GROUPED,
    "gemma2": {**GROUPED, "head_dim": 8, "sliding_window": 32},
    "gemma3_text": {
        **GROUPED, "head_dim": 8, "sliding_window": 32,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    "mamba": {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8},
    "mamba2": {
        "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "num_heads": 4, "head_dim": 16,
        "n_groups": 1, "chunk_size": 16,
    },
    "falcon_h1": {
        **GROUPED, "mamba_d_ssm": 64, "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8,
        "mamba_n_groups": 1, "mamba_chunk_size": 16,
    },
    "bamba": {
        **GROUPED, "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_n_groups": 1,
        "mamba_chunk_size": 16, "attn_layer_indices": [1],
    },
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256},
    "gpt_neox": {**SMALL, "intermediate_size": 64},
}  # fmt: skip
# Of matrices, where another gain than 8 makes replies differ more.
GAINS = {"bamba": 20, "gpt_neox": 20, "mamba": 4}


def small_tokenizer(special: Sequence[str] = SPECIAL, eos: str = END) -> Any:
    """A byte-level tokenizer, with ChatML marks where none are given; the first is padding."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(
        models.BPE(vocab={token: number for number, token in enumerate([*special, *alphabet])}, merges=[])
    )
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token=eos, pad_token=PAD, additional_special_tokens=special[1:]
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def family(name: str, folder: Path, *, dtype: str = "float32", **sizes: Any) -> Path:
    """Saves a model of a family by the name that its config has as `model_type`."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = small_tokenizer()
    marks = {
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        name, **{"vocab_size": len(tokenizer), **SIZES.get(name, {}), **marks, **sizes}
    )
    model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
    enliven(model)
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def enliven(model: Any) -> None:
    """Makes what a model says depend on every token that it reads, padding too where it is not masked."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("A_log"):
                weight.sub_(3)  # Mamba forgets more slowly
            elif weight.dim() > 1:
                weight.mul_(GAINS.get(model.config.model_type, 8))
            elif name.endswith("norm.weight") and not weight.any():
                weight.fill_(2)  # Gemma's norms: 1 is added to these weights
        rows = model.get_input_embeddings().weight
        rows[0] = -rows[1]  # the row of padding is nought by default


PHI = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}{% if "
    "add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}"
)


def phi3_of_two_ends(folder: Path, **sizes: Any) -> Path:
    """Saves a Phi-3 as published: a turn ends with <|end|>, the tokenizer's end is <|endoftext|>."""
    from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

    marks = {END: "<|end|>", START: "<|user|>", IMAGE: "<|assistant|>", IMAGE_START: "<|endoftext|>"}
    tokenizer = small_tokenizer([marks.get(token, token) for token in SPECIAL], eos="<|endoftext|>")
    tokenizer.chat_template = PHI
    first, second = tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|end|>"])
    config = AutoConfig.for_model(
        "phi3",
        **{
            "vocab_size": len(tokenizer),
            **SIZES["phi3"],
            "bos_token_id": None,
            "eos_token_id": first,
            "pad_token_id": 0,
            **sizes,
        },
    )
    model = AutoModelForCausalLM.from_config(config)
    model.generation_config = GenerationConfig(eos_token_id=[first, second], pad_token_id=0)
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def gemma3_image_text(folder: Path, **sizes: Any) -> Path:
    """Saves a Gemma 3 with a vision part, and the files that say how images are read."""
    import json

    import torch
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration

    tokenizer = small_tokenizer()
    torch.manual_seed(0)
    config = Gemma3Config(
        text_config={"vocab_size": len(tokenizer), **SIZES["gemma3_text"], **sizes, "pad_token_id": 0},
        vision_config={
            "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
            "image_size": 28, "patch_size": 14,
        },
        mm_tokens_per_image=4,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        boi_token_id=tokenizer.convert_tokens_to_ids(IMAGE_START),
        eoi_token_id=tokenizer.convert_tokens_to_ids(IMAGE_END),
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model = Gemma3ForConditionalGeneration(config)
    enliven(model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    image = {"image_processor_type": "Gemma3ImageProcessor", "size": {"height": 28, "width": 28}}
    (folder / "preprocessor_config.json").write_text(json.dumps(image))
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": "Gemma3Processor"}))
    return folder
