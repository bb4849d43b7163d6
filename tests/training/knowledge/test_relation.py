"""The losses of relations on whole models: beside a direct computation from the models' own states."""

import itertools

import pytest
import torch
from torch.nn.functional import huber_loss, kl_div, log_softmax

from synthgen.core.errors import ConfigError
from synthgen.training.knowledge import relation
from synthgen.training.knowledge.relation import AttentionRelations, HowStates, StateRelations, even_positions
from tests.training.knowledge.inside_bench import (
    attention_parts,
    learned_places,
    prepared,
    scored,
    states,
    text_loss,
)
from tests.training.knowledge.test_response import assert_equal_gradients, batch, gradients, llama


def student_and_teacher(**more):
    return llama(16, 0, **more), llama(24, 1, layers=3, **more).eval().requires_grad_(False)


def assert_same(student, knowledge, inputs, labels, wanted):
    """That loss and gradient are those of `wanted`, which was computed on the student."""
    wanted.backward()
    expected = gradients(student)
    student.zero_grad()
    loss, _, tokens = scored(prepared(student), knowledge, inputs, labels)
    loss.backward()
    assert tokens == 6 + 2 + 9
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-5)
    assert_equal_gradients(gradients(student), expected)


def relations_directly(student, teacher, inputs, labels, heads, weight, layers=(2, 3)):
    """MiniLMv2's loss position by position, over what causal attention sees."""
    places, _ = learned_places(labels)
    apart = 0.0
    sides = attention_parts(student, inputs, layers[0]), attention_parts(teacher, inputs, layers[1])
    for ours, theirs in zip(*sides, strict=True):
        for row, at in places:
            seen = [one for one in range(at + 1) if inputs["attention_mask"][row, one]]
            for head in range(heads):

                def told(part, row=row, at=at, head=head, seen=seen):
                    size = part.shape[-1] // heads
                    cut = part[row, :, head * size : (head + 1) * size]
                    return log_softmax(cut[seen] @ cut[at] / size**0.5, 0)

                wanted = told(theirs.detach())
                apart = apart + kl_div(told(ours), wanted, reduction="sum", log_target=True) / heads
    _, logits = states(student, inputs)
    return ((1 - weight) * text_loss(logits, labels) + weight * apart) / len(places)


@pytest.mark.parametrize("parts", ["whole", "in parts"])
@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("heads", [1, 4])
def test_relations_of_queries_keys_and_values_are_those_computed_by_hand(heads, left, parts, monkeypatch):
    if parts == "in parts":
        monkeypatch.setattr(relation, "SCORES", 3 * heads * 12)  # three positions of one row at a time
    student, teacher = student_and_teacher()
    inputs, labels = batch(left)
    wanted = relations_directly(student, teacher, inputs, labels, heads, 0.7)
    assert_same(student, AttentionRelations(teacher, "big", (2, 3), heads, 0.7), inputs, labels, wanted)


def test_grouped_keys_have_relations_of_their_own_size():
    student, teacher = student_and_teacher(num_key_value_heads=1)
    inputs, labels = batch()
    wanted = relations_directly(student, teacher, inputs, labels, 2, 0.7)
    assert_same(student, AttentionRelations(teacher, "big", (2, 3), 2, 0.7), inputs, labels, wanted)


def distances(points):
    pairs = {(i, j): (points[i] - points[j]).norm() for i, j in itertools.combinations(range(len(points)), 2)}
    mean = torch.stack([*pairs.values()]).mean()
    return torch.stack([*pairs.values()]) / mean


def angles(points):
    found = []
    for i, j, k in itertools.permutations(range(len(points)), 3):
        one, other = points[i] - points[j], points[k] - points[j]
        found.append((one / one.norm()) @ (other / other.norm()))
    return torch.stack(found)


def points_directly(of, ours, theirs):
    total = 0.0
    if of != "angle" and len(ours) > 1:
        total = total + huber_loss(distances(ours), distances(theirs))
    if of != "distance" and len(ours) > 2:
        total = total + (2 if of == "both" else 1) * huber_loss(angles(ours), angles(theirs))
    return total


@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("layers", [(2, 3), (1, 2)], ids=["last", "first"])
@pytest.mark.parametrize("between", ["tokens", "rows"])
@pytest.mark.parametrize("of", ["distance", "angle", "both"])
def test_distances_and_angles_are_those_computed_by_hand(of, between, layers, left):
    student, teacher = student_and_teacher()
    inputs, labels = batch(left)
    (ours, logits), (theirs, _) = states(student, inputs), states(teacher, inputs)
    places, _ = learned_places(labels)
    rows = [[at for row, at in places if row == number] for number in range(len(labels))]
    sides = [
        [
            side[number, at].detach() if side is theirs[layers[1]] else side[number, at]
            for number, at in enumerate(rows)
        ]
        for side in (ours[layers[0]], theirs[layers[1]])
    ]
    if between == "tokens":
        apart = sum(len(one) * points_directly(of, one, other) for one, other in zip(*sides, strict=True))
    else:
        apart = len(places) * points_directly(
            of, *(torch.stack([row.mean(0) for row in side]) for side in sides)
        )
    wanted = (0.3 * text_loss(logits, labels) + 0.7 * apart) / len(places)
    knowledge = StateRelations(teacher, "big", layers, HowStates(of, between, 64), 0.7)
    assert_same(student, knowledge, inputs, labels, wanted)


def test_of_many_tokens_a_few_at_even_steps_are_compared():
    assert even_positions(4, 4).tolist() == [0, 1, 2, 3]
    assert even_positions(9, 3).tolist() == [0, 4, 8]
    assert even_positions(10, 4).tolist() == [0, 3, 6, 9]
    student, teacher = student_and_teacher()
    inputs, labels = batch()
    (ours, logits), (theirs, _) = states(student, inputs), states(teacher, inputs)
    places, _ = learned_places(labels)
    apart = 0.0
    for number in range(len(labels)):
        every = [at for row, at in places if row == number]
        some = [every[at] for at in even_positions(len(every), 3).tolist()]
        apart = apart + len(every) * points_directly("angle", ours[2][number, some], theirs[3][number, some])
    wanted = (0.3 * text_loss(logits, labels) + 0.7 * apart) / len(places)
    knowledge = StateRelations(teacher, "big", (2, 3), HowStates("angle", "tokens", 3), 0.7)
    assert_same(student, knowledge, inputs, labels, wanted)


@pytest.mark.parametrize("kind", ["attention", "tokens", "rows"])
def test_a_batch_without_learned_tokens_has_a_loss_of_nothing(kind):
    student, teacher = student_and_teacher()
    inputs, labels = batch()
    knowledge = (
        AttentionRelations(teacher, "big", (2, 3), 2, 0.7)
        if kind == "attention"
        else StateRelations(teacher, "big", (2, 3), HowStates("both", kind, 64), 0.7)
    )
    loss, sums, _ = scored(prepared(student), knowledge, inputs, torch.full_like(labels, -100))
    assert sums[1].item() == 0.0
    sums[1].backward()
    assert all(torch.equal(value, torch.zeros_like(value)) for value in gradients(student).values())


def test_gradients_go_through_checkpointed_blocks_or_the_training_is_refused():
    student, teacher = student_and_teacher()
    knowledge, inputs = AttentionRelations(teacher, "big", (2, 3), 2, 0.7), batch()
    scored(prepared(student), knowledge, *inputs)[0].backward()
    expected = gradients(student)
    student.zero_grad()
    student.train()
    student.gradient_checkpointing_enable()
    scored(student, knowledge, *inputs)[0].backward()
    assert_equal_gradients(gradients(student), expected, 1e-7)
    student.gradient_checkpointing_enable({"use_reentrant": True})
    with pytest.raises(ConfigError, match="what is compared of the student has no gradient"):
        scored(student, knowledge, *inputs)


def test_a_token_that_comes_twice_has_a_gradient():
    student, teacher = student_and_teacher()
    inputs, labels = batch()
    inputs["input_ids"][:] = 7
    knowledge = StateRelations(teacher, "big", (0, 0), HowStates("both", "tokens", 64), 0.7)
    scored(prepared(student), knowledge, inputs, labels)[0].backward()
    assert all(value.isfinite().all() for value in gradients(student).values())
