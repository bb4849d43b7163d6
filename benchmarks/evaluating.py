"""How fast evaluate answers questions: against batched `generate` of transformers, and through real vLLM.

    python -m benchmarks.evaluating MODEL QUESTIONS [--rows 200] [--batch 32] [--tokens 64] [--rounds 3]
        [--python .venv-vllm/bin/python] [--args '{"max-model-len": 1024}']

MODEL is a folder with a model and its tokenizer, QUESTIONS a row file. All answer the same prompts greedily,
up to the same number of tokens, on this machine, in turns within one run; ratios are of the median round.
`generate` is called as most scripts call it: batches in the order of the file, padded on the left. It also
says how many replies differ, and how many do in batches of one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from synthgen.core.progress import Reporter
from synthgen.core.rows import Row, question_text
from synthgen.dispatch.session import open_sessions
from synthgen.evaluation.generation import Decoding, LocalModel
from synthgen.evaluation.local import Local
from synthgen.evaluation.served import served_answers
from synthgen.evaluation.teacher import Drawn
from synthgen.evaluation.through import Through
from synthgen.store.jsonl import read_rows
from synthgen.teachers.providers.vllm import VLLM
from synthgen.training.prompting import student_prompt

KEY = "SYNTHGEN_BENCHMARK_KEY"
Answers = Callable[[], list[str]]


def evaluated(model: LocalModel, prompts: list[list[int]], decoding: Decoding) -> list[str]:
    """Replies as evaluate has them."""
    found = [""] * len(prompts)
    for places, replies in model.answer(prompts, decoding):
        for place, reply in zip(places, replies, strict=True):
            found[place] = reply.text
    return found


def generated(model: LocalModel, prompts: list[list[int]], batch: int, tokens: int) -> list[str]:
    """Replies of `generate`, in batches in the file's order."""
    import torch

    found = []
    for start in range(0, len(prompts), batch):
        part = prompts[start : start + batch]
        width = max(map(len, part))
        ids = torch.tensor([[model.pad] * (width - len(prompt)) + prompt for prompt in part])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in part])
        with torch.inference_mode():
            whole = model.model.generate(
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                max_new_tokens=tokens,
                do_sample=False,
                eos_token_id=sorted(model.ends),
                pad_token_id=model.pad,
            )
        for reply in whole[:, width:].tolist():
            end = next((at for at, token in enumerate(reply) if token in model.ends), len(reply))
            found.append(model.tokenizer.decode(reply[:end], skip_special_tokens=True))
    return found


def through_vllm(folder: str, rows: list[Row], tokens: int, rounds: int, options: Through) -> tuple[Any, ...]:
    """Seconds of each round, without the server's start, and the replies."""
    dtype = json.loads((Path(folder) / "config.json").read_text()).get("dtype", "float32")
    config = options.started(folder, None, {"generation-config": "vllm", "dtype": dtype})
    server = VLLM(config)
    url = server.start(Reporter("plain"), lambda: 0)
    os.environ[KEY] = server.server_key
    local = Local(folder, "student", folder, folder, "digest", "")
    reached = Through.model_validate({"base_url": url, "api_key_env": KEY})
    seconds, said = [], []
    try:
        for _ in range(rounds):
            with (
                tempfile.TemporaryDirectory() as ledger,
                open_sessions(
                    {},
                    ledger_dir=Path(ledger),
                    run="benchmark",
                    budget=None,
                    reporter=Reporter("silent"),
                    stopping=lambda: 0,
                ) as sessions,
            ):
                began = time.perf_counter()
                told = served_answers(local, rows, Drawn(), tokens, reached, sessions, stage="benchmark")
                seconds.append(time.perf_counter() - began)
                said = [answer.text for answer in told.model.answers]
    finally:
        server.stop()
    return seconds, said


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("questions", type=Path)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", help="the interpreter of an environment that holds vLLM")
    parser.add_argument("--args", type=json.loads, default={}, help="arguments of vllm serve, as JSON")
    parser.add_argument("--env", type=json.loads, default={}, help="its environment variables, as JSON")
    given = parser.parse_args()
    rows = list(islice((row for row in read_rows(given.questions) if question_text(row)), given.rows))
    model = LocalModel(given.model, trained=True)
    prompts = [model.encode(student_prompt(row)) for row in rows]
    decoding = Decoding(given.tokens, given.batch)
    ways: dict[str, Answers] = {
        "evaluate": lambda: evaluated(model, prompts, decoding),
        "generate": lambda: generated(model, prompts, given.batch, given.tokens),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    said: dict[str, list[str]] = {}
    for _ in range(given.rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            said[name] = way()
            seconds[name].append(time.perf_counter() - began)
    said["one by one"] = evaluated(model, prompts, Decoding(given.tokens, 1))
    model.close()
    if given.python:
        options = Through.model_validate({"python": given.python, "args": given.args, "env": given.env})
        seconds["vllm"], said["vllm"] = through_vllm(given.model, rows, given.tokens, given.rounds, options)
    medians = {name: statistics.median(one) for name, one in seconds.items()}
    for name, median in medians.items():
        faster = medians["generate"] / median
        print(f"{name:10} {median:8.2f} s  {len(rows) / median:8.1f} answers/s  {faster:5.2f} × generate")
    for name, replies in said.items():
        differing = sum(one != other for one, other in zip(said["evaluate"], replies, strict=True))
        if name != "evaluate":
            print(f"{differing:,} of {len(rows):,} replies differ between evaluate and {name}")


if __name__ == "__main__":
    main()
