"""Tiny models of real families: trained whole and by adapters, saved, loaded again and asked in batches."""

from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from synthgen.evaluation.generation import Decoding, LocalModel
from synthgen.training.architecture import is_image_text, keeps_a_state
from tests.stages.sft_bench import Bench, rows
from tests.training.families import GROUPED, SIZES, family, gemma3_image_text, phi3_of_two_ends

pytestmark = pytest.mark.slow
ROWS = rows(8)
QUESTIONS = [
    question + " Go on." * (number % 7)
    for number, question in enumerate(
        ["Hm?", "What?", "How many cups if Mia has 3 and Ben 44?", "A" * 50] * 6
    )
]
SAID = "So."
MIXTURES = ("qwen3_moe", "mixtral", "olmoe")


def made(name, folder, **sizes):
    return gemma3_image_text(folder, **sizes) if name == "gemma3" else family(name, folder, **sizes)


def trained(base, folder, **options):
    bench = Bench(
        folder,
        ROWS,
        **{
            "student": {"model": str(base)},
            "completion": "output",
            "epochs": 1,
            "batch_size": 4,
            "learning_rate": 1e-3,
            **options,
        },
    )
    bench.outcome = bench.run()
    return bench


def taught_to_stop(base, folder):
    """Trains a model to give one short reply to everything; returns what was said, and its folder."""
    bench = Bench(
        folder,
        [{**row, "output": SAID} for row in ROWS],
        **{
            "student": {"model": str(base)},
            "completion": "output",
            "epochs": 12,
            "batch_size": 4,
            "learning_rate": 1e-2,
        },
    )
    bench.run()
    return bench.heard, bench.folder / "out" / "model"


def replies(model, size, prompts):
    """Replies with each token as it is in the vocabulary: half of all byte sequences are no text."""
    from tokenizers import decoders

    model.tokenizer.backend_tokenizer.decoder = decoders.Fuse()
    found = {}
    for numbers, completions in model.answer(prompts, Decoding(3, size)):
        found.update(zip(numbers, (reply.text for reply in completions), strict=True))
    return [found[number] for number in range(len(prompts))]


@contextmanager
def unmasked(model):
    """Asks the model with padding that it sees."""
    import torch

    kept = model.model.generate
    model.model.generate = lambda attention_mask, **asked: kept(
        attention_mask=torch.ones_like(attention_mask), **asked
    )
    yield
    del model.model.generate


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("name", [*SIZES, "gemma3"])
def test_a_family_is_trained_saved_loaded_and_asked(name, method, tmp_path):
    import torch
    from safetensors.torch import load_file

    base = made(name, tmp_path / "base")
    bench = trained(base, tmp_path / "bench", method=method, lora={"rank": 2})
    out = bench.folder / "out" / "model"
    before, after = (load_file(folder / "model.safetensors") for folder in (base, out))
    assert before.keys() == after.keys()
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    assert moved
    assert not any("vision" in key or "multi_modal" in key for key in moved)
    assert bench.outcome.extra["training"]["trained weights"] > 0
    model = LocalModel(out)
    prompts = [model.encode([{"role": "user", "content": question}]) for question in QUESTIONS]
    alone = replies(model, 1, prompts)
    assert replies(model, 5, prompts) == alone == replies(model, 24, prompts)
    assert len(set(alone)) > 8
    with unmasked(model):  # what is asked above would show it
        assert replies(model, 24, prompts) != alone
    if method == "lora":
        from peft import PeftModel

        ids = torch.tensor([prompts[0]])
        with_adapter = PeftModel.from_pretrained(
            LocalModel(base).model, bench.folder / "out" / "adapter"
        ).eval()
        with torch.no_grad():
            said, expected = (one(input_ids=ids).logits for one in (model.model, with_adapter))
        assert torch.allclose(said, expected, atol=1e-3)


@pytest.mark.parametrize("name", MIXTURES)
def test_a_mixture_learns_to_balance_its_experts_and_is_published_without_their_scores(name, tmp_path):
    base = made(name, tmp_path / "base", output_router_logits=True, router_aux_loss_coef=0.5)
    bench = trained(base, tmp_path / "bench")
    published = orjson.loads((bench.folder / "out" / "model" / "config.json").read_bytes())
    assert published.get("output_router_logits", False) is False
    assert published["router_aux_loss_coef"] == 0.5
    without = trained(
        made(name, tmp_path / "other", output_router_logits=True, router_aux_loss_coef=0.0),
        tmp_path / "without",
    )
    weights = "model/model.safetensors"
    assert bench.bytes()[weights] != without.bytes()[weights]


def test_experts_whose_number_has_another_name_are_trained_and_the_config_stays_as_it_was(tmp_path):
    sizes: dict[str, Any] = {
        **GROUPED,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "output_router_logits": True,
    }
    base = family("granitemoe", tmp_path / "base", **sizes)
    bench = trained(base, tmp_path / "bench")
    before, after = (
        orjson.loads((folder / "config.json").read_bytes())
        for folder in (base, bench.folder / "out" / "model")
    )
    assert after.keys() == before.keys()
    heard = trained(base, tmp_path / "lora", method="lora").heard
    assert any("does not reach" in line and "experts.gate_up_proj" in line for line in heard)
    reached = trained(
        base,
        tmp_path / "experts",
        method="lora",
        lora={"parameters": ["block_sparse_moe.experts.gate_up_proj", "block_sparse_moe.experts.down_proj"]},
    ).heard
    assert not any("experts.gate_up_proj" in line for line in reached if "does not reach" in line)


def test_a_model_whose_class_names_no_backbone_is_trained(tmp_path):
    import torch
    from safetensors.torch import load_file

    sizes: dict[str, Any] = {**GROUPED, "head_dim": 8, "num_local_experts": 2, "intermediate_size_mlp": 64}
    base = family("llama4_text", tmp_path / "base", **sizes)
    bench = trained(base, tmp_path / "bench")
    before, after = (
        load_file(folder / "model.safetensors") for folder in (base, bench.folder / "out" / "model")
    )
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("name", ["qwen3_moe", "gemma3", "mamba2"])
def test_a_stopped_training_goes_on_with_the_weights_that_it_had(name, tmp_path):
    import signal

    from synthgen.core.errors import Interrupted

    base = made(name, tmp_path / "base")
    whole = trained(base, tmp_path / "whole", epochs=2, learning_rate=1e-2)
    options = {**whole.options}
    bench = Bench(tmp_path / "stopped", ROWS, **options)
    with pytest.raises(Interrupted):
        bench.run(stopping=bench.stop_at(2, signal.SIGINT))
    bench.run()
    assert bench.bytes() == whole.bytes()


def test_an_image_text_checkpoint_stays_one(tmp_path):
    from transformers import AutoConfig, AutoModelForImageTextToText

    base = made("gemma3", tmp_path / "base")
    bench = trained(base, tmp_path / "bench", method="lora", lora={"rank": 2})
    out = bench.folder / "out"
    for name in ("preprocessor_config.json", "processor_config.json"):
        assert (out / "model" / name).read_bytes() == (base / name).read_bytes()
    assert is_image_text(AutoConfig.from_pretrained(out / "model"))
    _, told = AutoModelForImageTextToText.from_pretrained(out / "model", output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"]
    from safetensors.torch import load_file

    adapted = load_file(out / "adapter" / "adapter_model.safetensors")
    assert adapted and all("language_model" in key for key in adapted)


def test_a_phi_learns_to_stop_at_the_end_of_a_turn(tmp_path):
    """Its tokenizer's own end is another token; the template writes both after a last answer."""
    from transformers import AutoTokenizer, GenerationConfig

    from synthgen.training.encoding import encode

    base = phi3_of_two_ends(tmp_path / "base", hidden_size=64)
    heard, out = taught_to_stop(base, tmp_path / "bench")
    assert any("learns to stop" in line and "<|end|>" in line for line in heard)
    tokenizer = AutoTokenizer.from_pretrained(out)
    ends = set(tokenizer.convert_tokens_to_ids(["<|end|>", "<|endoftext|>"]))
    assert set(GenerationConfig.from_pretrained(out).eos_token_id) == ends
    turns = [{"role": "user", "content": "Why?"}], [{"role": "assistant", "content": SAID}]
    learned = encode({"prompt": turns[0], "completion": turns[1]}, tokenizer, frozenset(ends), 256).labels
    assert tokenizer.decode([label for label in learned if label >= 0]) == f"{SAID}<|end|>"
    model = LocalModel(out)
    prompts = [model.encode([{"role": "user", "content": row["instruction"]}]) for row in ROWS]
    replied = [reply for _, batch in model.answer(prompts, Decoding(24, 4)) for reply in batch]
    assert {(reply.text, reply.ending) for reply in replied} == {(SAID, "stop")}


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_student_is_saved_in_the_dtype_of_its_base(method, tmp_path):
    import torch
    from safetensors.torch import load_file

    base = made("llama", tmp_path / "base", dtype="bfloat16")
    bench = trained(base, tmp_path / "bench", method=method)
    file = bench.folder / "out" / "model" / "model.safetensors"
    assert {weight.dtype for weight in load_file(file).values()} == {torch.bfloat16}
    assert LocalModel(file.parent).model.dtype == LocalModel(base).model.dtype == torch.bfloat16
    assert file.stat().st_size == pytest.approx((base / "model.safetensors").stat().st_size, rel=0.01)


def test_a_model_that_minds_padding_is_asked_one_by_one(tmp_path):
    # MiniMax masks padding, but not once it goes on from its cache.
    sizes: dict[str, Any] = {**GROUPED, "num_local_experts": 4, "head_dim": 8, "block_size": 16}
    layers = ["linear_attention", "full_attention"]
    minimax = LocalModel(family("minimax", tmp_path / "minimax", layer_types=layers, **sizes))
    assert minimax.minds_padding
    prompts = [minimax.encode([{"role": "user", "content": question}]) for question in QUESTIONS]
    minimax.minds_padding = False
    assert replies(minimax, 24, prompts) != replies(minimax, 1, prompts)
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "attention_hidden_size": 32,
        "context_length": 256,
    }
    rwkv = LocalModel(family("rwkv", tmp_path / "rwkv", intermediate_size=64, **sizes))
    assert rwkv.minds_padding and keeps_a_state(rwkv.model.config)
    prompts = [rwkv.encode([{"role": "user", "content": question}]) for question in QUESTIONS[:6]]
    assert replies(rwkv, 6, prompts) == replies(rwkv, 1, prompts)
    mamba = LocalModel(family("mamba", tmp_path / "mamba"))
    assert keeps_a_state(mamba.model.config) and not mamba.minds_padding
