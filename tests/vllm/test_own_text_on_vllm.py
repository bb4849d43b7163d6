"""Distillation on text that vLLM writes, in the process that trains: it is what transformers writes."""

import os
import site
import subprocess
from pathlib import Path

import orjson
import pytest

from synthgen.core.progress import Reporter
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.store.jsonl import read_log
from tests import ROOT
from tests.vllm.tiny_teacher import SYSTEM, questions

pytestmark = pytest.mark.timeout(900)
PROGRAM = Path(__file__).with_name("train_with_vllm.py")
KINDS = {
    "full": "learning_rate: 2.0e-3",
    "adapters": "method: lora, lora: {rank: 8, alpha: 32}, learning_rate: 5.0e-3",
    "drawn": "learning_rate: 3.0e-3",
}
STAGE = (
    "- distill: {{id: {name}, input: rows, student: {{model: {student}}}, teacher: {{model: {teacher}}}, "
    "policy: on_policy, own_text: {{max_new_tokens: 24, temperature: {temperature}, engine: {engine}}}, "
    "divergence: forward_kl, epochs: 1, batch_size: 8, max_length: 128, schedule: constant, warmup: 0, "
    "threads: 1, {more}}}"
)


def pipeline(folder, student, teacher, engine, kinds):
    stages = [
        STAGE.format(
            name=name,
            student=student,
            teacher=teacher,
            engine=engine,
            temperature=1 if name == "drawn" else 0,
            more=KINDS[name],
        )
        for name in kinds
    ]
    lines = ["version: 1", "name: own", "stages:", f"- load: {{id: rows, sources: [{folder}/rows.jsonl]}}"]
    (folder / f"{engine}.yaml").write_text("\n".join([*lines, *stages]) + "\n")
    return folder / f"{engine}.yaml"


def other_sums(folder, student):
    """A teacher that always says one more than its student, of which no text is right."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(student)
    model = AutoModelForCausalLM.from_pretrained(student)
    digits = [tokenizer.convert_tokens_to_ids(digit) for digit in "0123456789"]
    model.lm_head.weight.data[digits] = model.lm_head.weight.data[digits[1:] + digits[:1]].clone()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def curves(taught_model, vllm_python, server_env, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    rows = [
        {"system": SYSTEM, "instruction": question, "output": reply}
        for question, reply, _ in questions()[::5]
    ]
    (folder / "rows.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    teacher = other_sums(folder / "teacher", taught_model)
    file = pipeline(folder, taught_model, teacher, "transformers", ["full", "adapters"])
    run_pipeline(
        load_pipeline(file),
        RunOptions(runs=folder / "transformers", ledger=folder / "ledger"),
        Reporter("silent"),
    )
    for runs, kinds in {"vllm": ["full", "adapters", "drawn"], "again": ["drawn"]}.items():
        file = pipeline(folder, taught_model, teacher, "vllm", kinds)
        subprocess.run(
            [vllm_python, str(PROGRAM), site.getsitepackages()[0], str(file), str(folder / runs)],
            env={**os.environ, **server_env, "PYTHONPATH": str(ROOT)},
            check=True,
        )
    return lambda runs, stage: list(read_log(folder / runs / "own" / stage / "metrics.jsonl"))


@pytest.mark.parametrize("kind", ["full", "adapters"])
def test_vllm_writes_what_transformers_writes_with_the_weights_of_each_step(curves, kind):
    ours, theirs = curves("vllm", kind), curves("transformers", kind)
    assert len(ours) == len(theirs) == 7
    # Later, of two tokens that are nearly as likely one or the other is the likeliest now and then.
    for ours_then, theirs_then in zip(ours[:3], theirs[:3], strict=True):
        assert ours_then["own_tokens"] == theirs_then["own_tokens"]
        assert ours_then["loss"] == pytest.approx(theirs_then["loss"], rel=1e-3)
    assert min(entry["loss"] for entry in ours) < 0.8 * ours[0]["loss"]


def test_what_is_drawn_is_the_same_another_time(curves):
    assert curves("vllm", "drawn") == curves("again", "drawn")
    assert curves("vllm", "drawn") != curves("vllm", "full")
