"""The loss of hidden states on whole models: beside a direct computation from the models' own states."""

import pytest
import torch
from torch.nn.functional import cosine_similarity, mse_loss

from synthgen.training import attached
from synthgen.training.knowledge.feature import FeatureOfModel, Projections
from synthgen.training.taught_trainer import score_positions
from tests.training.knowledge.inside_bench import learned_places, prepared, scored, states, text_loss
from tests.training.knowledge.test_response import assert_equal_gradients, batch, gradients, llama

MAP = {0: 0, 1: 2, 2: 3}


def student_and_teacher():
    return llama(16, 0), llama(24, 1, layers=3).eval().requires_grad_(False)


def projections(layers=tuple(MAP)):
    torch.manual_seed(4)
    return Projections(layers, 16, 24)


def directly(student, teacher, project, given, kind, weight, layers):
    """Cross entropy and the loss of states as one would write them down, position by position."""
    inputs, labels = given
    (ours, logits), (theirs, _) = states(student, inputs), states(teacher, inputs)
    places, _ = learned_places(labels)
    apart = 0.0
    for row, at in places:
        for one, other in layers.items():
            said, wanted = ours[one][row, at], theirs[other][row, at].detach()
            said = said / (said.pow(2).mean() + 1e-6).sqrt()
            wanted = wanted / (wanted.pow(2).mean() + 1e-6).sqrt()
            said = project.of[f"layer_{one}"](said)
            if kind == "mse":
                apart = apart + mse_loss(said, wanted) / len(layers)
            else:
                apart = apart + (1 - cosine_similarity(said, wanted, dim=0)) / len(layers)
    return ((1 - weight) * text_loss(logits, labels) + weight * apart) / len(places)


@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("layers", [MAP, {2: 3}], ids=["mapped", "last"])
@pytest.mark.parametrize("kind", ["mse", "cosine"])
def test_loss_and_gradient_are_those_of_the_models_own_states(kind, layers, left):
    student, teacher = student_and_teacher()
    project, inputs = projections(layers), batch(left)
    wanted = directly(student, teacher, project, inputs, kind, 0.7, layers)
    wanted.backward()
    expected, of_projections = gradients(student), gradients(project)
    student.zero_grad()
    project.zero_grad()
    prepared(student, project)
    knowledge = FeatureOfModel(teacher, "big", layers, kind, 0.7)
    loss, sums, tokens = scored(student, knowledge, *inputs)
    loss.backward()
    assert tokens == 6 + 2 + 9
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-5)
    found = gradients(student)
    inside = {name.removeprefix("attached."): found.pop(name) for name in [*found] if "attached" in name}
    assert_equal_gradients(found, expected)
    assert_equal_gradients(inside, of_projections)
    assert sums[1].item() / tokens == pytest.approx(
        (loss.item() - 0.3 * sums[0].item() / tokens) / 0.7, abs=1e-5
    )


def test_adapters_learn_the_same():
    from peft import LoraConfig, get_peft_model

    found = []
    for direct in (True, False):
        student, teacher = student_and_teacher()
        project, inputs = projections(), batch()
        config = LoraConfig(r=2, init_lora_weights=False, target_modules=["q_proj", "down_proj"])
        if direct:
            torch.manual_seed(3)
            adapted = get_peft_model(student, config)
            loss = directly(student, teacher, project, inputs, "mse", 0.5, MAP)
        else:
            attached.attach(student, project, config)
            torch.manual_seed(3)
            adapted = get_peft_model(student, config)
            project = attached.attached_to(adapted)
            score_positions(adapted)
            loss, _, _ = scored(adapted, FeatureOfModel(teacher, "big", MAP, "mse", 0.5), *inputs)
        loss.backward()
        own = {name: value for name, value in gradients(adapted).items() if "attached" not in name}
        found.append((loss.item(), own, gradients(project)))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    assert_equal_gradients(found[1][1], found[0][1])
    assert_equal_gradients(found[1][2], found[0][2])


def test_the_size_of_states_changes_no_loss():
    student, teacher = student_and_teacher()
    inputs = batch()
    prepared(student, projections())
    before, _, _ = scored(student, FeatureOfModel(teacher, "big", MAP, "mse", 1.0), *inputs)
    with torch.no_grad():
        teacher.model.embed_tokens.weight.mul_(100)
        for block in teacher.model.layers:
            block.self_attn.o_proj.weight.mul_(100)
            block.mlp.down_proj.weight.mul_(100)
    after, _, _ = scored(student, FeatureOfModel(teacher, "big", MAP, "mse", 1.0), *inputs)
    assert after.item() == pytest.approx(before.item(), abs=1e-4)


def test_gradients_go_through_checkpointed_blocks():
    student, teacher = student_and_teacher()
    prepared(student, projections())
    knowledge, inputs = FeatureOfModel(teacher, "big", MAP, "mse", 0.7), batch()
    scored(student, knowledge, *inputs)[0].backward()
    expected = gradients(student)
    student.zero_grad()
    student.train()
    for reentrant in (False, True):
        student.gradient_checkpointing_enable({"use_reentrant": reentrant})
        scored(student, knowledge, *inputs)[0].backward()
        assert_equal_gradients(gradients(student), expected, 1e-7)
        student.zero_grad()


def test_a_batch_without_learned_tokens_has_a_loss_of_nothing():
    student, teacher = student_and_teacher()
    inputs, labels = batch()
    prepared(student, projections())
    loss, sums, tokens = scored(
        student, FeatureOfModel(teacher, "big", MAP, "cosine", 0.7), inputs, torch.full_like(labels, -100)
    )
    assert tokens == 0 and sums[1].item() == 0.0
    sums[1].backward()
    every = gradients(student)
    assert any("attached" in name for name in every)
    assert all(torch.equal(value, torch.zeros_like(value)) for value in every.values())
