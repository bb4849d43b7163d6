"""How far a student's hidden states are from its teacher's, at each position.

FitNets (Romero et al. 2015, arXiv 1412.6550) and TinyBERT (Jiao et al. 2020, arXiv 1909.10351) take the mean
square; the angle between both is what DistilBERT takes (Sanh et al. 2019, arXiv 1910.01108).

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

from typing import Literal

import torch

Kind = Literal["mse", "cosine"]

EPSILON = 1e-6
"""Added to a mean square, as models' own norms do, so that a state of zeros has a gradient."""


def unit_scale(states: torch.Tensor) -> torch.Tensor:
    """States whose mean square is 1 at each position, as a block's own norm hands them to it.

    In the models of the papers each block ends with a norm. Today's begin with one, and what runs between
    their blocks has any size: it grows with depth, and differs from model to model by powers of ten.

    Args:
        states: [positions, size].

    Returns:
        [positions, size], in single precision.
    """
    states = states.float()
    return states * torch.rsqrt(states.square().mean(dim=-1, keepdim=True) + EPSILON)


def hidden_loss(student: torch.Tensor, teacher: torch.Tensor, kind: Kind) -> torch.Tensor:
    """The loss of each position.

    Args:
        student: [positions, size], projected to the teacher's size.
        teacher: [positions, size], of unit scale.
        kind: mse is the mean square of the difference, 1 for a student that says 0; cosine is 1 minus the
            cosine of the angle between both.

    Returns:
        [positions].
    """
    if kind == "cosine":
        return 1 - torch.cosine_similarity(student, teacher, dim=-1)
    return (student - teacher).square().mean(dim=-1)
