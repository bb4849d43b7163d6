"""A small model that is taught replies by heart, so that there is something to forget."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.evaluation.tiny_models import TEMPLATE


def taught_model(
    folder: Path, replies: Mapping[str, str], seed: int, steps: int = 500, batch: int = 48
) -> None:
    """Saves a Llama of 0.4 million parameters and its tokenizer; `replies` maps questions to what it says."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=["<pad>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([*replies, *replies.values(), "user assistant"], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<pad>")
    tokenizer.chat_template = TEMPLATE
    sizes = {"hidden_size": 96, "intermediate_size": 192, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            max_position_embeddings=512,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            **sizes,
        )
    )
    pairs = [_pair(tokenizer, question, reply) for question, reply in replies.items()]
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.0)
    draw = random.Random(seed)
    for _ in range(steps):
        ids, labels = _padded(draw.sample(pairs, min(batch, len(pairs))))
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)


def _pair(tokenizer: Any, question: str, reply: str) -> tuple[list[int], list[int]]:
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, tokenize=True, return_dict=False
    )
    return prompt, [*tokenizer.encode(reply, add_special_tokens=False), tokenizer.eos_token_id]


def _padded(pairs: list[tuple[list[int], list[int]]]) -> tuple[Any, Any]:
    import torch

    width = max(len(prompt) + len(reply) for prompt, reply in pairs)
    ids, labels = [], []
    for prompt, reply in pairs:
        rest = width - len(prompt) - len(reply)
        ids.append(prompt + reply + [0] * rest)
        labels.append([-100] * len(prompt) + reply + [-100] * rest)
    return torch.tensor(ids), torch.tensor(labels)
