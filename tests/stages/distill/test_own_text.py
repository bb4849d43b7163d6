"""Distillation on text that the student writes itself: a step by hand, other splits of it, and resuming."""

import itertools

import pytest
import torch
from torch.nn.functional import kl_div, log_softmax

from synthgen.stages.distill import run as distill
from synthgen.store.jsonl import read_log
from synthgen.training.encoding import IGNORED
from synthgen.training.vllm_text import text_seed
from tests.stages.distill.test_run import apart, weights
from tests.stages.distill_bench import bench
from tests.stages.sft_bench import TINY, leaving, rows

pytestmark = pytest.mark.slow

OWN = {"max_new_tokens": 4, "temperature": 0}
ONE_STEP = {"batch_size": 12, "epochs": 1, "schedule": "constant", "warmup": 0.0, "learning_rate": 1e-3}


def stopping_student(folder):
    """A student with random weights that stops at many tokens, so that its texts differ in length."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    made = rows(12)
    source = bench(folder, made).more["teacher"][0].file
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForCausalLM.from_pretrained(source)
    said = "\n".join(["The answer is 0123456789.", *(row["rationale"] for row in made)])
    unused = [token for token in range(len(tokenizer)) if tokenizer.decode([token]) not in said]
    model.config.attention_dropout = 0.0  # a step by hand has none
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, *unused[::5]]
    for weight in model.parameters():
        weight.data += 0.05 * torch.sin(torch.arange(weight.numel(), dtype=weight.dtype)).view_as(weight)
    model.save_pretrained(folder / "start")
    tokenizer.save_pretrained(folder / "start")
    return folder / "start"


def on_own_text(folder, student, **options):
    chosen = {"policy": "on_policy", "own_text": OWN, "student": {"model": str(student)}}
    return bench(folder, rows(12), **{**chosen, **ONE_STEP, **options})


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return stopping_student(tmp_path_factory.mktemp("student"))


@pytest.fixture(scope="module")
def one_step(tmp_path_factory, start):
    made = on_own_text(tmp_path_factory.mktemp("own"), start, temperature=2.0)
    made.outcome = made.run()
    return made


def one_step_by_hand(made, start, temperature, rate):
    """The start after one step on the reverse KL of what it says itself, greedily and row by row."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM

    student = AutoModelForCausalLM.from_pretrained(start)
    teacher = AutoModelForCausalLM.from_pretrained(made.more["teacher"][0].file).eval()
    ends = set(student.generation_config.eos_token_id)
    total, lengths, cut = torch.zeros(()), [], 0
    for row in Dataset.from_file(str(made.work / "rows.arrow")):
        prompt = [token for token, label in zip(row["input_ids"], row["labels"], strict=True)]
        prompt = prompt[: sum(label == IGNORED for label in row["labels"])]
        said = list(prompt)
        while len(said) < len(prompt) + OWN["max_new_tokens"]:
            said.append(int(student(torch.tensor([said])).logits[0, -1].argmax()))
            if said[-1] in ends:
                break
        ids = torch.tensor([said])
        ours, theirs = student(ids).logits[0], teacher(ids).logits[0].detach()
        for at in range(len(prompt), len(said)):
            total = total + temperature**2 * kl_div(
                log_softmax(theirs[at - 1] / temperature, -1),
                log_softmax(ours[at - 1] / temperature, -1),
                reduction="sum",
                log_target=True,
            )
        lengths.append(len(said) - len(prompt))
        cut += said[-1] not in ends
    loss = total / sum(lengths)
    optimizer = torch.optim.AdamW(student.parameters(), lr=rate, weight_decay=0.0, eps=1e-8)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
    optimizer.step()
    return loss.item(), student.state_dict(), lengths, cut


def test_a_step_on_its_own_text_is_the_one_that_was_written_out_by_hand(one_step, start):
    loss, expected, lengths, cut = one_step_by_hand(one_step, start, 2.0, 1e-3)
    (entry,) = read_log(one_step.folder / "out" / "metrics.jsonl")
    assert len(set(lengths)) > 2 and 0 < cut < len(lengths)  # or the test says little
    assert entry["loss"] == pytest.approx(loss, abs=1e-5)
    assert entry["divergence"] == pytest.approx(loss, abs=1e-5)
    assert entry["own_tokens"] == sum(lengths)
    assert entry["own_length"] == pytest.approx(sum(lengths) / 12)
    assert entry["own_cut"] == pytest.approx(cut / 12)
    assert "cross_entropy" not in entry and "token_accuracy" not in entry
    for name, value in weights(one_step).items():
        assert torch.allclose(value, expected[name], atol=1e-6), name


def test_the_figures_tell_how_much_was_written(one_step):
    (entry,) = read_log(one_step.folder / "out" / "metrics.jsonl")
    training = one_step.outcome.extra["training"]
    assert training["own tokens"] == entry["own_tokens"]
    assert training["own text's mean length"] == round(entry["own_length"], 1)
    assert training["own texts cut"] == f"{entry['own_cut']:.1%}"
    assert "writing its own text" in one_step.noted
    assert '"divergence": "reverse_kl"' in (one_step.folder / "out" / "model" / "README.md").read_text()


def test_accumulated_batches_are_the_step_of_one_large_batch(one_step, start, tmp_path):
    options = {"batch_size": 4, "gradient_accumulation": 3, "temperature": 2.0}
    parts = on_own_text(tmp_path, start, **options)
    parts.run()
    assert apart(one_step, parts) <= 1e-6


@pytest.mark.timeout(900)
def test_two_processes_make_what_one_makes(one_step, start, tmp_path):
    two = on_own_text(tmp_path, start, processes=2, temperature=2.0)
    two.run()
    assert apart(one_step, two) <= 1e-6
    curves = [list(read_log(made.folder / "out" / "metrics.jsonl")) for made in (one_step, two)]
    for first, second in zip(*curves, strict=True):
        assert first == pytest.approx(second, rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"policy": "on_policy"}, {"policy": "mixed", "method": "lora", "lora": {"rank": 4, "dropout": 0.2}}],
    ids=["on_policy", "mixed"],
)
def test_after_kill_9_the_same_call_gives_the_same_bytes(options, tmp_path):
    options = {**options, "own_text": {"max_new_tokens": 12}}
    whole = bench(tmp_path / "whole", rows(48), **options)
    whole.run(stopping=leaving(tmp_path / "killed", whole, step=9))
    killed = bench(tmp_path / "killed", **options)
    killed.run()
    assert any("continuing from step 6" in line for line in killed.heard)
    assert killed.bytes() == whole.bytes()


def test_a_mixed_training_learns_the_rows_text_at_every_other_step(tmp_path):
    made = bench(tmp_path, rows(48), policy="mixed", weight=0.25, own_text={"max_new_tokens": 12})
    made.run()
    curve = list(read_log(made.folder / "out" / "metrics.jsonl"))
    assert [entry["step"] for entry in curve if "own_tokens" in entry] == [2, 4, 6, 8, 10, 12]
    for entry in curve:
        wanted = entry["divergence"]
        if "own_tokens" not in entry:
            wanted = 0.75 * entry["cross_entropy"] + 0.25 * entry["divergence"]
        assert entry["loss"] == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("kind", ["feature", "relation"])
def test_what_is_inside_a_teacher_is_learned_on_own_text_too(kind, tmp_path):
    own = {"policy": "on_policy", "own_text": {"max_new_tokens": 12}}
    made = bench(tmp_path, rows(16), knowledge=kind, **own)
    made.run()
    for entry in read_log(made.folder / "out" / "metrics.jsonl"):
        assert entry["loss"] == pytest.approx(entry[kind], abs=1e-5)
        assert entry["own_tokens"] > 0 and "cross_entropy" not in entry


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"own_text": {"top_p": 0.9}}, "own_text belongs to policy: on_policy and mixed"),
        ({"policy": "on_policy", "weight": 0.9}, "weight belongs to policy: offline and mixed"),
        ({"policy": "on_policy", "own_text": {"share": 0.2}}, "share: …} belongs to policy: mixed"),
        ({"policy": "mixed", "own_text": {"share": 1.0}}, "less than 1"),
        ({"policy": "mixed", "learn": "all"}, "learn: all cannot be used with policy: mixed"),
        ({"policy": "on_policy", "packing": True}, "packing cannot be used with policy: on_policy"),
        ({"policy": "on_policy", "own_text": {"max_new_tokens": 1024}}, "leaves no room for a prompt"),
        ({"policy": "on_policy", "beta": 0.3}, "beta belongs to divergence: jsd, not to reverse_kl"),
        ({"policy": "mixed", "own_text": {"gpu_memory_utilization": 0.5}}, "belongs to engine: vllm"),
        (
            {"policy": "mixed", "own_text": {"engine": "vllm"}, "knowledge": "feature"},
            "goes with knowledge: response and relation",
        ),
        (
            {"policy": "mixed", "own_text": {"engine": "vllm"}, "student": {"init": {}}},
            "reads the student's folder",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        distill.STAGE.config.model_validate({"student": TINY, "teacher": {"from": "teacher"}, **options})


@pytest.mark.parametrize(
    "student, policy, warned",
    [(TINY, "on_policy", 1), (TINY, "mixed", 0), (TINY, "offline", 0), ({"from": "a"}, "on_policy", 0)],
)
def test_a_cold_student_is_warned_of(student, policy, warned):
    options = {"student": student, "teacher": {"from": "teacher"}, "policy": policy}
    found = distill.STAGE.warnings(distill.STAGE.config.model_validate(options))
    assert [fault.what for fault in found if "next to nothing" in fault.what] == [
        "a student from scratch has nothing to say yet: its own text teaches it next to nothing"
    ] * warned


def test_memory_is_estimated_for_the_longest_text_that_may_be_written():
    options = {"student": TINY, "teacher": {"from": "teacher"}, "max_length": 300}
    own = {"policy": "mixed", "own_text": {"max_new_tokens": 64}}
    plain, writing = (distill.STAGE.config.model_validate({**options, **more}) for more in ({}, own))
    assert plain.longest(100) == 100
    assert [writing.longest(rows) for rows in (100, 280)] == [164, 300]


def test_the_policy_chooses_the_divergence():
    chosen = {
        policy: distill.STAGE.config.model_validate(
            {"student": TINY, "teacher": {"from": "teacher"}, "policy": policy}
        ).compared_by
        for policy in ("offline", "on_policy", "mixed")
    }
    assert chosen == {"offline": "forward_kl", "on_policy": "reverse_kl", "mixed": "forward_kl"}


@pytest.mark.parametrize(
    ("figures", "says"),
    [
        ({"steps": 3}, "0.1} of 3 steps is less than one"),
        (
            {"steps": 3, "own tokens": 9, "own texts cut": "87.5%"},
            "87.5% of the student's own texts were cut",
        ),
        ({"steps": 3, "own tokens": 9, "own texts cut": "50.0%"}, ""),
    ],
)
def test_it_says_where_own_text_taught_little(figures, says):
    options = {"student": {"from": "a"}, "teacher": {"from": "b"}, "policy": "mixed"}
    config = distill.STAGE.config.model_validate({**options, "own_text": {"share": 0.1}})
    advice = distill.own_text_advice(config, figures)
    assert says in advice and bool(advice) == bool(says)


def test_nothing_is_said_of_a_training_on_the_rows_text():
    config = distill.STAGE.config.model_validate({"student": {"from": "a"}, "teacher": {"from": "b"}})
    assert distill.own_text_advice(config, {"steps": 3}) == ""


def test_vllm_that_is_not_installed_is_told_beforehand(monkeypatch):
    options = {"student": {"from": "a"}, "teacher": {"from": "b"}, "policy": "on_policy"}
    config = distill.STAGE.config.model_validate({**options, "own_text": {"engine": "vllm"}})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert [fault.what for fault in distill.STAGE.faults(config)] == [
        "vllm is not installed in the environment that trains"
    ]


def test_texts_of_vllm_have_seeds_of_their_own():
    seeds = {text_seed(*at) for at in itertools.product(range(2), range(3), range(2), range(4))}
    assert len(seeds) == 48 and all(0 <= seed < 2**63 for seed in seeds)
