"""distill with features and relations: a step beside one written out by hand, and what a run leaves."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from synthgen.core.errors import ConfigError, StageFailed
from synthgen.stages.distill import run as distill
from synthgen.store.jsonl import read_log, write_rows
from synthgen.training import attached, checkpoints
from synthgen.training.knowledge.feature import Projections
from tests.stages.distill_bench import bench
from tests.stages.sft_bench import TINY, leaving, rows
from tests.training.families import family
from tests.training.knowledge.test_feature import directly as features_directly
from tests.training.knowledge.test_relation import relations_directly

pytestmark = pytest.mark.slow
STEP = {"batch_size": 12, "epochs": 1, "schedule": "constant", "warmup": 0.0, "learning_rate": 1e-3}
KINDS = {
    "feature": {"knowledge": "feature", "weight": 0.7},
    "attention": {"knowledge": "relation", "weight": 0.7},
    "states": {"knowledge": "relation", "relation": {"of": "both"}, "weight": 0.7},
}
PUBLISHED = ("model/model.safetensors", "adapter/adapter_model.safetensors")


def weights(made, file="model/model.safetensors"):
    return load_file(made.folder / "out" / file)


def apart(one, two):
    first, second = weights(one), weights(two)
    assert first.keys() == second.keys()
    return max((first[name] - second[name]).abs().max().item() for name in first)


def curve(made):
    return list(read_log(made.folder / "out" / "metrics.jsonl"))


@pytest.fixture(scope="module", params=KINDS)
def one_step(request, tmp_path_factory):
    made = bench(tmp_path_factory.mktemp("step"), rows(12), **STEP, **KINDS[request.param])
    made.outcome, made.kind = made.run(), request.param
    return made


def one_step_by_hand(made, losses):
    """Loss, and the base after one step of AdamW on the mean loss of all rows' learned tokens."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM

    student = AutoModelForCausalLM.from_pretrained(made.folder / "out" / "base").train()
    teacher = AutoModelForCausalLM.from_pretrained(made.more["teacher"][0].file).eval()
    with attached.seeded(0):
        project = Projections([0, 1], 16, 32)
    total, tokens = torch.zeros(()), 0
    for row in Dataset.from_file(str(made.work / "rows.arrow")):
        labels = torch.tensor([row["labels"]])
        learned = int((labels != -100).sum())
        inputs = {"input_ids": torch.tensor([row["input_ids"]]), "attention_mask": torch.ones_like(labels)}
        total = total + learned * losses(student, teacher, project, inputs, labels)
        tokens += learned
    loss = total / tokens
    trained = [*student.parameters(), *project.parameters()]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.0, eps=1e-8)
    loss.backward()
    torch.nn.utils.clip_grad_norm_([weight for weight in trained if weight.grad is not None], 1.0)
    optimizer.step()
    return loss.item(), student.state_dict()


def test_a_step_is_the_one_that_was_written_out_by_hand(one_step):
    def losses(student, teacher, project, inputs, labels):
        if one_step.kind == "feature":
            return features_directly(student, teacher, project, (inputs, labels), "mse", 0.7, {0: 0, 1: 1})
        return relations_directly(student, teacher, inputs, labels, 2, 0.7, (1, 1))

    (entry,) = curve(one_step)
    name = "feature" if one_step.kind == "feature" else "relation"
    assert entry["loss"] == pytest.approx(0.3 * entry["cross_entropy"] + 0.7 * entry[name], abs=1e-5)
    if one_step.kind == "states":  # whose gradient is compared in tests/training/knowledge
        return
    loss, expected = one_step_by_hand(one_step, losses)
    assert entry["loss"] == pytest.approx(loss, abs=1e-5)
    for name, value in weights(one_step).items():
        assert torch.allclose(value, expected[name], atol=1e-6), name


def test_accumulated_batches_are_the_step_of_one_large_batch(one_step, tmp_path):
    options = {**one_step.options, "batch_size": 4, "gradient_accumulation": 3}
    parts = bench(tmp_path, rows(12), **options)
    parts.run()
    assert apart(one_step, parts) <= 1e-6
    (one,), (other,) = curve(one_step), curve(parts)
    assert other == pytest.approx(one, rel=1e-5)


def test_nothing_that_is_published_shows_what_was_attached(one_step):
    plain = bench(one_step.folder / "plain", rows(12), **STEP)
    plain.run()
    assert set(weights(one_step)) == set(weights(plain))
    for name in ("config.json", "generation_config.json", "tokenizer.json"):
        made, other = (one.folder / "out" / "model" / name for one in (one_step, plain))
        assert made.read_bytes() == other.read_bytes()
    assert (one_step.folder / "out/base/model.safetensors").read_bytes() == (
        plain.folder / "out/base/model.safetensors"
    ).read_bytes()
    assert one_step.outcome.extra["training"]["trained weights"] == 9008
    told = [line for line in one_step.heard if "no part of the model" in line]
    assert len(told) == (one_step.kind == "feature")


def test_manifest_and_card_name_what_was_learned(one_step):
    student = one_step.outcome.extra["student"]
    knowledge = KINDS[one_step.kind]["knowledge"]
    assert student["teacher"] == "teacher" and student["knowledge"] == knowledge
    card = (one_step.folder / "out" / "model" / "README.md").read_text()
    assert ("hidden states" if knowledge == "feature" else "relations of a teacher") in card


@pytest.mark.parametrize("method", ["full", "lora"])
def test_packed_rows_have_the_features_of_plain_ones(method, tmp_path):
    options = {**STEP, **KINDS["feature"], "method": method}
    plain, packed = (
        bench(tmp_path / name, rows(12), **options, packing=name == "packed", max_length=256)
        for name in ("plain", "packed")
    )
    for made in (plain, packed):
        made.run()
    (one,), (other,) = curve(plain), curve(packed)
    assert other["loss"] == pytest.approx(one["loss"], abs=1e-5)
    assert other["feature"] == pytest.approx(one["feature"], abs=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        KINDS["feature"],
        {**KINDS["feature"], "method": "lora", "lora": {"rank": 4}},
        {**KINDS["feature"], "method": "lora", "lora": {"rank": 4, "init": "pissa"}},
        KINDS["attention"],
        {**KINDS["states"], "method": "lora"},
    ],
    ids=["feature-full", "feature-lora", "feature-pissa", "attention-full", "states-lora"],
)
def test_after_kill_9_the_same_call_gives_the_same_bytes(options, tmp_path):
    whole = bench(tmp_path / "whole", rows(48), **options)
    whole.run(stopping=leaving(tmp_path / "killed", whole, step=9))
    killed = bench(tmp_path / "killed", **options)
    killed.run()
    assert any("continuing from step 6" in line for line in killed.heard)
    assert killed.bytes() == whole.bytes()
    for file in PUBLISHED:
        if (whole.folder / "out" / file).is_file():
            assert not any("attached" in name for name in weights(whole, file))
    if "lora" in whole.options:
        text = (whole.folder / "out" / "adapter" / "adapter_config.json").read_text()
        assert "attached" not in text


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_training_does_not_go_on_without_its_projections(method, tmp_path):
    options = {**KINDS["feature"], "method": method}
    whole = bench(tmp_path / "whole", rows(48), **options)
    whole.run(stopping=leaving(tmp_path / "killed", whole, step=9))
    (checkpoint,) = (tmp_path / "killed" / "work" / "checkpoints").glob("checkpoint-6")
    file = checkpoint / ("model.safetensors" if method == "full" else "adapter_model.safetensors")
    from safetensors.torch import save_file

    held = load_file(file)
    assert any("attached" in name for name in held)
    save_file(attached.without_attached(held), file, metadata={"format": "pt"})
    (checkpoint / checkpoints.COMPLETE).unlink()
    checkpoints.seal(checkpoint)
    killed = bench(tmp_path / "killed", **options)
    with pytest.raises(StageFailed, match="lacks what is trained with the student: attached.of.layer_0"):
        killed.run()


@pytest.mark.timeout(900)
def test_two_processes_make_what_one_makes(tmp_path):
    one, two = (
        bench(tmp_path / name, rows(20), processes=processes, method="lora", **KINDS["feature"])
        for name, processes in (("one", None), ("two", 2))
    )
    for made in (one, two):
        made.validation = made.folder / "validation.jsonl"
        write_rows(made.validation, rows(6, seed=9))
        made.run()
    assert apart(one, two) <= 1e-6
    for first, second in zip(curve(one), curve(two), strict=True):
        assert first == pytest.approx(second, rel=1e-5)
    with safe_open(two.folder / "out" / PUBLISHED[0], "pt") as file:
        assert not any("attached" in name for name in file.keys())


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_best_model_and_earlier_ones_are_published_without_projections(method, tmp_path):
    made = bench(
        tmp_path,
        rows(48),
        **KINDS["feature"],
        method=method,
        publish="best",
        keep=2,
        measure_every=3,
        early_stopping={"patience": 2},
        learning_rate=2e-2,
    )
    made.validation = made.folder / "validation.jsonl"
    write_rows(made.validation, rows(6, seed=9))
    outcome = made.run()
    measured = [entry for entry in curve(made) if "validation_loss" in entry]
    for entry in measured:
        parts = 0.3 * entry["validation_cross_entropy"] + 0.7 * entry["validation_feature"]
        assert entry["validation_loss"] == pytest.approx(parts, abs=1e-6)
    assert measured[-1]["validation_feature"] < measured[0]["validation_feature"]
    folders = ["", *(f"checkpoints/step-{one['step']}/" for one in outcome.extra["checkpoints"])]
    assert len(folders) == 3
    for folder in folders:
        for file in sorted((made.folder / "out" / folder).rglob("*.safetensors")):
            assert not any("attached" in name for name in load_file(file)), file
        assert not any(
            "attached" in file.read_text() for file in (made.folder / "out" / folder).rglob("*.json")
        )


@pytest.mark.parametrize("kind", KINDS)
def test_a_student_comes_closer_to_its_teacher(kind, tmp_path):
    made = bench(tmp_path, rows(48), **{**KINDS[kind], "weight": 1.0}, learning_rate=1e-2, epochs=4)
    made.run()
    name = "feature" if kind == "feature" else "relation"
    first, *_, last = curve(made)
    assert last[name] < 0.8 * first[name]


def test_what_a_batch_hides_is_refused():
    rows_of_a_batch = {"knowledge": "relation", "relation": {"of": "distance", "between": "rows"}}
    for options, reason in (
        ({"gradient_accumulation": 2}, "gradient_accumulation cannot be used with relation: {between: rows}"),
        ({"processes": 2}, "all of which one process has to see"),
        ({"packing": True}, "relations are those of one row's positions"),
    ):
        values = {"student": TINY, "teacher": {"from": "teacher"}, **rows_of_a_batch, **options}
        with pytest.raises(ValueError, match=reason):
            distill.STAGE.config.model_validate(values)


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"knowledge": "feature", "temperature": 2.0}, "temperature belongs to knowledge: response, not to"),
        ({"knowledge": "relation", "top_k": 5, "divergence": "jsd"}, "divergence and top_k belong to"),
        ({"feature": {"loss": "cosine"}}, "feature belongs to knowledge: feature, not to response"),
        ({"knowledge": "feature", "relation": {"of": "both"}}, "relation belongs to knowledge: relation"),
        ({"knowledge": "relation", "packing": True}, "packing cannot be used with knowledge: relation"),
        ({"knowledge": "feature", "feature": {"layers": {}}}, "layers names no layer"),
    ],
)
def test_options_of_another_kind_are_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        distill.STAGE.config.model_validate({"student": TINY, "teacher": {"from": "teacher"}, **options})


def test_layers_that_are_not_there_are_refused_before_rows_are_read(tmp_path):
    made = bench(tmp_path, rows(8), knowledge="feature", feature={"layers": {1: 4}})
    with pytest.raises(ConfigError, match="layer 4 of the teacher, which has 0 to 1"):
        made.run()
    assert not (made.work / "rows.arrow").exists()


def test_a_teacher_without_known_queries_is_foreseen(tmp_path):
    folder = family("gpt_neox", tmp_path / "neox")
    student = family("llama", tmp_path / "llama")
    config = distill.STAGE.config.model_validate(
        {"student": {"model": str(student)}, "teacher": {"model": str(folder)}, "knowledge": "relation"}
    )
    (fault,) = distill.foresees(config, ())
    assert "models of type gpt_neox has no queries, keys and values" in fault.what
    assert str(folder) in fault.where


def test_the_teacher_is_asked_without_dropout(tmp_path):
    """`bench` gives it dropout in attention: two measurements of one student agree only without."""
    made = bench(tmp_path, rows(16), **KINDS["feature"], measure_every=1, epochs=1, learning_rate=1e-12)
    made.validation = made.folder / "validation.jsonl"
    write_rows(made.validation, rows(6, seed=9))
    made.run()
    found = [entry["validation_feature"] for entry in curve(made) if "validation_feature" in entry]
    assert len(found) > 2 and max(found) - min(found) < 1e-6
    assert json.loads((made.more["teacher"][0].file / "config.json").read_text())["attention_dropout"] == 0.5
