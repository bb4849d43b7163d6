"""How much memory trainings take at their peak, beside what synthgen says of them before the start.

    python -m benchmarks.memory [NAME ...] [--steps 2]

Each setting is trained in a process of its own. What it took is the peak of its resident memory, without
what the process held behind a first, tiny training. On a machine with a GPU, it is the peak of its memory.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.clock import own_peak

WORDS = [f"{first}{second}" for first in "bcdfghklmnprst" for second in ("an", "el", "is", "or", "um")]
MODEL = {"hidden": 384, "layers": 6, "vocabulary": 2_000}
TINY = {"hidden": 16, "layers": 1, "vocabulary": 400, "length": 16, "batch_size": 2}
SETTINGS: dict[str, dict[str, Any]] = {
    "full, float32": {**MODEL, "length": 256, "batch_size": 8},
    "full, bfloat16": {**MODEL, "length": 256, "batch_size": 8, "student": {"dtype": "bfloat16"}},
    "lora": {**MODEL, "length": 256, "batch_size": 8, "method": "lora"},
    "lora, bfloat16": {
        **MODEL,
        "length": 256,
        "batch_size": 8,
        "method": "lora",
        "student": {"dtype": "bfloat16"},
    },
    "long sequences": {"hidden": 128, "layers": 4, "vocabulary": 2_000, "length": 2_048, "batch_size": 4},
    "eager attention": {**MODEL, "length": 384, "student": {"attn_implementation": "eager"}},
    "gradient checkpointing": {**MODEL, "length": 512, "trainer": {"gradient_checkpointing": True}},
    "large vocabulary": {"hidden": 128, "layers": 2, "vocabulary": 100_000, "length": 128, "batch_size": 4},
    "prefer, full": {**MODEL, "length": 128, "batch_size": 4, "prefer": True},
    "prefer, lora": {**MODEL, "length": 256, "batch_size": 4, "prefer": True, "method": "lora"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(SETTINGS), metavar="NAME", help="; ".join(SETTINGS))
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(SETTINGS[options.names[0]], options.steps, options.child)))
        return
    print(f"{'setting':<24}{'said, MB':>10}{'took, MB':>10}{'said / took':>13}")
    for name in options.names:
        with tempfile.TemporaryDirectory() as folder:
            make(SETTINGS[name], folder)
            command = [sys.executable, "-m", "benchmarks.memory", name, "--child", folder]
            command += ["--steps", str(options.steps)]
            done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{name:<24} failed: {(done.stderr.strip() or 'nothing said').splitlines()[-1]}")
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        said, took = found["said"] / 1e6, found["took"] / 1e6
        print(f"{name:<24}{said:>10,.0f}{took:>10,.0f}{said / took:>13.2f}", flush=True)


def measure(setting: dict[str, Any], steps: int, model: Path) -> dict[str, Any]:
    """What one setting takes, and what was said of it, in bytes.

    Args:
        setting: one of `SETTINGS`.
        steps: how many are trained.
        model: the folder of its model, from `make`.
    """
    import torch

    from synthgen.training.student import quiet_libraries

    with quiet_libraries(), tempfile.TemporaryDirectory() as folder:
        first = {**setting, **TINY}
        make(first, f"{folder}/tiny")
        _train(first, 1, Path(f"{folder}/tiny"), Path(folder) / "first")
        cuda = torch.cuda.is_available()
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        else:
            Path("/proc/self/clear_refs").write_text("5")  # the peak is the present
        before = 0 if cuda else own_peak() * 2**20
        said = _train(setting, steps, model, Path(folder) / "second")
        took = torch.cuda.max_memory_allocated() if cuda else own_peak() * 2**20 - before
        return {"said": said.memory, "took": round(took), "parts": vars(said)}


def make(setting: dict[str, Any], folder: str) -> None:
    """Writes a model with random weights, whose vocabulary is larger than its tokenizer's."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from synthgen.training.tokenizer import train_tokenizer

    tokenizer = train_tokenizer((row["output"] for row in _rows(50, 100, False)), 400, 4_096)
    config = LlamaConfig(
        hidden_size=setting["hidden"],
        intermediate_size=setting["hidden"] * 8 // 3,
        num_hidden_layers=setting["layers"],
        num_attention_heads=8,
        num_key_value_heads=4,
        vocab_size=setting["vocabulary"],
        max_position_embeddings=4_096,
        tie_word_embeddings=setting.get("tied", True),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _train(setting: dict[str, Any], steps: int, model: Path, folder: Path) -> Any:
    from synthgen.core.artefacts import Artefact
    from synthgen.core.progress import Reporter
    from synthgen.stages import prefer, sft
    from synthgen.store.jsonl import write_rows
    from synthgen.training.architecture import Source, read_config
    from synthgen.training.footprint import Training, footprint
    from synthgen.training.processes.job import RankContext
    from synthgen.training.run import train_student

    rest = {
        name: value
        for name, value in setting.items()
        if name not in ("hidden", "layers", "vocabulary", "length", "student", "prefer", "tied")
    }
    options = {
        "epochs": 1,
        "batch_size": 4,
        "max_length": setting["length"],
        "unfit": "keep",
        **rest,
        "student": {"model": str(model), **setting.get("student", {})},
    }
    paired = bool(setting.get("prefer"))
    config: Any = (prefer.Config if paired else sft.Config).model_validate(
        {**options, **({"held_out": 0} if paired else {})}
    )
    objective = config.objective_for("output") if paired else config.objective
    (folder / "out").mkdir(parents=True)
    file = folder / "rows.jsonl"
    count = write_rows(file, _rows(config.batch_size * steps, setting["length"] * 2, paired))
    rows = Artefact("rows", "load", "rows", folder, file, "", count or config.batch_size * steps)
    context = RankContext("memory", folder / "work", 0, Reporter("silent"), lambda: 0)
    source = read_config(Source(str(model)))
    said = footprint(source, Training(config.student, config, objective), tokens=setting["length"])
    train_student(
        [rows],
        folder / "out",
        student=config.student,
        options=config,
        objective=objective,
        context=context,
        recorded={},
    )
    return said


def _rows(number: int, words: int, paired: bool) -> Any:
    """Rows that are longer than any setting's sequences, which are then cut to that length."""
    rng = random.Random(0)
    for index in range(number):
        texts = [" ".join(rng.choices(WORDS, k=words)) for _ in range(2)]
        if paired:
            yield {"id": str(index), "prompt": "Go on.", "chosen": texts[0], "rejected": texts[1]}
        else:
            yield {"id": str(index), "instruction": "Go on.", "output": texts[0]}


if __name__ == "__main__":
    main()
