"""What is said of memory and disk follows from the config alone; `benchmarks/memory.py` measures it."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from synthgen.stages import prefer, sft
from synthgen.training import activations
from synthgen.training.footprint import Training, footprint, moments, size

SIZES = {"hidden_size": 64, "layers": 3, "heads": 4}
CONFIG = LlamaConfig(
    hidden_size=64,
    intermediate_size=160,
    num_hidden_layers=3,
    num_attention_heads=4,
    vocab_size=1000,
    tie_word_embeddings=True,
)


def said(student=None, paired=False, tokens=32, **options):
    kind = prefer if paired else sft
    config = kind.Config.model_validate(
        {"student": {"model": "a/b", **(student or {})}, "batch_size": 4, **options}
    )
    training = Training(config.student, config, kind.STAGE.teaches(config, "output"))
    found = footprint(CONFIG, training, tokens=tokens, stored=torch.bfloat16)
    assert found is not None and found.counted
    return found, config


def test_a_full_training_holds_weights_gradients_and_two_moments():
    found, config = said()
    number = sum(weight.numel() for weight in LlamaForCausalLM(CONFIG).parameters())
    assert found.parameters == found.trained == number
    assert (found.weights, found.gradients, found.optimizer) == (4 * number, 4 * number, 8 * number)
    assert found.reference == 0 and found.adapter_file == 0
    assert found.memory > found.weights + found.optimizer + found.activations
    assert (found.model_file, found.checkpoint, found.snapshot) == (2 * number, 12 * number, 4 * number)
    assert found.disk(config, scratch=False) == (2 * number, 2 * number + 3 * 12 * number)


def test_dtype_adapters_and_bits_are_known():
    full, _ = said()
    half, _ = said({"dtype": "bfloat16"})
    assert (half.weights, half.optimizer) == (full.weights / 2, full.optimizer / 2)
    lora, config = said(method="lora", lora={"rank": 2})
    assert lora.weights == full.weights + lora.gradients and lora.trained < full.trained / 10
    assert lora.activations < full.activations and lora.model_file == full.model_file
    assert lora.checkpoint == 3 * lora.gradients == 3 * lora.adapter_file
    quantized, _ = said({"quantization": "4bit"}, method="lora", lora={"rank": 2})
    linear = 3 * (4 * 64 * 64 + 3 * 64 * 160)
    assert lora.weights - quantized.weights == pytest.approx(linear * (4 - 4.13 / 8), rel=1e-6)


def test_a_preference_training_holds_the_start_and_both_answers():
    pairs, _ = said(paired=True)
    assert pairs.reference == pairs.weights and pairs.sequences == 8
    assert said(paired=True, method="lora")[0].reference == 0
    assert said(paired=True, trainer={"precompute_ref_log_probs": True})[0].reference == 0


def test_activations_grow_with_tokens_and_shrink_with_checkpointing():
    short, long = said(tokens=32)[0], said(tokens=64)[0]
    assert long.activations == pytest.approx(2 * short.activations, rel=0.01)
    checkpointed = said(trainer={"gradient_checkpointing": True}, tokens=64)[0]
    assert checkpointed.activations < long.activations / 1.5
    eager = said({"attn_implementation": "eager"}, tokens=64)[0]
    assert eager.activations >= long.activations + 3 * 4 * 4 * 64 * 64 * 4  # a score for each two tokens


def test_what_is_counted_is_what_autograd_keeps():
    """The count on shapes alone equals that of a real forward pass, attention computed in the open."""
    config = LlamaConfig(**{**CONFIG.to_diff_dict(), "attn_implementation": "eager"})
    empty = activations.empty_model(config, torch.float32, None, "eager")
    counted = activations.kept_for_backward(empty, 2, 16)
    model = LlamaForCausalLM._from_config(config, attn_implementation="eager")
    own = {part.untyped_storage().data_ptr() for part in (*model.parameters(), *model.buffers())}
    kept = {}

    def keep(tensor):
        if tensor.untyped_storage().data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.model(
            input_ids=torch.zeros(2, 16, dtype=torch.long),
            attention_mask=torch.zeros(2, 1, 16, 16),
            use_cache=False,
        )
    assert counted.every == pytest.approx(sum(storage.nbytes() for storage in kept.values()), rel=0.02)


def test_logits_follow_the_vocabulary_and_the_optimizer_its_kind():
    small, large = said(tokens=32)[0], said(tokens=512)[0]
    assert large.head > 8 * small.head
    assert (moments("adamw_torch_fused"), moments("adafactor"), moments("paged_adamw_8bit")) == (
        2.0,
        0.0,
        0.5,
    )
    assert said(trainer={"optim": "sgd"})[0].optimizer == 0


def test_kept_models_take_disk_and_a_person_reads_it():
    found, config = said(keep=2, publish="best")
    stays, most = found.disk(config, scratch=True)
    assert stays == 3 * found.model_file + found.weights
    assert most == stays + 4 * found.checkpoint + 3 * found.snapshot
    memory, disk = found.lines(config, True)
    assert "4 sequences of up to 32 tokens" in memory and "activations" in memory
    assert "2 earlier models among them" in disk
    assert [size(number) for number in (81e9, 1.35e9, 2.5e8, 4e5)] == ["81 GB", "1.35 GB", "250 MB", "0.4 MB"]


def test_a_family_that_cannot_be_made_without_weights_says_nothing(monkeypatch):
    def refuse(*_):
        raise ValueError("needs weights")

    config = sft.Config.model_validate({"student": {"model": "a/b"}})
    training = Training(config.student, config, config.objective)
    monkeypatch.setattr(activations, "kept_for_backward", refuse)
    found = footprint(CONFIG, training, tokens=8)
    assert (
        found is not None
        and not found.counted
        and "beside what 16 sequences" in found.lines(config, False)[0]
    )
    monkeypatch.setattr(activations, "empty_model", refuse)
    assert footprint(CONFIG, training, tokens=8) is None
