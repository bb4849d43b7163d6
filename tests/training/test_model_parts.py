"""Blocks, queries, keys and values of families: beside what the model itself gives."""

import pytest
import torch

from synthgen.core.errors import ConfigError
from synthgen.training.model_parts import attention_of, blocks_of, layer_of
from synthgen.training.token_logits import passed_through
from tests.training.families import SIZES, family

pytestmark = pytest.mark.slow
WITHOUT = {"gpt_neox": "side by side", "mamba": "no attention", "mamba2": "no attention"}


def opened(name, folder):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(family(name, folder)).eval()


def read_by(model, modules):
    ids = torch.arange(2, 14)[None]
    with torch.no_grad():
        found = passed_through(model, torch.ones_like(ids, dtype=torch.bool), modules, input_ids=ids)
        return found.outputs, model(input_ids=ids, output_hidden_states=True).hidden_states


@pytest.mark.parametrize("name", SIZES)
def test_a_layer_is_the_one_that_the_model_numbers_so(name, tmp_path):
    model = opened(name, tmp_path)
    depth = model.config.num_hidden_layers
    assert len(blocks_of(model, name)) == depth
    ours, theirs = read_by(model, {str(at): layer_of(model, at, name) for at in range(depth + 1)})
    without_embeddings = name.startswith("mamba")  # in what such a model gives
    for at in range(1, depth):  # the last one stands there behind the model's norm
        assert torch.equal(ours[str(at)], theirs[at - without_embeddings])
    assert ours["0"].shape == ours[str(depth)].shape == theirs[0].shape
    if not name.startswith(("gpt2", "gemma", "mamba")):  # positions are added behind it, or it is scaled
        assert torch.equal(ours["0"], theirs[0])


@pytest.mark.parametrize("name", [name for name in SIZES if name not in WITHOUT and name != "bamba"])
def test_queries_keys_and_values_are_found(name, tmp_path):
    model = opened(name, tmp_path)
    attention = attention_of(model, 2, name)
    parts = attention.parts(read_by(model, attention.modules)[0])
    config = model.config
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    grouped = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    assert [*parts] == ["query", "key", "value"]
    assert [part.shape[-1] for part in parts.values()] == [
        config.num_attention_heads * size, grouped * size, grouped * size
    ]  # fmt: skip


@pytest.mark.parametrize("name, layer, columns", [("phi3", "qkv_proj", False), ("gpt2", "c_attn", True)])
def test_one_layer_for_all_three_is_cut_as_the_family_cuts_it(name, layer, columns, tmp_path):
    """Values of nothing make attention give nothing, queries of nothing do not."""
    for part, nothing in (("value", True), ("query", False)):
        model = opened(name, tmp_path / part)
        attention = attention_of(model, 1, name)
        assert [*attention.modules] == [layer]
        start = sum(attention.widths.values()) - attention.widths["value"] if part == "value" else 0
        (module,) = attention.modules.values()
        with torch.no_grad():
            cut = slice(start, start + attention.widths[part])
            (module.weight[:, cut] if columns else module.weight[cut]).zero_()
            if module.bias is not None:
                module.bias[cut].zero_()
        given = []
        block = blocks_of(model, name)[0]
        inner = next(one for path, one in block.named_modules() if path in ("self_attn", "attn"))
        inner.register_forward_hook(lambda _, __, output, given=given: given.append(output[0]))
        model(input_ids=torch.arange(2, 14)[None])
        assert bool(given[0].abs().max() == 0) is nothing


def test_adapters_are_looked_through(tmp_path):
    from peft import LoraConfig, get_peft_model

    model = opened("llama", tmp_path)
    adapted = get_peft_model(model, LoraConfig(target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    attention = attention_of(adapted.get_base_model(), 1, "llama")
    block = adapted.get_base_model().model.layers[0].self_attn
    assert attention.modules == {"query": block.q_proj, "key": block.k_proj, "value": block.v_proj}
    assert layer_of(adapted.get_base_model(), 2, "llama") is adapted.get_base_model().model.layers[1]


@pytest.mark.parametrize("name", WITHOUT)
def test_a_family_without_known_queries_is_refused(name, tmp_path):
    with pytest.raises(ConfigError, match=f"block 1 of models of type {name} has no queries"):
        attention_of(opened(name, tmp_path), 1, name)


def test_a_block_of_another_kind_is_refused_and_one_with_attention_is_found(tmp_path):
    model = opened("bamba", tmp_path)
    assert attention_of(model, 2, "bamba").widths["query"] == 32
    with pytest.raises(ConfigError, match="block 1 of models of type bamba"):
        attention_of(model, 1, "bamba")


def test_queries_with_a_gate_are_refused(tmp_path):
    model = opened("llama", tmp_path)
    block = model.model.layers[0].self_attn
    block.q_proj = torch.nn.Linear(32, 64)
    with pytest.raises(ConfigError, match="no queries, keys and values that distill knows"):
        attention_of(model, 1, "llama")


def test_a_model_without_blocks_is_refused(tmp_path):
    model = opened("llama", tmp_path)
    model.config.num_hidden_layers = 7
    with pytest.raises(ConfigError, match="does not find the blocks of models of type llama"):
        blocks_of(model, "odd")
