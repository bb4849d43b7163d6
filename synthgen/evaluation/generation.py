"""What a local model answers: in batches of like length, the same way for base and student.

Decoding is ours alone: what a checkpoint's own generation settings say about sampling or penalties is not
used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from synthgen.core.errors import ConfigError, StageFailed, first_line
from synthgen.core.hashing import value_hash
from synthgen.core.thinking_tags import OPEN
from synthgen.training.answer_turn import student_lead, without_lead
from synthgen.training.architecture import Source, load_model, make_room, minds_padding, route_quietly
from synthgen.training.encoding import end_texts
from synthgen.training.templates import fix_template, prompt_ids

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SMALL = 30_000_000  # parameters
_OPENED = re.compile(rf"{OPEN}\s*\Z")

Ending = Literal["stop", "length", "prompt_too_long", "template"]
ChatTurns = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class GeneratedReply:
    """One reply: its text without special tokens, why it ended, and its length in tokens.

    Where the chat template refused the question, `ending` is `template`, and the text holds its words.
    """

    text: str
    ending: Ending
    tokens: int


@dataclass(frozen=True)
class Decoding:
    """How replies are decoded: up to `max_new_tokens`, `batch_size` at a time, on CPU threads."""

    max_new_tokens: int
    batch_size: int
    threads: int | None = None
    """Where None, one for a small model (two would wait for each other), the cores for a large one."""
    temperature: float = 0.0
    """0 takes the likeliest token each time."""
    top_p: float = 1.0
    draw: int = 0
    """Which of several draws this is; the same draw gives the same replies, with the same batches."""


class LocalModel:
    """A checkpoint (a folder, or an id of the hub) loaded for answering.

    Args:
        path: folder or hub id.
        tokenizer: folder of the tokenizer to ask with (a student's, for its base), where it is not the
            model's own.
        revision: of a hub model.
        trained: whether it is a student: what its template writes before an answer is then left out of its
            replies, such as the empty thought of Qwen3's.
        trust_remote_code: whether code that comes with the model may run.

    Raises:
        ConfigError: torch or transformers is not installed.
        StageFailed: the checkpoint cannot be loaded, or its tokenizer has no chat template.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        tokenizer: str | Path | None = None,
        revision: str | None = None,
        trained: bool = False,
        trust_remote_code: bool = False,
    ) -> None:
        os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
        try:
            import torch
            from transformers import AutoTokenizer
        except ImportError as fault:
            raise ConfigError(
                f"a local model's answers need packages that are not installed ({fault.name or fault})",
                next="pip install 'synthgen-pipeline[train]'",
            ) from fault
        with _quiet():
            try:
                read, model = (
                    Source(str(one), given, trust_remote_code, Path(one).is_dir())
                    for one, given in ((tokenizer or path, None if tokenizer else revision), (path, revision))
                )
                self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                    read.name, padding_side="left", **read.arguments()
                )
                self.model: PreTrainedModel = load_model(model, dtype="auto")
                route_quietly(self.model)
            except Exception as fault:  # a damaged file raises anything that the reader of its format raises
                first = first_line(fault)
                raise StageFailed(
                    f"the model cannot be loaded: {first}",
                    str(path),
                    "a stage's model is made again by --force and the stage's id",
                ) from fault
        if not getattr(self.tokenizer, "chat_template", None):
            raise StageFailed(
                "the model's tokenizer has no chat template",
                str(tokenizer or path),
                "evaluate it beside a student trained from it, whose template is then used",
            )
        fix_template(self.tokenizer)
        self._rows = int(self.model.get_input_embeddings().weight.shape[0])
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model.to(self.device).eval()
        self.minds_padding = minds_padding(self.model)
        self.parameters = sum(weight.numel() for weight in self.model.parameters())
        self.ends = end_tokens(self.tokenizer, self.model.generation_config)
        self.pad = (
            self.tokenizer.pad_token_id
            if self.tokenizer.pad_token_id is not None
            else next(iter(self.ends), 0)
        )
        ends = end_texts(self.tokenizer, self.ends)
        self.lead = student_lead(self.tokenizer, ends) if trained else ""
        text = self.model.config.get_text_config()
        self.window = int(getattr(text, "max_position_embeddings", 0) or 0)

    def encode(self, conversation: ChatTurns) -> list[int]:
        """The token ids of a prompt, up to where the model's turn begins.

        Raises:
            TemplateRefused: the chat template raised.
        """
        return prompt_ids(self.tokenizer, conversation)

    def opened_thinking(self, prompt: Sequence[int]) -> str:
        """The thinking tag that the chat template leaves open at a prompt's end; "" where it leaves none."""
        return opened_thinking(self.tokenizer, prompt)

    def answer(
        self, prompts: Sequence[Sequence[int]], decoding: Decoding, known: Container[int] = ()
    ) -> Iterator[tuple[list[int], list[GeneratedReply]]]:
        """The replies to encoded prompts, a batch at a time.

        Batches are made of prompts of like length, shortest first; a model that minds padding is asked one by
        one. Which prompts share one depends on
        nothing but their lengths and `batch_size`, so that a resumed evaluation makes the batches of the
        first one. A prompt that leaves no room for `max_new_tokens` in the model's window is not cut: it gets
        an empty completion that ended `prompt_too_long`.

        Args:
            prompts: token ids, see `encode`.
            decoding: how replies are decoded.
            known: indexes of prompts that are answered already; a batch of nothing else is passed over.

        Yields:
            The indexes of a batch's prompts, and their completions.

        Raises:
            StageFailed: a GPU's memory does not hold a batch.
        """
        room = self.window - decoding.max_new_tokens if self.window else None
        too_long = [
            number for number, prompt in enumerate(prompts) if room is not None and len(prompt) > room
        ]
        if too_long:
            yield too_long, [GeneratedReply("", "prompt_too_long", 0) for _ in too_long]
        left_out = set(too_long)
        fits = sorted(
            (number for number in range(len(prompts)) if number not in left_out),
            key=lambda number: (len(prompts[number]), number),
        )
        with _threads(decoding.threads or (1 if self.parameters < SMALL else None)):
            size = 1 if self.minds_padding else decoding.batch_size
            for start in range(0, len(fits), size):
                batch = fits[start : start + size]
                if not all(number in known for number in batch):
                    with _drawing(decoding, start, self.device):
                        yield batch, self._batch([prompts[number] for number in batch], decoding)

    def answer_one(self, prompt: Sequence[int], decoding: Decoding, **more: Any) -> GeneratedReply:
        """The reply to one encoded prompt; `more` goes to `generate`, such as a streamer."""
        threads = decoding.threads or (1 if self.parameters < SMALL else None)
        with _threads(threads), _drawing(decoding, 0, self.device):
            return self._batch([prompt], decoding, **more)[0]

    def _batch(
        self, prompts: Sequence[Sequence[int]], decoding: Decoding, **more: Any
    ) -> list[GeneratedReply]:
        import torch
        from transformers import GenerationConfig

        from synthgen.evaluation.growing_cache import growing_cache

        width = max(len(prompt) for prompt in prompts)
        if max(max(prompt, default=0) for prompt in prompts) >= self._rows:
            # A base is asked with its student's tokenizer, which may have tokens that the base does not know.
            make_room(self.model, len(self.tokenizer))
            self._rows = len(self.tokenizer)
        ids = torch.full((len(prompts), width), self.pad, dtype=torch.long)  # [prompts, width], padded left
        mask = torch.zeros((len(prompts), width), dtype=torch.long)  # [prompts, width]
        for index, prompt in enumerate(prompts):
            ids[index, width - len(prompt) :] = torch.tensor(list(prompt), dtype=torch.long)
            mask[index, width - len(prompt) :] = 1
        self.model.generation_config = GenerationConfig(
            max_new_tokens=decoding.max_new_tokens,
            **_sampling(decoding),
            num_beams=1,
            use_cache=True,
            eos_token_id=sorted(self.ends) or None,
            pad_token_id=self.pad,
        )
        try:
            with torch.inference_mode():
                cache = (
                    {"past_key_values": past}
                    if self.device == "cpu" and (past := growing_cache(self.model.config)) is not None
                    else {}
                )
                replies = self.model.generate(  # [prompts, width + new tokens]
                    input_ids=ids.to(self.device), attention_mask=mask.to(self.device), **cache, **more
                )
        except torch.cuda.OutOfMemoryError as fault:
            raise StageFailed(
                f"the GPU's memory does not hold a batch of {len(prompts)}",
                next="lower `batch_size` of evaluate; what is answered so far is kept",
            ) from fault
        return [self._completion(tokens) for tokens in replies[:, width:].tolist()]

    def _completion(self, tokens: list[int]) -> GeneratedReply:
        end = next((index for index, token in enumerate(tokens) if token in self.ends), None)
        kept = tokens if end is None else tokens[:end]
        return GeneratedReply(
            self.tokenizer.decode(without_lead(self.tokenizer, kept, self.lead), skip_special_tokens=True),
            "length" if end is None else "stop",
            len(kept),
        )

    def close(self) -> None:
        """Frees the weights, on a GPU too."""
        import gc

        import torch

        del self.model
        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()


def opened_thinking(tokenizer: PreTrainedTokenizerBase, prompt: Sequence[int]) -> str:
    """The thinking tag that the chat template leaves open at a prompt's end; "" where it leaves none."""
    tag = _OPENED.search(tokenizer.decode(list(prompt[-16:]), skip_special_tokens=False))
    return tag.group() if tag else ""


def end_tokens(tokenizer: PreTrainedTokenizerBase, settings: Any) -> frozenset[int]:
    """Every token that ends a turn: the tokenizer's, and those of the checkpoint's generation settings."""
    named = getattr(settings, "eos_token_id", None)
    ends = set(named if isinstance(named, list | tuple) else [named]) | {tokenizer.eos_token_id}
    return frozenset(int(end) for end in ends if end is not None)


def _sampling(decoding: Decoding) -> dict[str, Any]:
    if not decoding.temperature:
        return {"do_sample": False}
    # Without top_k: transformers would take the 50 likeliest tokens alone.
    return {"do_sample": True, "temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": 0}


@contextmanager
def _drawing(decoding: Decoding, start: int, device: str) -> Iterator[None]:
    """A random state of its own for each draw and batch, so that a resumed evaluation draws the same."""
    if not decoding.temperature:
        yield
        return
    import torch

    with torch.random.fork_rng(devices=[] if device == "cpu" else [torch.cuda.current_device()]):
        torch.manual_seed(int(value_hash([decoding.draw, start])[:15], 16))
        yield


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    if number:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps transformers from logging and drawing bars while a model is loaded."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
