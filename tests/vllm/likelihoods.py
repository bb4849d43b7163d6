"""The logprobs stage against a server that is up, and what transformers makes of the same texts."""

import urllib.request

import torch

from synthgen.core.artefacts import Artefact
from synthgen.core.progress import Reporter
from synthgen.stages.contract import Context
from synthgen.stages.logprobs import run as logprobs
from synthgen.stages.logprobs.options import Config as LogprobsConfig
from synthgen.store.jsonl import read_rows, write_rows
from synthgen.training.chat_tokenizer import end_ids_of, open_tokenizer
from synthgen.training.encoding import learned_tokens
from synthgen.training.objectives.supervised import Supervised, SupervisedConfig
from synthgen.training.preflight import encoded_row
from synthgen.training.student_options import StudentOptions


def answered(url):
    """How many requests a server has answered, by its own count; one that was left counts, too."""
    text = urllib.request.urlopen(url.removesuffix("/v1") + "/metrics").read().decode()
    lines = [line for line in text.splitlines() if line.startswith("vllm:request_success_total")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def ask_how_likely(folder, sessions, model, top):
    """Runs the stage on rows with characters of one to four bytes."""
    rows = [
        {"id": str(number), "instruction": f"question {number}", "output": f"Äpfel {number}, 三つ 😀."}
        for number in range(12)
    ]
    write_rows(folder / "rows.jsonl", rows)
    artefact = Artefact("load", "load", "rows", folder, folder / "rows.jsonl", "", 12)
    context = Context(folder, "logprobs", folder, 0, sessions, Reporter("silent"), lambda: 0)
    (folder / "out").mkdir()
    config = LogprobsConfig.model_validate({"tokenizer": {"model": str(model)}, "top_logprobs": top})
    return logprobs.run({"rows": (artefact,)}, config, context, folder / "out")


def directly(model, file):
    """Each row's tokens, which are learned, and transformers' log-softmax at these."""
    from transformers import AutoModelForCausalLM

    options = StudentOptions(model=str(model))
    tokenizer, _ = open_tokenizer(options)
    own = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    for row in read_rows(file):
        ends = end_ids_of(options, tokenizer)
        (one,) = encoded_row(Supervised(SupervisedConfig()), row, tokenizer, ends, 1024)
        learned = learned_tokens(one)
        with torch.no_grad():
            every = own(torch.tensor([one.input_ids])).logits[0].log_softmax(-1)
        yield one.input_ids, learned, every[[at - 1 for at, is_ in enumerate(learned) if is_]]
