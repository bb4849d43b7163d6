"""Text that a student writes itself while it trains, in the place of its rows' completions.

A student that learns on its own text is corrected where it goes wrong, and not only where its teacher's text
goes (Agarwal et al. 2023, arXiv 2306.13649, GKD; Gu et al. 2023, arXiv 2306.08543, MiniLLM).

Imports torch and trl: it is imported only once they are known to be there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import GenerationConfig
from trl.distributed import DistributedBackend
from trl.models import unwrap_model_for_generation

from synthgen.training.architecture import minds_padding
from synthgen.training.encoding import IGNORED, TEACHER_PROMPT
from synthgen.training.knowledge.contract import Inputs
from synthgen.training.own_text_options import OwnText
from synthgen.training.validation_loss import measuring, padded

OWN_FIGURES = ("own_tokens", "own_length", "own_cut")
"""What the log has of the texts of a step."""
OF_THE_TEXT = frozenset(("input_ids", "attention_mask", "labels", "position_ids"))
"""Entries of a batch that another text changes."""


def write_batches(trainer: Any, batches: list[Inputs], own: OwnText) -> list[Inputs]:
    """The batches of a step with the student's own text behind each prompt.

    All rows of a step that this process has are written at once. What is drawn depends on seed, step and
    rank alone, so a training that was interrupted writes the same; its own random state is left as it was.

    Args:
        trainer: it has the student, in whatever wraps it.
        batches: as the loader gives them: input_ids, labels, attention_mask and what else a row has.
        own: how it writes.

    Returns:
        The batches. How many tokens were written, and of how many texts, is noted for the log.
    """
    rows = [_prompts(batch) for batch in batches]
    asked = [prompt for batch in rows for prompt in batch if prompt]
    rank, device = trainer.accelerator.process_index, trainer.accelerator.device
    # Every process writes, even one whose rows only fill a batch: sharded weights are gathered by all.
    prompts = asked or batches[0]["input_ids"][:1, :1].tolist()
    rooms = [
        max(0, min(own.room - len(prompt), own.teacher_room - seen))
        for batch, of_batch in zip(batches, rows, strict=True)
        for prompt, seen in zip(of_batch, _teachers_prompts(batch), strict=True)
        if prompt or not asked
    ][: len(prompts)]
    step = trainer.state.global_step
    if own.options.engine == "vllm":
        texts = _writer(trainer, own).texts(prompts, rooms, own, step, rank)[: len(asked)]
    else:
        with _student(trainer) as model, _drawing(own.seed, step, rank, device):
            texts = _generated(model, prompts, rooms, own)[: len(asked)]
    written, following = [], iter(texts)
    for batch, of_batch in zip(batches, rows, strict=True):
        answers = [next(following) if prompt else [] for prompt in of_batch]
        written.append(_with_texts(batch, of_batch, answers, own.pad))
    _note(trainer, texts, own.end_ids)
    return written


def _note(trainer: Any, texts: list[list[int]], ends: frozenset[int]) -> None:
    """Tells the log of a step's texts: their tokens, their mean length and the share without an end."""
    cut = sum(not (text and text[-1] in ends) for text in texts)
    here = torch.tensor([[len(texts), sum(map(len, texts)), cut]], device=trainer.accelerator.device)
    number, tokens, cut = trainer.accelerator.gather(here).sum(dim=0).tolist()
    for name, value in zip(OWN_FIGURES, (tokens, tokens / max(number, 1), cut / max(number, 1)), strict=True):
        trainer._metrics["train"][name].append(float(value))


def _prompts(batch: Inputs) -> list[list[int]]:
    """What stands before the first learned token of each row; nothing where a row teaches nothing."""
    prompts = []
    for ids, mask, labels in zip(
        batch["input_ids"].tolist(), batch["attention_mask"].tolist(), batch["labels"].tolist(), strict=True
    ):
        learned = next((at for at, label in enumerate(labels) if label != IGNORED), 0)
        prompts.append([token for token, seen in zip(ids[:learned], mask[:learned], strict=True) if seen])
    return prompts


def _teachers_prompts(batch: Inputs) -> list[int]:
    """How long the prompts of a teacher are that sees more; 0 where it does not."""
    if TEACHER_PROMPT not in batch:
        return [0] * len(batch["input_ids"])
    lengths: list[int] = (batch[TEACHER_PROMPT] != IGNORED).sum(dim=1).tolist()
    return lengths


def _with_texts(batch: Inputs, prompts: list[list[int]], texts: list[list[int]], pad: int) -> Inputs:
    """A batch with other texts; a row that teaches nothing stays as it is."""
    read = zip(batch["input_ids"].tolist(), batch["attention_mask"].tolist(), strict=True)
    whole = [[token for token, seen in zip(ids, mask, strict=True) if seen] for ids, mask in read]
    heads = [prompt or row for prompt, row in zip(prompts, whole, strict=True)]
    rows = [head + text for head, text in zip(heads, texts, strict=True)]
    labels = [[IGNORED] * len(head) + text for head, text in zip(heads, texts, strict=True)]
    made = {
        "input_ids": padded(rows, pad),
        "attention_mask": padded([[1] * len(row) for row in rows], 0),
        "labels": padded(labels, IGNORED),
    }
    others = {name: value for name, value in batch.items() if name not in OF_THE_TEXT}
    return {**{name: value.to(batch["input_ids"].device) for name, value in made.items()}, **others}


def _writer(trainer: Any, own: OwnText) -> Any:
    """vLLM, started at the first text."""
    if trainer.writer is None:
        from synthgen.training.vllm_text import Writer

        trainer.writer = Writer(trainer, own)
    return trainer.writer


@contextmanager
def _student(trainer: Any) -> Iterator[Any]:
    """The student outside its wrappers, in evaluation mode, with whole weights where they are sharded."""
    arguments = trainer.args
    with (
        unwrap_model_for_generation(
            trainer.model_wrapped,
            trainer.accelerator,
            gradient_checkpointing_kwargs=arguments.gradient_checkpointing_kwargs,
        ) as model,
        measuring(model),
        DistributedBackend(trainer.accelerator).summon_full_params(trainer.model_wrapped, recurse=False),
    ):
        yield model


@contextmanager
def _drawing(seed: int, step: int, rank: int, device: torch.device) -> Iterator[None]:
    """A random state of its own for what is drawn; the training's is as before afterwards."""
    there = [] if device.type == "cpu" else [device]
    kind = "cuda" if device.type == "cpu" else device.type
    drawn = hashlib.blake2b(f"{seed}/{step}/{rank}".encode(), digest_size=7).digest()
    with torch.random.fork_rng(devices=there, device_type=kind):
        torch.manual_seed(int.from_bytes(drawn))
        yield


def _generated(model: Any, prompts: list[list[int]], rooms: list[int], own: OwnText) -> list[list[int]]:
    """What the student says to prompts, each up to its end token, or cut.

    Args:
        model: the student.
        prompts: token ids.
        rooms: tokens that may follow each of them.
        own: how it writes.
    """
    base, device = _plain(model), model.device
    limit = min(own.options.max_new_tokens, max(rooms))
    if not limit:
        return [[] for _ in prompts]
    before, base.generation_config = base.generation_config, _settings(own, limit)
    size = 1 if minds_padding(base) else len(prompts)
    texts: list[list[int]] = []
    try:
        for start in range(0, len(prompts), size):
            block = prompts[start : start + size]
            ids = padded(block, own.pad, left=True).to(device)  # [rows, width]
            mask = padded([[1] * len(prompt) for prompt in block], 0, left=True).to(device)
            said = model.generate(input_ids=ids, attention_mask=mask)  # [rows, width + new tokens]
            texts += said[:, ids.shape[1] :].tolist()
    finally:
        base.generation_config = before
    longest = [min(own.options.max_new_tokens, room) for room in rooms]
    return [_until_end(text, own.end_ids)[:most] for text, most in zip(texts, longest, strict=True)]


def _settings(own: OwnText, limit: int) -> GenerationConfig:
    """Plain sampling, whatever the student's own settings say of it (penalties, top_k)."""
    options = own.options
    sampling = {"temperature": options.temperature, "top_p": options.top_p, "top_k": 0}
    return GenerationConfig(
        max_new_tokens=limit,
        do_sample=options.temperature > 0,
        num_beams=1,
        use_cache=True,
        eos_token_id=sorted(own.end_ids) or None,
        pad_token_id=own.pad,
        **(sampling if options.temperature > 0 else {}),
    )


def _until_end(text: list[int], ends: frozenset[int]) -> list[int]:
    """A text with its end token, without what fills it behind that."""
    end = next((place for place, token in enumerate(text) if token in ends), None)
    return text if end is None else text[: end + 1]


def _plain(model: Any) -> Any:
    """The model without its adapters."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
