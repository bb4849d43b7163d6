"""Asks models offline, greedily, with their token ids; run by vLLM's own interpreter.

The one argument is a file of jobs: where each model is, its adapter, and prompts of token ids. The replies
are written beside it: for each prompt the token ids, and why they end.
"""

import gc
import json
import os
import sys
from pathlib import Path

# One process for all models, so that vLLM is imported once.
os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"


def main(file: Path) -> None:
    """Answers all jobs."""
    from vllm import LLM, ModelRegistry, SamplingParams
    from vllm.lora.request import LoRARequest

    answered = {}
    for name, job in json.loads(file.read_text()).items():
        for kind in json.loads((Path(job["model"]) / "config.json").read_text())["architectures"]:
            # Known by its class, a kind of model is not looked at in a process of its own (ten seconds each).
            ModelRegistry.register_model(kind, ModelRegistry.models[kind].load_model_cls())
        model = LLM(
            job["model"],
            dtype="float32",
            enforce_eager=True,
            max_model_len=256,
            max_num_seqs=8,
            enable_lora=bool(job["adapter"]),
            max_lora_rank=8,
        )
        replies = model.generate(
            [{"prompt_token_ids": prompt} for prompt in job["prompts"]],
            SamplingParams(temperature=0, max_tokens=job["max_tokens"]),
            lora_request=LoRARequest("adapter", 1, job["adapter"]) if job["adapter"] else None,
            use_tqdm=False,
        )
        answered[name] = [
            [list(reply.outputs[0].token_ids), reply.outputs[0].finish_reason] for reply in replies
        ]
        del model
        gc.collect()
    file.with_suffix(".replies").write_text(json.dumps(answered))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
