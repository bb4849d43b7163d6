"""Students of several families, as synthgen saves them: real vLLM says what transformers says.

All are asked in one process of vLLM; a model takes two to four seconds there. Left out is what vLLM 0.32 does
not serve on a CPU: Mamba, Falcon-Mamba and Jamba ("no attribute 'selective_scan_fwd'"), Nemotron-H
("is_act_and_mul=False is supported only for CUDA"), Qwen3-Next (bfloat16 only), Bamba (not known);
and Gemma 3 with its vision part, whose reader of images needs torchvision (see environment.sh).
"""

import os
import subprocess
from pathlib import Path

import orjson
import pytest

from synthgen.evaluation.generation import LocalModel
from tests.training.families import phi3_of_two_ends
from tests.training.test_families import QUESTIONS, SAID, made, taught_to_stop, trained

pytestmark = pytest.mark.timeout(900)
# Heads of 32: attention on CPU has no narrower ones.
WIDE = {"hidden_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1}
SIZES = {
    "llama": WIDE,
    "qwen3_moe": {**WIDE, "head_dim": 32},
    "phi3": WIDE,
    "gemma3_text": {**WIDE, "head_dim": 32},
    "falcon_h1": {**WIDE, "mamba_d_head": 32, "mamba_d_ssm": 128, "mamba_d_state": 16},
    "mamba2": {"hidden_size": 64, "num_heads": 4, "head_dim": 32, "state_size": 16},
}
METHODS = ("full", "lora")
OFFLINE = Path(__file__).with_name("offline.py")
PHI, ADAPTER = "phi3 of two ends", "llama with its adapter"


def said(model, prompts, tokens):
    """What transformers says, one by one: token ids, and why they end."""
    import torch

    replies = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        found = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=tokens
        )[0, len(prompt) :].tolist()
        ends = model.generation_config.eos_token_id
        stopped = found[-1] in (ends if isinstance(ends, list) else [ends])
        replies.append([found, "stop" if stopped else "length"])
    return replies


@pytest.fixture(scope="module")
def replies(vllm_python, server_env, tmp_path_factory):
    """Of each student, what transformers says and what vLLM says."""
    folder = tmp_path_factory.mktemp("families")
    jobs, expected = {}, {}

    def add(name, out, questions, tokens, adapter=None, base=None):
        model = LocalModel(out)
        prompts = [model.encode([{"role": "user", "content": question}]) for question in questions]
        jobs[name] = {
            "model": str(base or out),
            "adapter": adapter and str(adapter),
            "prompts": prompts,
            "max_tokens": tokens,
        }
        expected[name] = said(model.model, prompts, tokens)

    for family, sizes in SIZES.items():
        base = made(family, folder / family, **sizes)
        model = LocalModel(base)
        prompts = [model.encode([{"role": "user", "content": question}]) for question in QUESTIONS[:5]]
        untrained = said(model.model, prompts, 8)
        for method in METHODS:
            bench = trained(
                base, folder / f"{family}-{method}", method=method, lora={"rank": 8}, learning_rate=1e-2
            )
            add(f"{family} {method}", bench.folder / "out" / "model", QUESTIONS[:5], 8)
            assert expected[f"{family} {method}"] != untrained  # so that the base served would be seen
    merged = folder / "llama-lora" / "out"
    add(ADAPTER, merged / "model", QUESTIONS[:5], 8, merged / "adapter", folder / "llama")
    _, out = taught_to_stop(
        phi3_of_two_ends(folder / "phi", hidden_size=64, num_attention_heads=2), folder / "taught"
    )
    add(PHI, out, QUESTIONS[:3], 24)
    file = folder / "jobs.json"
    file.write_bytes(orjson.dumps(jobs))
    ran = subprocess.run(
        [vllm_python, str(OFFLINE), str(file)],
        # Threads that wait for each other cost more than so small a model.
        env={
            **os.environ,
            **server_env,
            "OMP_NUM_THREADS": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        },
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    answered = orjson.loads(file.with_suffix(".replies").read_bytes())
    return {name: (expected[name], answered[name]) for name in jobs}


@pytest.mark.parametrize("name", [*(f"{family} {method}" for family in SIZES for method in METHODS), ADAPTER])
def test_vllm_says_what_transformers_says(replies, name):
    expected, answered = replies[name]
    assert answered == expected
    assert len({tuple(tokens) for tokens, _ in expected}) > 3


def test_vllm_stops_at_the_end_of_a_phis_turn(replies):
    expected, answered = replies[PHI]
    assert answered == expected
    assert all(ending == "stop" and len(tokens) == len(SAID) + 1 for tokens, ending in answered)
