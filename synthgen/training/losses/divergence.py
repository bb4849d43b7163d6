"""How far a student's distribution over the next token is from its teacher's.

Forward KL is what Hinton et al. 2015 (arXiv 1503.02531) minimise, reverse KL what MiniLLM does (arXiv
2306.08543). The generalised Jensen-Shannon divergence is GKD's (arXiv 2306.13649, equation 1).

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch.nn.functional import pad

from synthgen.store.token_logprobs import LEAST

Divergence = Literal["forward_kl", "reverse_kl", "jsd"]


def divergence(teacher: torch.Tensor, student: torch.Tensor, kind: Divergence, beta: float) -> torch.Tensor:
    """The divergence of each position.

    Args:
        teacher: [positions, outcomes], log-probabilities, finite.
        student: [positions, outcomes], log-probabilities, finite.
        kind: forward_kl is KL(teacher, student), reverse_kl KL(student, teacher), and jsd, with the mixture
            M = beta · teacher + (1 - beta) · student, is beta · KL(teacher, M) + (1 - beta) · KL(student, M).
        beta: of jsd. At 0 it is forward_kl and at 1 reverse_kl, as GKD and TRL have it. It does not go to
            these: the closer beta is to 0 or 1, the closer the sum above is to 0, whatever the student says.

    Returns:
        [positions], in nats.
    """
    if kind == "forward_kl" or (kind == "jsd" and beta == 0):
        return _kl(teacher, student)
    if kind == "reverse_kl" or beta == 1:
        return _kl(student, teacher)
    mixture = torch.logaddexp(teacher + math.log(beta), student + math.log1p(-beta))
    return beta * _kl(teacher, mixture) + (1 - beta) * _kl(student, mixture)


def _kl(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """KL(left, right) of each position; both are log-probabilities."""
    return (left.exp() * (left - right)).sum(dim=-1)


def softened(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Log-probabilities at a temperature, in single precision.

    Args:
        logits: [positions, vocabulary].
        temperature: above 0; 1 leaves the distribution as it is.

    Returns:
        [positions, vocabulary].
    """
    return torch.log_softmax(logits.float() / temperature, dim=-1)


def with_rest(
    log_probs: torch.Tensor, tokens: torch.Tensor, unnamed: torch.Tensor | None = None
) -> torch.Tensor:
    """Log-probabilities of some tokens, and of all others together as one more outcome.

    Args:
        log_probs: [positions, vocabulary], of a whole distribution.
        tokens: [positions, k], different ids, fewer than the vocabulary.
        unnamed: [positions, k], true where an id only fills a place: such a token is one of the others, and
            LEAST stands in its place.

    Returns:
        [positions, k + 1].
    """
    chosen = log_probs.gather(-1, tokens)
    # From the others' own sum: 1 minus the chosen ones' loses all its digits where they have nearly all.
    if unnamed is None:
        others = log_probs.scatter(-1, tokens, -math.inf)
    else:
        others = log_probs.scatter(-1, tokens, chosen.masked_fill(~unnamed, -math.inf))
        chosen = chosen.masked_fill(unnamed, LEAST)
    return torch.cat((chosen, others.logsumexp(dim=-1, keepdim=True)), dim=-1)


def soft_targets(
    student: torch.Tensor,
    teacher: torch.Tensor,
    kind: Divergence,
    *,
    beta: float = 0.5,
    temperature: float = 1.0,
    top_k: int | None = None,
) -> torch.Tensor:
    """The loss of each position: T² times the divergence of the softened distributions.

    T² keeps the size of its gradient beside that of the cross entropy (Hinton et al. 2015, section 2).

    Args:
        student: [positions, vocabulary], logits.
        teacher: [positions, vocabulary], logits of the same tokens.
        kind: see `divergence`.
        beta: see `divergence`.
        temperature: T, for both.
        top_k: compares the k tokens that are likeliest to the teacher, and all others as one outcome; the
            whole vocabulary where it is None or no more than k.

    Returns:
        [positions], in nats.
    """
    said, wanted = softened(student, temperature), softened(teacher, temperature)
    if top_k is not None and top_k < wanted.shape[-1]:
        tokens = wanted.topk(top_k, dim=-1).indices
        said, wanted = with_rest(said, tokens), with_rest(wanted, tokens)
    return temperature**2 * divergence(wanted, said, kind, beta)


def listed_targets(
    student: torch.Tensor,
    logprobs: torch.Tensor,
    tokens: torch.Tensor,
    rest: torch.Tensor,
    kind: Divergence,
    *,
    beta: float = 0.5,
    top_k: int | None = None,
) -> torch.Tensor:
    """The loss of each position where a teacher tells its likeliest tokens, and what is left for the others.

    The others are one outcome. At a temperature they cannot be softened: it is 1.

    Args:
        student: [positions, vocabulary], logits.
        logprobs: [positions, k], log-probabilities from the likeliest token on; they may be rounded. LEAST
            says that a place is filled only: nothing was told of its token, which is one of the others.
        tokens: [positions, k], their ids.
        rest: [positions], the log-probability of all others together.
        kind: see `divergence`.
        beta: see `divergence`.
        top_k: compares fewer than k; all of them where it is None.

    Returns:
        [positions], in nats.
    """
    if top_k is not None and top_k < tokens.shape[-1]:
        others = torch.cat((logprobs[:, top_k:], rest[:, None]), dim=-1)
        logprobs, tokens, rest = logprobs[:, :top_k], tokens[:, :top_k], others.logsumexp(dim=-1)
    unnamed = logprobs <= LEAST
    wanted = torch.log_softmax(torch.cat((logprobs, rest[:, None]), dim=-1).float(), dim=-1)
    # As unlikely as to the student, or a token of which nothing is known would be the most of a reverse KL.
    wanted = wanted.masked_fill(pad(unnamed, (0, 1)), LEAST)
    return divergence(wanted, with_rest(softened(student, 1.0), tokens, unnamed), kind, beta)
