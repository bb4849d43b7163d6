"""evaluate's own students through a real vLLM that it starts, beside transformers in this process."""

import sys
from pathlib import Path

import orjson
import pytest

from synthgen.core.progress import Reporter
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.store.jsonl import read_rows
from tests.vllm.tiny_teacher import SYSTEM, questions

pytestmark = pytest.mark.timeout(900)

PIPELINE = """
version: 1
name: served
stages:
- load: {{sources: [taught.jsonl]}}
- split: {{test: 60}}
- sft:
    id: student
    student: {{init: {{hidden_size: 128, layers: 2, heads: 2, vocab_size: 512, positions: 512}}}}
    epochs: 16
    batch_size: 16
    learning_rate: 2.0e-3
    max_length: 256
    threads: 1
- evaluate: {{id: here, input: split.test, models: [base, students], max_new_tokens: 32}}
- evaluate:
    id: there
    input: split.test
    models: [base, students]
    max_new_tokens: 32
    through:
      python: {python}
      env: {env}
      args: {{max-model-len: 256, enforce-eager: true, max-num-seqs: 16}}
      start_timeout: 600
"""


def test_vllm_says_what_transformers_says(in_tmp, vllm_python, server_env):
    """In single precision, few replies differ; the student's none, and the second run asks nobody."""
    Path("taught.jsonl").write_bytes(
        b"".join(
            orjson.dumps({"system": SYSTEM, "instruction": asked, "output": reply, "reference": answer})
            + b"\n"
            for asked, reply, answer in questions()
        )
    )
    Path("p.yaml").write_text(PIPELINE.format(python=vllm_python, env=orjson.dumps(server_env).decode()))
    done = run_pipeline(load_pipeline(Path("p.yaml"), (), ()), RunOptions(), Reporter("silent"))
    assert done.stages["there"].requests["answered"] == 120
    pairs = {"base": [], "student": []}
    here, there = (
        list(read_rows(Path(f"data/runs/served/{name}/answers.jsonl"))) for name in ("here", "there")
    )
    for mine, theirs in zip(here, there, strict=True):
        for name, both in pairs.items():
            both.append((mine["answers"][name], theirs["answers"][name]))
    differing = {
        name: sum(one["text"] != other["text"] for one, other in both) for name, both in pairs.items()
    }
    print(f"of 60 greedy replies each, transformers and vLLM differ in {differing}")
    assert differing["student"] == 0
    # Weights that were never trained hold many tokens for as good as equally likely.
    assert differing["base"] <= 3
    assert all(one["ending"] == other["ending"] for one, other in pairs["student"])
    # This interpreter holds no vLLM: a server that was started would not come up.
    nobody = Path("p.yaml").read_text().replace(vllm_python, sys.executable)
    Path("p.yaml").write_text(nobody)
    again = run_pipeline(
        load_pipeline(Path("p.yaml"), (), ()), RunOptions(force=("there",)), Reporter("silent")
    )
    assert again.stages["there"].requests["answered"] == 120
