"""What a remote teacher's log-probabilities take and what they are worth: a toy on a real vLLM server.

    python -m benchmarks.logprobs FOLDER --python .venv-vllm/bin/python [--seeds 0,1,2]

A teacher of 1.9 million parameters learns to work sums out, and vLLM serves it. Students of 0.25 million
learn the same 1,230 rows: from the text alone, from the k likeliest tokens that the server tells, and from
the teacher's own weights. The whole vocabulary is told of 100 rows, which two more students learn: from what
was told, and from the weights. FOLDER keeps the runs: called again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from synthgen.core.progress import Reporter
from synthgen.core.resources import shipped
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline

TOLD = {"k5": 5, "k20": 20, "k64": 64}
LEARNED = "completion: rationale_then_answer, max_length: 128"
STUDENT = f"student: {{model: student}}, {LEARNED}, batch_size: 8, learning_rate: 2e-3, threads: 1"
TRAINED = f"{STUDENT}, input: few, epochs: 8"
HUNDRED = f"{STUDENT}, input: hundred, epochs: 20"
TEACHER = """
version: 1
name: toy
seed: 0
teacher: {{provider: builtin, limits: {{concurrency: 64}}}}
teachers:
  big:
    provider: vllm
    model: runs/toy/big/model
    python: {python}
    args: {{max-model-len: 256, max-logprobs: -1, dtype: float32, enforce-eager: true}}
    env: {{VLLM_CPU_KVCACHE_SPACE: "1"}}
stages:
- generate: {{id: questions, task: self_instruct, kind: question, seeds: {seeds}, num_rows: 6000,
    novelty: 0.9}}
- split: {{test: 500}}
- generate: {{id: rationales, task: rationale}}
- filter: {{rules: [refusal, truncated, run_on, answer_match]}}
- dedup: {{methods: [exact]}}
- sft: {{id: big, student: {{init: {{hidden_size: 192, layers: 4, heads: 3, vocab_size: 1024}}}}, {learned},
    epochs: 4, batch_size: 8, learning_rate: 1.5e-3, threads: 1}}
- select: {{id: few, input: dedup, sample: {{size: 1230}}}}
"""


def pipeline_text(python: str, seeds: list[int]) -> str:
    """The pipeline file; up to `few` it makes the teacher, behind that the students."""
    # As JSON, which YAML reads: a folder's name may hold a comma or a colon.
    data, program = json.dumps(str(shipped("data/seeds/arithmetic.jsonl"))), json.dumps(python)
    lines = [TEACHER.format(python=program, seeds=data, learned=LEARNED)]
    asked = f"teacher: big, tokenizer: {{from: big}}, {LEARNED}"
    lines += [
        f"- logprobs: {{id: {name}, input: few, {asked}, top_logprobs: {k}}}" for name, k in TOLD.items()
    ]
    lines.append("- select: {id: hundred, input: few, sample: {size: 100}}")
    lines.append(f"- logprobs: {{id: whole, input: hundred, {asked}, top_logprobs: -1}}")
    teachers = {f"from_{name}": f"{{logprobs: {name}}}" for name in TOLD} | {"from_weights": "{from: big}"}
    models = ["big"]
    for seed in seeds:
        lines.append(f"- sft: {{id: text_{seed}, seed: {seed}, {TRAINED}}}")
        models.append(f"text_{seed}")
        for name, teacher in teachers.items():
            models.append(f"{name}_{seed}")
            lines.append(
                f"- distill: {{id: {models[-1]}, seed: {seed}, teacher: {teacher}, weight: 0.9, {TRAINED}}}"
            )
        for name, teacher in {"whole": "{logprobs: whole}", "weights": "{from: big}"}.items():
            models.append(f"hundred_{name}_{seed}")
            lines.append(
                f"- distill: {{id: {models[-1]}, seed: {seed}, teacher: {teacher}, weight: 0.9, {HUNDRED}}}"
            )
    evaluated = f"models: [{', '.join(models)}], max_new_tokens: 64, on_leak: warn"
    return "\n".join([*lines, f"- evaluate: {{input: split.test, {evaluated}}}", ""])


def make_student(teacher: Path, folder: Path) -> None:
    """A small student with random weights and the teacher's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaForCausalLM

    from synthgen.training.student import scratch_config
    from synthgen.training.student_options import InitOptions

    tokenizer = AutoTokenizer.from_pretrained(teacher)
    config = scratch_config(InitOptions(hidden_size=72, layers=3, heads=3), len(tokenizer))
    config.eos_token_id, config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main() -> None:
    """Runs the toy, and prints what asking took beside evaluate's table."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", type=Path, required=True, help="of an environment with vLLM")
    parser.add_argument("--seeds", default="0")
    chosen = parser.parse_args()
    python = chosen.python.absolute()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    os.chdir(chosen.folder)
    Path("toy.yaml").write_text(pipeline_text(str(python), [int(seed) for seed in chosen.seeds.split(",")]))
    options: dict[str, Any] = {"runs": Path("runs"), "ledger": Path("ledger")}
    run_pipeline(load_pipeline(Path("toy.yaml"), (), ()), RunOptions(**options, until="few"), Reporter())
    if not Path("student").exists():
        make_student(Path("runs/toy/big/model"), Path("student"))
    done = run_pipeline(load_pipeline(Path("toy.yaml"), (), ()), RunOptions(**options), Reporter())
    for name in (*TOLD, "whole"):
        account = done.stages[name]
        stored = account.extra["stored"]
        a_row, a_token = account.seconds / stored["texts"], stored["bytes"] / stored["tokens"]
        print(f"{name:<6} {1000 * a_row:7.1f} ms a row, {a_token:6.0f} bytes a learned token")
    print(done.stages["evaluate"].extra["table"])


if __name__ == "__main__":
    main()
