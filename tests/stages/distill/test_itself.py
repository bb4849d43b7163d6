"""A student as its own teacher, as it started; and a teacher that sees the rationales of the rows."""

import shutil

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy, kl_div, log_softmax
from transformers import AutoTokenizer

from synthgen.core.errors import ConfigError, StageFailed
from synthgen.stages.distill import run as distill
from synthgen.store.jsonl import read_log, write_rows
from synthgen.training.encoding import IGNORED, encode
from synthgen.training.preflight import why_unfit
from tests.evaluation.tiny_models import TEMPLATE, tiny_model
from tests.stages.distill.test_run import apart, weights
from tests.stages.distill_bench import bench
from tests.stages.sft_bench import TINY, leaving, rows

pytestmark = pytest.mark.slow

ONE_STEP = {"batch_size": 12, "epochs": 1, "schedule": "constant", "warmup": 0.0, "learning_rate": 1e-3}
SEES = {"self": "start", "sees": "rationale"}


def itself(folder, made=None, **options):
    made = bench(folder, made, **{"teacher": "self", **options})
    made.more = {}
    return made


@pytest.fixture(scope="module")
def one_step(tmp_path_factory):
    options = {"teacher": SEES, "completion": "answer_only", "weight": 0.7, "temperature": 2.0, **ONE_STEP}
    made = itself(tmp_path_factory.mktemp("seen"), rows(12), **options)
    made.outcome = made.run()
    return made


def one_step_by_hand(made, temperature, weight, rate):
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = made.folder / "out" / "base"
    student, teacher = (AutoModelForCausalLM.from_pretrained(base) for _ in range(2))
    tokenizer, total, tokens = AutoTokenizer.from_pretrained(base), torch.zeros(()), 0
    for row, given in zip(Dataset.from_file(str(made.work / "rows.arrow")), rows(12), strict=True):
        answer = [label for label in row["labels"] if label != IGNORED]
        asked = f"{given['instruction']}\n\nThis is how it is worked out:\n{given['rationale']}"
        prompt = tokenizer.apply_chat_template(
            [{"role": "user", "content": asked}], add_generation_prompt=True, return_dict=False
        )
        assert row["teacher_prompt"] == prompt
        assert given["rationale"] not in tokenizer.decode(row["input_ids"])
        ours = student(torch.tensor([row["input_ids"]])).logits[0, -len(answer) - 1 : -1]
        theirs = teacher(torch.tensor([prompt + answer])).logits[0, -len(answer) - 1 : -1].detach()
        divergence = kl_div(
            log_softmax(ours / temperature, -1),
            log_softmax(theirs / temperature, -1),
            reduction="sum",
            log_target=True,
        )
        text = cross_entropy(ours, torch.tensor(answer), reduction="sum")
        total = total + (1 - weight) * text + weight * temperature**2 * divergence
        tokens += len(answer)
    loss = total / tokens
    optimizer = torch.optim.AdamW(student.parameters(), lr=rate, weight_decay=0.0, eps=1e-8)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
    optimizer.step()
    return loss.item(), student.state_dict()


def test_a_step_beside_a_teacher_that_sees_the_rationale_is_the_one_written_out_by_hand(one_step):
    loss, expected = one_step_by_hand(one_step, 2.0, 0.7, 1e-3)
    (entry,) = read_log(one_step.folder / "out" / "metrics.jsonl")
    assert entry["loss"] == pytest.approx(loss, abs=1e-5)
    assert entry["divergence"] > 0
    for name, value in weights(one_step).items():
        assert torch.allclose(value, expected[name], atol=1e-6), name


def test_the_run_says_that_it_is_its_own_teacher(one_step):
    assert any("its teacher is itself as it started: a copy, which takes" in line for line in one_step.heard)
    assert "learned from itself as it started" in one_step.outcome.table
    assert one_step.outcome.extra["student"]["teacher"] == "itself as it started"


def test_accumulated_batches_are_the_step_of_one_large_batch(one_step, tmp_path):
    parts = itself(tmp_path, rows(12), **{**one_step.options, "batch_size": 4, "gradient_accumulation": 3})
    parts.run()
    assert apart(one_step, parts) <= 1e-6


@pytest.mark.parametrize(
    "options",
    [
        {"weight": 0.9},
        {"teacher": SEES, "completion": "answer_only", "method": "lora", "lora": {"rank": 4, "dropout": 0.2}},
        {"teacher": {"self": "averaged", "decay": 0.8}},
        {"teacher": SEES, "policy": "on_policy", "own_text": {"max_new_tokens": 8}},
    ],
    ids=["plain", "sees, lora", "averaged", "sees, on_policy"],
)
def test_after_kill_9_the_teacher_is_the_start_and_the_bytes_are_the_same(options, tmp_path):
    whole = itself(tmp_path / "whole", rows(48), **options)
    whole.run(stopping=leaving(tmp_path / "killed", whole, step=9))
    killed = itself(tmp_path / "killed", **options)
    killed.run()
    assert any("continuing from step 6" in line for line in killed.heard)
    assert killed.bytes() == whole.bytes()


def test_the_start_teaches_nothing_new_but_holds_its_student_near(tmp_path):
    near, far = (
        itself(tmp_path / name, rows(48), weight=weight) for name, weight in (("near", 0.95), ("far", 0.05))
    )
    curves = []
    for made in (near, far):
        made.run()
        curves.append([entry["divergence"] for entry in read_log(made.folder / "out" / "metrics.jsonl")])
    assert curves[0][0] == curves[1][0] == pytest.approx(0, abs=1e-6)
    assert 0 < curves[0][-1] < curves[1][-1] / 2


def test_an_averaged_teacher_is_the_mean_of_all_weights_so_far(tmp_path):
    made = itself(tmp_path, rows(16), teacher={"self": "averaged", "decay": 0.75}, save_every=1, epochs=2)
    made.run()
    kept = {
        int(folder.name.rpartition("-")[2]): load_file(folder / "model.safetensors")
        for folder in (made.work / "checkpoints").glob("checkpoint-*")
    }
    (before, after) = (kept[step] for step in sorted(kept))
    name = "model.layers.0.mlp.up_proj.weight"
    wanted = 0.75 * before[f"attached.{name}"] + 0.25 * after[name]
    assert torch.allclose(after[f"attached.{name}"], wanted, atol=1e-7)
    assert not torch.allclose(after[f"attached.{name}"], before[f"attached.{name}"], atol=1e-7)
    assert not any(key.startswith("attached") for key in weights(made))


def test_an_averaged_teacher_has_no_dropout(tmp_path):
    made = bench(tmp_path, rows(16))
    folder = made.more["teacher"][0].file  # its config has dropout
    options = {"student": {"model": str(folder)}, "weight": 1.0, "policy": "offline", "epochs": 1}
    twice = []
    for name in ("one", "two"):
        one = itself(tmp_path / name, rows(16), **options, teacher={"self": "averaged", "decay": 0.999})
        one.run()
        twice.append([entry["divergence"] for entry in read_log(one.folder / "out" / "metrics.jsonl")])
    start = itself(tmp_path / "start", rows(16), **options)
    start.run()
    (first, *_) = read_log(start.folder / "out" / "metrics.jsonl")
    assert twice[0] == twice[1]
    assert twice[0][0] == pytest.approx(first["divergence"], rel=1e-5)


def test_a_teacher_of_another_model_may_see_more_too(tmp_path):
    options = {"teacher": {"from": "teacher", "sees": "rationale"}, "completion": "answer_only"}
    made = bench(tmp_path, rows(16), weight=1.0, **options)
    made.validation = made.folder / "validation.jsonl"
    write_rows(made.validation, rows(6, seed=9))
    made.run()
    curve = list(read_log(made.folder / "out" / "metrics.jsonl"))
    measured = [entry["validation_loss"] for entry in curve if "validation_loss" in entry]
    assert measured[-1] < measured[0]
    blind = bench(tmp_path / "blind", rows(16), weight=1.0, completion="answer_only")
    blind.run()
    (first,) = [entry for entry in read_log(blind.folder / "out" / "metrics.jsonl") if entry["step"] == 1]
    assert next(entry for entry in curve if entry["step"] == 1)["loss"] != first["loss"]


def test_rows_without_a_rationale_are_counted(tmp_path):
    made = rows(12)
    del made[3]["rationale"], made[7]["rationale"]
    options = {"teacher": SEES, "completion": "output"}
    with pytest.raises(ConfigError) as caught:
        itself(tmp_path / "fail", made, **options).run()
    message = str(caught.value)
    assert "2 of 12 rows have no rationale" in message and "sees: rationale needs that, too" in message
    kept = itself(tmp_path / "drop", made, unfit="drop", **options)
    assert kept.run().counts.rejected == {"missing_fields": 2}


def test_rows_whose_teacher_would_read_too_much_are_counted(tmp_path):
    made = rows(12)
    made[5]["rationale"] = "So. " * 120  # the student has 256 positions
    options = {"teacher": SEES, "completion": "output"}
    with pytest.raises(StageFailed) as caught:
        itself(tmp_path / "fail", made, **options).run()
    message = str(caught.value)
    assert (
        "1 unaligned" in message and "the teacher would read" in message and "shorten what it sees" in message
    )
    for unfit in ("drop", "keep"):  # kept, its teacher would read places that it never learned
        kept = itself(tmp_path / unfit, made, unfit=unfit, **options)
        kept.validation = kept.folder / "validation.jsonl"  # which is measured as by keep
        write_rows(kept.validation, made[4:6])
        assert kept.run().counts.rejected == {"unaligned": 1}
        with_long = next(read_log(kept.folder / "out" / "metrics.jsonl"))
        shutil.rmtree(kept.work)
        kept.validation.unlink()
        write_rows(kept.validation, made[4:5])
        kept.run()
        assert next(read_log(kept.folder / "out" / "metrics.jsonl")) == with_long


def test_a_row_whose_template_refuses_what_the_teacher_sees_teaches_nothing(tmp_path):
    template = TEMPLATE.replace(
        "{{ turn.role }}",
        "{% if 'So.' in turn.content %}{{ raise_exception('no') }}{% endif %}{{ turn.role }}",
    )
    tokenizer = AutoTokenizer.from_pretrained(tiny_model(tmp_path / "tiny", template=template))
    ends = frozenset({tokenizer.eos_token_id})
    prompt, more = ([{"role": "user", "content": text}] for text in ("One?", "One? So. 1."))
    example = {
        "prompt": prompt,
        "completion": [{"role": "assistant", "content": "1"}],
        "teacher_prompt": more,
    }
    found = encode(example, tokenizer, ends, 64)
    assert (found.fault, found.detail, found.learned) == ("unaligned", "no", 0)
    assert why_unfit([found], 64, keep=True) == ("unaligned", "no", None)
    assert encode({**example, "teacher_prompt": prompt}, tokenizer, ends, 64).others["teacher_prompt"]


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"teacher": "me"}, "write {from: …} for an earlier stage's model"),
        ({"teacher": {"self": "start", "from": "a"}}, "give one of model"),
        ({"teacher": {"self": "start", "dtype": "bfloat16"}}, "dtype belongs to a teacher that is loaded"),
        ({"teacher": {"from": "a", "sees": "output"}}, "rationale"),
        ({"teacher": "self", "knowledge": "feature"}, "goes with knowledge: response, not with feature"),
        ({"teacher": {"self": "start", "decay": 0.9}}, "decay belongs to self: averaged"),
        ({"teacher": {"self": "averaged"}, "method": "lora"}, "it goes with method: full"),
        ({"teacher": SEES, "packing": True}, "packing cannot be used with sees"),
        ({"teacher": SEES, "learn": "all"}, "it goes with learn: last"),
        (
            {"teacher": "self", "method": "lora", "student": {"model": "a/b", "quantization": "4bit"}},
            "quantized weights cannot be",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        distill.STAGE.config.model_validate({"student": TINY, **options})


@pytest.mark.parametrize(
    ("completion", "warned"), [("rationale_then_answer", True), ("think_tags", True), ("answer_only", False)]
)
def test_a_completion_that_holds_what_the_teacher_sees_is_warned_of(completion, warned):
    options = {"student": {"from": "a"}, "teacher": SEES, "completion": completion}
    found = distill.STAGE.warnings(distill.STAGE.config.model_validate(options))
    assert any("the rationale that the teacher's prompt holds" in fault.what for fault in found) == warned
