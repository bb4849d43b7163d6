"""How fast a local model answers and how much memory that takes: measured in a process of its own.

    python -m synthgen.evaluation.speed < a `Measurement` as JSON

writes the figures as one line of JSON. The peak of a process's memory never falls, so each model has one.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel

from synthgen.core.errors import SynthgenError, first_line
from synthgen.store.machine import peak_memory_bytes

if TYPE_CHECKING:
    from synthgen.evaluation.generation import Decoding, LocalModel

FIRST_TOKENS = 8
"""Prompts of which the time to the first token is taken; the median counts."""
FEWEST = 8
"""Answers that the speed of a batch is measured on, and two batches at least."""
GAIN = 1.05
"""A batch twice as large has to answer so much faster, or no larger one is tried."""


class Measurement(BaseModel):
    """What is measured: a model and the prompts that it is asked, as evaluate asks them."""

    path: str
    tokenizer: str
    revision: str | None = None
    trained: bool = False
    trusted: bool = False
    prompts: list[list[dict[str, str]]]
    max_new_tokens: int
    threads: int | None = None
    most: int
    """The largest batch."""
    seconds: float
    """After so many, no larger batch is tried."""


def measure(asked: Measurement) -> dict[str, Any]:
    """The figures of one model.

    Args:
        asked: the model, and what it is asked.

    Returns:
        parameters, device, threads, load_seconds, first_token_seconds, `batches` (size, tokens and answers a
        second of each that was tried), and peak_memory_bytes with what the process took before the model.

    Raises:
        StageFailed: the model cannot be loaded, or its chat template refuses every question.
    """
    from synthgen.core.errors import StageFailed
    from synthgen.evaluation.generation import Decoding, LocalModel
    from synthgen.training.templates import TemplateRefused

    import torch  # isort: skip  # its own memory is no part of the model's

    before, started = peak_memory(), time.perf_counter()
    model = LocalModel(
        asked.path,
        tokenizer=asked.tokenizer,
        revision=asked.revision,
        trained=asked.trained,
        trust_remote_code=asked.trusted,
    )
    loaded = time.perf_counter() - started
    prompts = []
    for turns in asked.prompts:
        try:
            prompts.append(model.encode(turns))
        except TemplateRefused:
            continue
    if not prompts:
        raise StageFailed("its chat template refuses every question", asked.path)

    def decoding(tokens: int, size: int) -> Decoding:
        return Decoding(tokens, size, asked.threads)

    _answered(model, prompts[:1], decoding(2, 1))  # what is made at the first call is no part of the others
    first = [
        _timed(partial(_answered, model, [prompt], decoding(1, 1)))[0] for prompt in prompts[:FIRST_TOKENS]
    ]
    batches = _batches(model, prompts, asked, decoding)
    on_gpu = model.device == "cuda"
    return {
        "parameters": model.parameters,
        "device": torch.cuda.get_device_name() if on_gpu else "cpu",
        "load_seconds": loaded,
        "first_token_seconds": statistics.median(first),
        "batches": batches,
        "peak_memory_bytes": torch.cuda.max_memory_allocated() if on_gpu else peak_memory(),
        "memory_before_bytes": 0 if on_gpu else before,
    }


def _batches(
    model: LocalModel,
    prompts: Sequence[Sequence[int]],
    asked: Measurement,
    decoding: Callable[[int, int], Decoding],
) -> list[dict[str, Any]]:
    """Tokens and answers a second, one prompt at a time and in batches that double while that is faster."""
    tried: list[dict[str, Any]] = []
    began, size = time.perf_counter(), 1
    while size <= asked.most:
        # Of a prompt that is asked again nothing is known from before, so it takes as long.
        chosen = list(islice(cycle(prompts), max(FEWEST, 2 * size)))
        work = partial(_answered, model, chosen, decoding(asked.max_new_tokens, size))
        seconds, (tokens, answers) = _timed(work)
        speed = {
            "batch": size,
            "tokens_per_second": tokens / seconds,
            "answers_per_second": answers / seconds,
        }
        best = max((one["answers_per_second"] for one in tried), default=0.0)
        tried.append(speed)
        if speed["answers_per_second"] < GAIN * best or time.perf_counter() - began > asked.seconds:
            break
        size *= 2
    return tried


def _answered(model: LocalModel, prompts: Sequence[Sequence[int]], decoding: Decoding) -> tuple[int, int]:
    """How many tokens, with the ends, and answers a model gave."""
    tokens = answers = 0
    for _, replies in model.answer(prompts, decoding):
        tokens += sum(reply.tokens + (reply.ending == "stop") for reply in replies)
        answers += len(replies)
    return tokens, answers


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    made = work()
    return max(time.perf_counter() - started, 1e-9), made


def peak_memory() -> int:
    """The largest resident size of this program.

    Linux hands `ru_maxrss` of whoever started a process on to it; the status file begins anew.
    """
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return peak_memory_bytes()


def main() -> None:
    """Measures what stdin says; the figures, or a fault, are stdout's one line."""
    out = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no part of the figures
    asked = Measurement.model_validate_json(sys.stdin.buffer.read())
    try:
        found = measure(asked)
    except SynthgenError as fault:
        found = {"failed": fault.faults[0].what}
    except (MemoryError, RuntimeError) as fault:  # torch's errors of memory among them
        found = {"failed": first_line(fault)}
    with os.fdopen(out, "wb") as stream:
        stream.write(orjson.dumps(found) + b"\n")


if __name__ == "__main__":
    main()
