"""Student and teacher trained at the same time: a step by hand, both published, and resuming."""

import json

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from synthgen.core.errors import ConfigError, StageFailed
from synthgen.stages.distill import run as distill
from synthgen.store.jsonl import read_log, write_rows
from synthgen.training.encoding import IGNORED
from tests.stages.distill.test_run import apart, weights
from tests.stages.distill_bench import bench
from tests.stages.sft_bench import TINY, leaving, rows

pytestmark = pytest.mark.slow

ONE_STEP = {"batch_size": 12, "epochs": 1, "schedule": "constant", "warmup": 0.0, "learning_rate": 1e-3}
SMALL = {"init": {"hidden_size": 32, "layers": 1, "heads": 2}, "online": True}
PEER = "teacher/model.safetensors"


def online(folder, made=None, teacher=SMALL, **options):
    made = bench(folder, made, teacher=teacher, **options)
    if "from" not in teacher:
        made.more = {}
    return made


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A teacher that trains on, without dropout, so that a step can be written out by hand."""
    folder = tmp_path_factory.mktemp("start")
    made = bench(folder, rows(12))
    source = made.more["teacher"][0].file
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps({**config, "attention_dropout": 0.0}))
    return source


@pytest.fixture(scope="module")
def one_step(tmp_path_factory, start):
    options = {"temperature": 2.0, "weight": 0.7, "trainer": {"max_grad_norm": 1e9}, **ONE_STEP}
    made = online(tmp_path_factory.mktemp("both"), rows(12), {"model": str(start), "online": True}, **options)
    made.outcome = made.run()
    return made


def one_step_by_hand(made, start, temperature, weight, rate):
    from datasets import Dataset
    from transformers import AutoModelForCausalLM

    both = [AutoModelForCausalLM.from_pretrained(one) for one in (made.folder / "out" / "base", start)]
    losses, figures, tokens = [torch.zeros(()) for _ in both], [0.0] * 4, 0
    for row in Dataset.from_file(str(made.work / "rows.arrow")):
        answer = torch.tensor([label for label in row["labels"] if label != IGNORED])
        ids = torch.tensor([row["input_ids"]])
        logits = [model(ids).logits[0, -len(answer) - 1 : -1] for model in both]
        for own, other in ((0, 1), (1, 0)):
            text = cross_entropy(logits[own], answer, reduction="sum")
            apart = temperature**2 * kl_div(
                log_softmax(logits[own] / temperature, -1),
                log_softmax(logits[other].detach() / temperature, -1),
                reduction="sum",
                log_target=True,
            )
            losses[own] = losses[own] + (1 - weight) * text + weight * apart
            figures[2 * own] += text.item()
            figures[2 * own + 1] += apart.item()
        tokens += len(answer)
    for model, loss in zip(both, losses, strict=True):  # apart: neither loss reaches the other model
        (loss / tokens).backward()
        torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0, eps=1e-8).step()
    return [loss.item() / tokens for loss in losses], [one / tokens for one in figures], both


def test_one_step_trains_both_as_it_was_written_out_by_hand(one_step, start):
    losses, figures, both = one_step_by_hand(one_step, start, 2.0, 0.7, 1e-3)
    (entry,) = read_log(one_step.folder / "out" / "metrics.jsonl")
    assert entry["loss"] == pytest.approx(sum(losses), abs=1e-5)
    names = ("cross_entropy", "divergence", "teacher_cross_entropy", "teacher_divergence")
    assert [entry[name] for name in names] == pytest.approx(figures, rel=1e-5)
    for file, model in zip(("model/model.safetensors", PEER), both, strict=True):
        trained, wanted = weights(one_step, file), model.state_dict()
        assert trained
        for name, value in trained.items():
            assert torch.allclose(value, wanted[name], atol=2e-6), (file, name)


def test_both_are_published_whole(one_step, start):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = one_step.folder / "out"
    for name in ("model", "teacher"):
        ids = AutoTokenizer.from_pretrained(out / name)("What is 1 + 2?", return_tensors="pt")
        model = AutoModelForCausalLM.from_pretrained(out / name)
        assert model.generate(**ids, max_new_tokens=2, do_sample=False).shape[1] > ids["input_ids"].shape[1]
        assert not any("attached" in key for key in load_file(out / name / "model.safetensors"))
    assert AutoModelForCausalLM.from_pretrained(out / "model").config.hidden_size == 16
    card = (out / "teacher" / "README.md").read_text()
    assert "# student, teacher" in card and "24,672 parameters" in card
    assert "# student\n" in (out / "model" / "README.md").read_text()
    assert one_step.outcome.extra["beside"] == {
        "teacher": {"base": str(start), "from_scratch": False, "parameters": 24672}
    }
    assert any("which are trained too" in line for line in one_step.heard)


def test_the_published_teacher_can_be_a_student(one_step, tmp_path):
    folder = one_step.folder / "out" / "teacher"
    further = bench(tmp_path, rows(12), **{**ONE_STEP, "student": {"model": str(folder)}})
    further.run()
    assert weights(further).keys() == weights(one_step, PEER).keys()


def test_accumulated_batches_are_the_step_of_one_large_batch(one_step, tmp_path):
    options = {**one_step.options, "batch_size": 4, "gradient_accumulation": 3}
    parts = online(tmp_path, rows(12), options.pop("teacher"), **options)
    parts.run()
    assert apart(one_step, parts) <= 1e-6
    first, second = weights(one_step, PEER), weights(parts, PEER)
    assert max((first[name] - second[name]).abs().max().item() for name in first) <= 1e-6


def test_two_of_one_size_start_apart_and_come_together(tmp_path):
    same = {name: value for name, value in TINY["init"].items() if name != "vocab_size"}
    made = online(tmp_path, rows(48), {"init": same, "online": True}, weight=0.5)
    made.run()
    curve = list(read_log(made.folder / "out" / "metrics.jsonl"))
    assert curve[0]["divergence"] > 0
    assert curve[0]["cross_entropy"] != curve[0]["teacher_cross_entropy"]
    assert curve[-1]["teacher_cross_entropy"] < curve[0]["teacher_cross_entropy"]


def test_two_of_the_same_weights_are_refused(tmp_path, start):
    options = {"student": {"model": str(start)}, **ONE_STEP}
    with pytest.raises(ConfigError, match="start with the same weights, and would stay the same"):
        online(tmp_path, rows(12), {"model": str(start), "online": True}, **options).run()


def test_after_kill_9_both_are_as_if_nothing_had_happened(tmp_path):
    whole = online(tmp_path / "whole", rows(48))
    whole.run(stopping=leaving(tmp_path / "killed", whole, step=9))
    killed = online(tmp_path / "killed")
    killed.run()
    assert any("continuing from step 6" in line for line in killed.heard)
    assert PEER in killed.bytes()
    assert killed.bytes() == whole.bytes()


def test_a_checkpoint_without_the_teacher_is_refused(tmp_path):
    from safetensors.torch import save_file

    from synthgen.training import checkpoints

    whole = online(tmp_path / "whole", rows(48))
    whole.run(stopping=leaving(tmp_path / "killed", whole, step=9))
    killed = online(tmp_path / "killed")
    (folder,) = (killed.work / "checkpoints").glob("checkpoint-6")
    held = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in held.items() if not name.startswith("attached.")}
    assert len(kept) < len(held)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "COMPLETE").unlink()
    checkpoints.seal(folder)
    with pytest.raises(StageFailed, match="lack"):
        killed.run()


def test_the_best_of_both_is_published(tmp_path):
    made = online(tmp_path, rows(48), publish="best", measure_every=3, learning_rate=2e-2, keep=1)
    made.validation = made.folder / "validation.jsonl"
    write_rows(made.validation, rows(6, seed=9))
    made.run()
    measured = [
        entry for entry in read_log(made.folder / "out" / "metrics.jsonl") if "validation_loss" in entry
    ]
    for entry in measured:
        parts = [
            entry[f"validation_{of}{name}"]
            for of in ("", "teacher_")
            for name in ("cross_entropy", "divergence")
        ]
        assert entry["validation_loss"] == pytest.approx(sum(parts) / 2, abs=1e-6)
    assert (made.folder / "out" / PEER).is_file()


@pytest.mark.timeout(900)
def test_two_processes_make_what_one_makes(tmp_path):
    one, two = (
        online(tmp_path / name, rows(20), processes=processes) for name, processes in (("1", None), ("2", 2))
    )
    for made in (one, two):
        made.run()
    assert apart(one, two) <= 1e-6
    first, second = weights(one, PEER), weights(two, PEER)
    assert max((first[name] - second[name]).abs().max().item() for name in first) <= 1e-6


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"teacher": TINY}, "it goes with online: true"),
        ({"teacher": {**TINY, "online": True}}, "its teacher reads the same tokens"),
        ({"teacher": {"self": "start", "online": True}}, "self does not go with online"),
        ({"teacher": {**SMALL, "sees": "rationale"}}, "sees does not go with online"),
        ({"teacher": {"from": "a", "online": True, "quantization": "8bit"}}, "quantization does not go"),
        ({"teacher": SMALL, "policy": "on_policy"}, "goes with policy: offline"),
        ({"teacher": SMALL, "method": "lora"}, "goes with method: full"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        distill.STAGE.config.model_validate({"student": TINY, **options})


def test_the_memory_of_a_teacher_that_learns_is_told_once(one_step):
    told = [line for line in one_step.heard if "parameters, which" in line]
    assert len(told) == 1 and "are trained too and take" in told[0]
