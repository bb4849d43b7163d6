"""Divergences and their gradients, beside sums written out token by token in double precision."""

import math
from typing import Any

import pytest
import torch

from synthgen.store.token_logprobs import LEAST
from synthgen.training.losses.divergence import divergence, listed_targets, soft_targets, with_rest

KINDS: list[tuple[Any, float]] = [
    ("forward_kl", 0.5),
    ("reverse_kl", 0.5),
    ("jsd", 0.0),
    ("jsd", 0.3),
    ("jsd", 0.5),
    ("jsd", 1.0),
]


def logits(seed, positions=7, vocabulary=11, spread=3.0):
    return spread * torch.randn(positions, vocabulary, generator=torch.Generator().manual_seed(seed))


def probabilities(row, temperature):
    biggest = max(row)
    weights = [math.exp((value - biggest) / temperature) for value in row]
    return [weight / sum(weights) for weight in weights]


def kl(left, right):
    return sum(p * math.log(p / q) for p, q in zip(left, right, strict=True))


def written_out(teacher, student, kind, beta):
    if kind == "jsd" and 0 < beta < 1:
        mixture = [beta * p + (1 - beta) * q for p, q in zip(teacher, student, strict=True)]
        return beta * kl(teacher, mixture) + (1 - beta) * kl(student, mixture)
    forward = kind == "forward_kl" or (kind == "jsd" and beta == 0)
    return kl(teacher, student) if forward else kl(student, teacher)


def grouped(row, best):
    return [row[number] for number in best] + [sum(p for at, p in enumerate(row) if at not in best)]


def expected(student, teacher, kind, beta, temperature, top_k):
    losses = []
    for said, wanted in zip(student.tolist(), teacher.tolist(), strict=True):
        p, q = probabilities(wanted, temperature), probabilities(said, temperature)
        if top_k is not None and top_k < len(p):
            best = sorted(range(len(p)), key=lambda at: -p[at])[:top_k]
            p, q = grouped(p, best), grouped(q, best)
        losses.append(temperature**2 * written_out(p, q, kind, beta))
    return losses


@pytest.mark.parametrize("top_k", [None, 1, 5, 10, 11])
@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("kind, beta", KINDS)
def test_the_loss_is_the_sum_written_out(kind, beta, temperature, top_k):
    student, teacher = logits(0), logits(1)
    found = soft_targets(student, teacher, kind, beta=beta, temperature=temperature, top_k=top_k)
    wanted = expected(student, teacher, kind, beta, temperature, top_k)
    assert found.tolist() == pytest.approx(wanted, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("top_k", [None, 3])
@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("kind, beta", KINDS)
def test_the_gradient_is_that_of_the_sum_written_out(kind, beta, temperature, top_k):
    student, teacher = logits(0, 2, 5).requires_grad_(), logits(1, 2, 5)
    soft_targets(student, teacher, kind, beta=beta, temperature=temperature, top_k=top_k).sum().backward()
    step = 1e-5
    for row in range(2):
        for token in range(5):
            ends = []
            for sign in (1, -1):
                moved = student.detach().double().clone()
                moved[row, token] += sign * step
                ends.append(sum(expected(moved, teacher.double(), kind, beta, temperature, top_k)))
            slope = (ends[0] - ends[1]) / (2 * step)
            assert student.grad[row, token].item() == pytest.approx(slope, rel=1e-3, abs=1e-5)


def test_the_ends_of_the_jsd_are_no_limits():
    student, teacher = (logits(seed, spread=1.0).double().log_softmax(-1) for seed in (0, 1))
    near = divergence(teacher, student, "jsd", 1e-3)
    end = divergence(teacher, student, "jsd", 0.0)
    assert (near < 0.05 * end).all()
    assert torch.allclose(near / 1e-3, end, rtol=0.02)


def test_equal_distributions_are_no_distance_apart():
    same = logits(3)
    for kind, beta in KINDS:
        assert soft_targets(same, same + 5, kind, beta=beta, temperature=2.0).abs().max() < 1e-6


def test_all_others_together_keep_their_share_where_it_is_tiny():
    sure = torch.zeros(1, 50_000)
    sure[0, 7] = 30.0
    held = with_rest(sure.double().log_softmax(-1), torch.tensor([[7]]))
    assert held[0, 1].item() == pytest.approx(math.log(49_999) - 30, abs=1e-6)
    single = with_rest(sure.log_softmax(-1), torch.tensor([[7]]))
    assert single[0, 1].item() == pytest.approx(math.log(49_999) - 30, abs=1e-4)


def test_padding_of_a_batch_of_nothing_is_zero_with_a_gradient():
    student = logits(0)[:0].requires_grad_()
    loss = soft_targets(student, logits(1)[:0], "forward_kl", top_k=3).sum()
    loss.backward()
    assert loss.item() == 0.0
    assert student.grad.shape == (0, 11)


@pytest.mark.parametrize(("kind", "beta"), KINDS)
def test_a_token_that_only_fills_a_place_is_one_of_the_others(kind, beta):
    student = logits(1).requires_grad_()
    told = torch.log(torch.tensor([[0.7, 0.2]])).expand(7, 2)
    ids, rest = torch.tensor([[4, 9]]).expand(7, 2), torch.full((7,), math.log(0.1))
    filled = torch.cat((told, torch.full((7, 2), LEAST)), dim=-1)
    more = torch.cat((ids, torch.tensor([[0, 1]]).expand(7, 2)), dim=-1)
    plain = listed_targets(student, told, ids, rest, kind, beta=beta)
    found = listed_targets(student, filled, more, rest, kind, beta=beta)
    assert found.tolist() == pytest.approx(plain.tolist(), rel=1e-5)
    (wanted,) = torch.autograd.grad(plain.sum(), student)
    (gradient,) = torch.autograd.grad(found.sum(), student)
    assert gradient.tolist() == [pytest.approx(row, abs=1e-5) for row in wanted.tolist()]
