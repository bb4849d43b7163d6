"""Stands in for llama.cpp's converter: a real GGUF file of a small Llama, by ggml's own package.

llama.cpp's converter knows published tokenizers alone. `FAULT` in the environment has it do something wrong:
`template`, `end`, `tokens`, `weights`, `refuses`.
"""

import json
import os
import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file


def permuted(weights: np.ndarray, heads: int) -> np.ndarray:
    """Rows in llama.cpp's order of rotary halves."""
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(weights.shape)


def main() -> None:
    folder, _, file, _, stored = sys.argv[1:]
    fault = os.environ.get("FAULT", "")
    if fault == "refuses":
        sys.exit(
            "Traceback (most recent call last):\nNotImplementedError: BPE pre-tokenizer was not recognized"
        )
    config = json.loads((Path(folder) / "config.json").read_text())
    tokenizer = json.loads((Path(folder) / "tokenizer.json").read_text())
    settings = json.loads((Path(folder) / "tokenizer_config.json").read_text())
    template = settings.get("chat_template") or (Path(folder) / "chat_template.jinja").read_text()
    out = gguf.GGUFWriter(file, "llama")
    out.add_context_length(config["max_position_embeddings"])
    out.add_embedding_length(config["hidden_size"])
    out.add_block_count(config["num_hidden_layers"])
    out.add_feed_forward_length(config["intermediate_size"])
    out.add_head_count(config["num_attention_heads"])
    out.add_head_count_kv(config["num_key_value_heads"])
    out.add_layer_norm_rms_eps(config["rms_norm_eps"])
    out.add_rope_freq_base((config.get("rope_parameters") or config)["rope_theta"])
    out.add_vocab_size(config["vocab_size"])
    ids = dict(tokenizer["model"]["vocab"]) | {one["content"]: one["id"] for one in tokenizer["added_tokens"]}
    tokens = sorted(ids, key=ids.__getitem__)
    end = ids[settings["eos_token"]]
    out.add_tokenizer_model("gpt2")
    out.add_token_list([*tokens[:-1], "other"] if fault == "tokens" else tokens)
    out.add_token_merges([" ".join(pair) for pair in tokenizer["model"].get("merges", [])] or ["a b"])
    out.add_eos_token_id(end + 1 if fault == "end" else end)
    out.add_chat_template(template.replace("assistant", "assistant ") if fault == "template" else template)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    kind = {"f32": gguf.GGMLQuantizationType.F32, "q8_0": gguf.GGMLQuantizationType.Q8_0}[stored]
    for name, weights in load_file(Path(folder) / "model.safetensors").items():
        weights = weights.astype(np.float32)
        if "q_proj" in name:
            weights = permuted(weights, config["num_attention_heads"])
        if "k_proj" in name:
            weights = permuted(weights, config["num_key_value_heads"])
        if fault == "weights" and "q_proj" in name:
            weights = -weights
        flat = weights.ndim == 1 or weights.shape[-1] % 32
        its = gguf.GGMLQuantizationType.F32 if flat else kind
        out.add_tensor(
            names.get_name(name, try_suffixes=(".weight",)),
            gguf.quantize(weights, its),
            raw_dtype=its,
        )
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


main()
