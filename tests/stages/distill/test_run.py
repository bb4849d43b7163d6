"""The distill stage: its weights beside a training written out by hand, its refusals, and its account."""

import json

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from synthgen.core.errors import ConfigError
from synthgen.stages.distill import run as distill
from synthgen.store.jsonl import read_log, write_rows
from synthgen.training.encoding import IGNORED
from tests.stages.distill_bench import bench
from tests.stages.sft_bench import TINY, leaving, rows
from tests.training.families import family

pytestmark = pytest.mark.slow


def weights(made, file="model/model.safetensors"):
    return load_file(made.folder / "out" / file)


def apart(one, two):
    first, second = weights(one), weights(two)
    assert first.keys() == second.keys()
    return max((first[name] - second[name]).abs().max().item() for name in first)


def one_step_by_hand(made, temperature, weight, rate):
    """The base after one step of AdamW on the mean loss of all rows' learned tokens."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM

    student = AutoModelForCausalLM.from_pretrained(made.folder / "out" / "base").train()
    teacher = AutoModelForCausalLM.from_pretrained(made.more["teacher"][0].file).eval()
    total, tokens = torch.zeros(()), 0
    for row in Dataset.from_file(str(made.work / "rows.arrow")):
        ids, labels = torch.tensor([row["input_ids"]]), torch.tensor(row["labels"])
        ours, theirs = student(ids).logits[0], teacher(ids).logits[0].detach()
        for at in range(1, len(labels)):
            if labels[at] != IGNORED:
                apart = kl_div(
                    log_softmax(ours[at - 1] / temperature, -1),
                    log_softmax(theirs[at - 1] / temperature, -1),
                    reduction="sum",
                    log_target=True,
                )
                text = cross_entropy(ours[at - 1], labels[at])
                total = total + (1 - weight) * text + weight * temperature**2 * apart
                tokens += 1
    loss = total / tokens
    optimizer = torch.optim.AdamW(student.parameters(), lr=rate, weight_decay=0.0, eps=1e-8)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
    optimizer.step()
    return loss.item(), student.state_dict()


@pytest.fixture(scope="module")
def one_step(tmp_path_factory):
    options = {"batch_size": 12, "epochs": 1, "schedule": "constant", "warmup": 0.0, "learning_rate": 1e-3}
    made = bench(
        tmp_path_factory.mktemp("step"), rows(12), temperature=2.0, weight=0.7, completion="output", **options
    )
    made.outcome = made.run()
    return made


def test_a_step_is_the_one_that_was_written_out_by_hand(one_step):
    loss, expected = one_step_by_hand(one_step, 2.0, 0.7, 1e-3)
    (entry,) = read_log(one_step.folder / "out" / "metrics.jsonl")
    assert entry["loss"] == pytest.approx(loss, abs=1e-5)
    assert entry["loss"] == pytest.approx(0.3 * entry["cross_entropy"] + 0.7 * entry["divergence"], abs=1e-5)
    for name, value in weights(one_step).items():
        assert torch.allclose(value, expected[name], atol=1e-6), name


def test_accumulated_batches_are_the_step_of_one_large_batch(one_step, tmp_path):
    options = {**one_step.options, "batch_size": 4, "gradient_accumulation": 3}
    parts = bench(tmp_path, rows(12), **options)
    parts.run()
    assert apart(one_step, parts) <= 1e-6


def test_packed_rows_are_the_step_of_plain_ones(one_step, tmp_path):
    packed = bench(tmp_path, rows(12), **{**one_step.options, "packing": True, "max_length": 256})
    packed.run()
    (entry,) = read_log(packed.folder / "out" / "metrics.jsonl")
    (plain,) = read_log(one_step.folder / "out" / "metrics.jsonl")
    assert entry["loss"] == pytest.approx(plain["loss"], abs=1e-5)
    assert entry["tokens"] == plain["tokens"]


def test_the_manifest_and_the_card_name_the_teacher(one_step):
    assert one_step.outcome.extra["student"]["teacher"] == "teacher"
    assert "learned from teacher" in one_step.outcome.table
    card = (one_step.folder / "out" / "model" / "README.md").read_text()
    assert "soft targets" in card


def test_after_kill_9_the_same_call_gives_the_same_bytes(tmp_path):
    whole = bench(tmp_path / "whole", rows(48), temperature=2.0)
    whole.run(stopping=leaving(tmp_path / "killed", whole, step=9))
    killed = bench(tmp_path / "killed", temperature=2.0)
    killed.run()
    assert any("continuing from step 6" in line for line in killed.heard)
    assert killed.bytes() == whole.bytes()


@pytest.mark.timeout(900)
def test_two_processes_make_what_one_makes(tmp_path):
    one, two = (
        bench(tmp_path / name, rows(20), processes=processes, temperature=2.0)
        for name, processes in (("one", None), ("two", 2))
    )
    for made in (one, two):
        made.validation = made.folder / "validation.jsonl"
        write_rows(made.validation, rows(6, seed=9))
        made.run()
    assert apart(one, two) <= 1e-6
    curves = [list(read_log(made.folder / "out" / "metrics.jsonl")) for made in (one, two)]
    for first, second in zip(*curves, strict=True):
        assert first == pytest.approx(second, rel=1e-5)


def test_validation_rows_are_held_to_the_teacher_too(tmp_path):
    made = bench(tmp_path, rows(48), weight=0.25, publish="best", measure_every=3, learning_rate=2e-2)
    made.validation = made.folder / "validation.jsonl"
    write_rows(made.validation, rows(6, seed=9))
    outcome = made.run()
    measured = [
        entry for entry in read_log(made.folder / "out" / "metrics.jsonl") if "validation_loss" in entry
    ]
    assert [entry["step"] for entry in measured] == [0, 3, 6, 9, 12]
    for entry in measured:
        parts = 0.75 * entry["validation_cross_entropy"] + 0.25 * entry["validation_divergence"]
        assert entry["validation_loss"] == pytest.approx(parts, abs=1e-6)
    assert measured[-1]["validation_loss"] < measured[0]["validation_loss"]
    assert outcome.extra["training"]["best validation_loss"] == min(
        entry["validation_loss"] for entry in measured[1:]
    )


def test_a_student_comes_closer_to_its_teacher_by_adapters(tmp_path):
    made = bench(
        tmp_path, rows(48), method="lora", lora={"rank": 4}, weight=1.0, learning_rate=2e-2, divergence="jsd"
    )
    made.run()
    curve = list(read_log(made.folder / "out" / "metrics.jsonl"))
    assert curve[-1]["divergence"] < 0.9 * curve[0]["divergence"]
    assert (made.folder / "out" / "adapter" / "adapter_model.safetensors").is_file()


def test_a_teacher_of_another_tokenizer_is_refused_with_the_first_difference(tmp_path):
    family("llama", tmp_path / "other")
    made = bench(tmp_path / "bench", rows(8), teacher={"model": str(tmp_path / "other")})
    made.more = {}
    with pytest.raises(ConfigError) as caught:
        made.run()
    message = str(caught.value)
    assert "different tokenizers: token " in message and "sft on the texts" in message


def test_a_tokenizer_with_the_same_ids_and_other_cuts_is_refused(tmp_path):
    made = bench(tmp_path, rows(8))
    file = made.more["teacher"][0].file / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    tokenizer["model"]["merges"] = tokenizer["model"]["merges"][:5]
    file.write_text(json.dumps(tokenizer))
    with pytest.raises(ConfigError, match="in two ways, though these have the same ids"):
        made.run()


def test_rows_that_pad_a_vocabulary_are_said(tmp_path):
    from transformers import AutoModelForCausalLM

    made = bench(tmp_path, rows(8), epochs=1)
    folder = made.more["teacher"][0].file
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.resize_token_embeddings(448)
    model.save_pretrained(folder)
    made.run()
    assert any("the teacher 448, for 400 tokens: the first 400 are compared" in line for line in made.heard)


def test_a_teacher_that_is_too_small_is_refused(tmp_path):
    from transformers import AutoModelForCausalLM

    made = bench(tmp_path, rows(8), epochs=1)
    folder = made.more["teacher"][0].file
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.resize_token_embeddings(300)
    model.save_pretrained(folder)
    with pytest.raises(ConfigError, match="400 tokens, but the teacher logits for 300"):
        made.run()


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"beta": 0.3}, "beta belongs to divergence: jsd"),
        ({"completion": "multi_task"}, "multi_task belongs to sft"),
        ({"learn": "all", "completion": "answer_only"}, "learn: all takes turns as they are"),
        ({"teacher": {}}, "give one of model"),
        ({"teacher": {"from": "a", "revision": "b"}}, "revision belongs to model"),
        ({"teacher": {"model": "a/b", "dtype": "bfloat16", "quantization": "8bit"}}, "leave dtype out"),
        ({"trainer": {"label_smoothing_factor": 0.1}}, "cannot be used with knowledge: response"),
        ({"weight": 0}, "greater than 0"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        distill.STAGE.config.model_validate({"student": TINY, "teacher": {"from": "teacher"}, **options})
