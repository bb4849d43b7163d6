"""multi_task, trained by the sft stage and held to figures worked out by hand."""

import signal

import orjson
import pytest
from pydantic import BaseModel

from synthgen.core.errors import ConfigError, Interrupted
from synthgen.stages import sft
from synthgen.store.jsonl import read_log, read_rows, write_rows
from synthgen.training.prompting import student_prompt
from tests.stages.sft_bench import Bench, leaving, rows

pytestmark = pytest.mark.slow

PLAIN_STEP = {
    "schedule": "constant",
    "warmup": 0,
    "epochs": 1,
    "learning_rate": 0.5,
    "trainer": {"optim": "sgd", "max_grad_norm": 0},
}


def loss_by_hand(folder, some, alpha):
    """The loss of `multi_task` worked out from texts and logits, a sequence at a time."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(folder),
        AutoTokenizer.from_pretrained(folder.parent / "model"),
    )
    means = []
    for prefix, said in (
        ("predict: ", lambda row: f"The answer is {row['final_answer']}."),
        ("explain: ", lambda row: row["rationale"]),
    ):
        losses = []
        for row in some:
            prompt = tokenizer(
                f"<|im_start|>user\n{prefix}{row['instruction']}<|im_end|>\n<|im_start|>assistant\n"
            )["input_ids"]
            answer = tokenizer(f"{said(row)}<|im_end|>")["input_ids"]
            logits = model(input_ids=torch.tensor([prompt + answer])).logits[0, len(prompt) - 1 : -1]
            losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor(answer), reduction="none"))
        means.append(torch.cat(losses).mean())
    return model, alpha * means[0] + (1 - alpha) * means[1]


@pytest.mark.parametrize(("batch_size", "accumulated"), [(8, 1), (4, 2), (3, 3)])
@pytest.mark.parametrize("alpha", [0.5, 0.9])
def test_a_step_is_the_weighed_mean_of_two_means_however_it_is_split_into_batches(
    tmp_path, batch_size, accumulated, alpha
):
    import torch
    from safetensors.torch import load_file

    some = rows(8)
    some[5]["rationale"] = " ".join(
        ["First 1 + 1 = 2."] * 8
    )  # far from the mean length: batches differ in how many tokens they teach
    bench = Bench(
        tmp_path,
        some,
        completion="multi_task",
        multi_task={"alpha": alpha},
        batch_size=batch_size,
        gradient_accumulation=accumulated,
        **PLAIN_STEP,
    )
    assert bench.run().extra["training"]["steps"] == 1
    model, loss = loss_by_hand(tmp_path / "out" / "base", some, alpha)
    (entry,) = read_log(tmp_path / "out" / "metrics.jsonl")
    assert entry["loss"] == pytest.approx(loss.item(), rel=1e-5)
    loss.backward()
    after = load_file(tmp_path / "out" / "model" / "model.safetensors")
    moved = 0.0
    for name, weight in model.named_parameters():
        if name in after:
            torch.testing.assert_close(
                after[name], (weight - 0.5 * weight.grad).detach(), rtol=1e-4, atol=1e-6
            )
            moved += weight.grad.abs().sum().item()
    assert moved > 0


def test_a_last_step_of_fewer_batches_weighs_them_as_any_other(tmp_path):
    some = rows(5)
    bench = Bench(
        tmp_path,
        some,
        completion="multi_task",
        batch_size=2,
        gradient_accumulation=2,
        **{**PLAIN_STEP, "learning_rate": 1e-30},
    )
    assert bench.run().extra["training"]["steps"] == 2
    losses = [entry["loss"] for entry in read_log(tmp_path / "out" / "metrics.jsonl")]
    singles = [loss_by_hand(tmp_path / "out" / "base", [row], 0.5)[1].item() for row in some]
    assert min(abs(losses[1] - single) for single in singles) < 1e-5  # the fifth row alone, whichever it is


def test_alpha_shows_in_the_weights(tmp_path):
    some = rows(8)
    by_alpha = []
    for alpha in (0, 1):
        bench = Bench(
            tmp_path / str(alpha), some, completion="multi_task", multi_task={"alpha": alpha}, **PLAIN_STEP
        )
        bench.run()
        by_alpha.append(bench.bytes())
    assert by_alpha[0]["base/model.safetensors"] == by_alpha[1]["base/model.safetensors"]
    assert by_alpha[0]["model/model.safetensors"] != by_alpha[1]["model/model.safetensors"]


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A folder as a kill at step 9 leaves it."""
    return tmp_path_factory.mktemp("killed") / "two-tasks"


@pytest.fixture(scope="module")
def two_tasks(tmp_path_factory, killed):
    bench = Bench(tmp_path_factory.mktemp("two-tasks"), rows(48), completion="multi_task")
    bench.outcome = bench.run(stopping=leaving(killed, bench, step=9))
    return bench


def test_both_tasks_are_counted_and_shown(two_tasks):
    preflight = two_tasks.outcome.extra["preflight"]
    tasks = preflight["tasks"]
    assert (
        tasks["predict"]["examples"]
        == tasks["explain"]["examples"]
        == preflight["kept"]
        == two_tasks.outcome.counts.kept
        == 48
    )
    assert (
        tasks["predict"]["learned_tokens"] + tasks["explain"]["learned_tokens"] == preflight["learned_tokens"]
    )
    assert tasks["predict"]["learned_tokens"] < tasks["explain"]["learned_tokens"]
    shown = next(line for line in two_tasks.heard if "masked" in line)
    first, second = shown.split("one example, ")[1:]
    assert (
        "predict: " in first.partition("learned: ")[0] and "The answer is" in first.partition("learned: ")[2]
    )
    assert (
        "explain: " in second.partition("learned: ")[0]
        and "The answer is" not in second.partition("learned: ")[2]
    )
    assert two_tasks.outcome.extra["training"]["tokens"] == 2 * preflight["tokens"]  # two epochs


def test_both_tasks_are_learned(two_tasks):
    losses = [entry["loss"] for entry in read_log(two_tasks.folder / "out" / "metrics.jsonl")]
    assert len(losses) == 12 and losses[-1] < losses[0] - 0.5


def test_card_and_table_say_the_form_and_how_to_ask(two_tasks):
    card = (two_tasks.folder / "out" / "model" / "README.md").read_text()
    assert "its completions are `multi_task`" in card and "put `predict: ` before the question" in card
    assert "as multi_task" in two_tasks.outcome.table


def test_the_base_is_that_of_the_other_forms(two_tasks, tmp_path):
    for completion in ("rationale_then_answer", "think_tags"):
        other = Bench(tmp_path / completion, rows(48), completion=completion, epochs=1)
        other.run()
        assert {name: data for name, data in other.bytes().items() if name.startswith("base/")} == {
            name: data for name, data in two_tasks.bytes().items() if name.startswith("base/")
        }


def test_a_signal_leaves_a_checkpoint_from_which_the_same_bytes_come(two_tasks, tmp_path):
    bench = Bench(tmp_path, rows(48), completion="multi_task")
    with pytest.raises(Interrupted):
        bench.run(stopping=bench.stop_at(5, signal.SIGTERM))
    bench.run()
    assert any("continuing from step 5" in line for line in bench.heard)
    assert bench.bytes() == two_tasks.bytes()


@pytest.mark.slow
def test_after_kill_9_the_same_call_gives_the_same_bytes(killed, two_tasks):
    bench = Bench(killed, completion="multi_task")
    bench.run()
    assert any("continuing from step 6" in line for line in bench.heard)
    assert bench.bytes() == two_tasks.bytes()


def test_validation_loss_is_weighed_like_the_training_loss(tmp_path):
    bench = Bench(
        tmp_path,
        rows(8),
        completion="multi_task",
        multi_task={"alpha": 0.8},
        measure_every=1,
        **{**PLAIN_STEP, "learning_rate": 1e-30},
    )
    bench.validation = tmp_path / "validation.jsonl"
    held = rows(40, seed=9)  # more than a batch
    write_rows(bench.validation, held)
    bench.run()
    measured, after = [
        entry["validation_loss"]
        for entry in read_log(tmp_path / "out" / "metrics.jsonl")
        if "validation_loss" in entry
    ]
    assert after == pytest.approx(measured)  # nothing was learned
    assert measured == pytest.approx(loss_by_hand(tmp_path / "out" / "base", held, 0.8)[1].item(), rel=1e-5)


@pytest.mark.parametrize("completion", ["multi_task", "think_tags"])
def test_validation_rows_with_references_only_are_asked_as_the_student_is(tmp_path, completion, monkeypatch):
    from synthgen.training import validation

    asked = []

    def noted_prompt(row, prefix=""):
        asked.append(student_prompt(row, prefix))
        return asked[-1]

    monkeypatch.setattr(validation, "student_prompt", noted_prompt)
    bench = Bench(tmp_path, rows(16), completion=completion, epochs=1)
    bench.validation = tmp_path / "validation.jsonl"
    write_rows(bench.validation, rows(3, seed=9, solved=False))
    outcome = bench.run()
    assert 0 <= outcome.extra["training"]["best validation_accuracy"] <= 1
    assert {turns[-1]["content"].startswith("predict: ") for turns in asked} == {completion == "multi_task"}


def test_lora_learns_both_tasks(two_tasks, tmp_path):
    bench = Bench(
        tmp_path,
        rows(16),
        student={"model": str(two_tasks.folder / "out" / "model")},
        completion="multi_task",
        method="lora",
        lora={"rank": 4},
        epochs=1,
    )
    assert bench.run().extra["training"]["steps"] == 2
    assert bench.bytes()["model/model.safetensors"] != two_tasks.bytes()["model/model.safetensors"]


def test_rows_without_a_rationale_fail_by_default_and_can_be_dropped(tmp_path):
    some = rows(20)
    del some[3]["rationale"]
    some[7]["rationale"] = " "
    with pytest.raises(ConfigError) as caught:
        Bench(tmp_path / "fails", some, completion="multi_task").run()
    assert "student: 2 of 20 rows have no rationale, which completion: multi_task is made of" in str(
        caught.value
    )
    assert "row r3" in str(caught.value) and "unfit: drop" in str(caught.value)
    bench = Bench(tmp_path / "drops", some, completion="multi_task", unfit="drop", epochs=1)
    outcome = bench.run()
    assert (outcome.counts.kept, outcome.counts.rejected) == (18, {"missing_fields": 2})
    assert outcome.extra["preflight"]["missing_fields"] == 2
    rejected = list(read_rows(bench.folder / "out" / "rejected.jsonl"))
    assert [(row["id"], row["rejection"]["value"], row["rejection"]["threshold"]) for row in rejected] == [
        ("r3", ["rationale"], "multi_task"),
        ("r7", ["rationale"], "multi_task"),
    ]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"packing": True}, "packing cannot be used with completion: multi_task"),
        ({"trainer": {"loss_type": "dft"}}, "trainer: loss_type cannot be used with completion: multi_task"),
        ({"trainer": {"label_smoothing_factor": 0.1}}, "label_smoothing_factor cannot be used"),
        ({"multi_task": {"alpha": 1.5}}, "alpha"),
        ({"multi_task": {"alpa": 0.5}}, "unknown option 'alpa'"),
    ],
)
def test_what_cannot_be_weighed_is_refused_before_anything_runs(options, says):
    from synthgen.core.config import build

    misfits = []
    assert (
        build(sft.Config, {"student": {"init": {}}, "completion": "multi_task", **options}, (), misfits)
        is None
    )
    assert any(says in misfit.what for misfit in misfits), misfits


def test_every_option_of_sft_says_what_it_is_for():
    from synthgen.reports.pages.options import parts

    configs: list[tuple[str, type[BaseModel]]] = [("sft", sft.Config), *parts(sft.Config)]
    assert [
        f"{name}.{option}"
        for name, config in configs
        for option, info in config.model_fields.items()
        if not info.description
    ] == []


def test_alpha_is_part_of_the_key():
    from synthgen.core.config import fingerprint

    def key(**options):
        return orjson.dumps(
            fingerprint(
                sft.Config.model_validate({"student": {"init": {}}, "completion": "multi_task", **options})
            )
        )

    assert key() == key(multi_task={"alpha": 0.5}) != key(multi_task={"alpha": 0.4})
