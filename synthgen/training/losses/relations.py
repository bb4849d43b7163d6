"""How alike the relations between positions are in a student and its teacher, whatever their sizes.

Relations of queries, keys and values are MiniLMv2's (Wang et al. 2021, arXiv 2012.15828), those of distances
and angles relational knowledge distillation (Park et al. 2019, arXiv 1904.05068).

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

import torch
from torch.nn.functional import huber_loss

FAR = -1e9
"""The score of a position that is not looked at: its share is 0, and no difference of two is infinite."""
TINY = 1e-12
"""The least square of a distance: the root's gradient at 0 is infinite."""


def relations(states: torch.Tensor, seen: torch.Tensor, heads: int, of: slice = slice(None)) -> torch.Tensor:
    """How much positions have to do with those that they see, by heads of queries, keys or values.

    Args:
        states: [rows, width, size]; heads divide size.
        seen: [rows, positions, width], true where one of `of` sees one of all.
        heads: relation heads: parts that size is cut into, whatever heads the attention has.
        of: the positions whose relations are wanted.

    Returns:
        [rows, heads, positions, width], log-probabilities over what is seen.
    """
    rows, width, size = states.shape
    parts = states.float().view(rows, width, heads, size // heads).transpose(1, 2)
    scores = parts[:, :, of] @ parts.transpose(-1, -2) / (size // heads) ** 0.5
    return torch.log_softmax(scores.masked_fill(~seen[:, None], FAR), dim=-1)


def relation_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """KL(teacher, student) of each position's relations, the mean over heads.

    Args:
        student: [rows, heads, positions, width], log-probabilities.
        teacher: the same.

    Returns:
        [rows, positions], in nats.
    """
    return (teacher.exp() * (teacher - student)).sum(dim=-1).mean(dim=1)


def distance_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """The mean Huber loss of the distances between points, each as a share of the mean distance.

    Args:
        student: [points, size].
        teacher: [points, its size].

    Returns:
        One number; 0 where there are less than two points.
    """
    if len(student) < 2:
        return student.sum() * 0.0
    return huber_loss(_distances(student), _distances(teacher))


def _distances(points: torch.Tensor) -> torch.Tensor:
    """[pairs], the distance of each pair as a share of the mean."""
    points = points.float()
    first, second = torch.triu_indices(len(points), len(points), 1, device=points.device)
    found = (points[first] - points[second]).square().sum(dim=-1).clamp(min=TINY).sqrt()
    return found / found.mean()


def angle_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """The mean Huber loss of the cosines of the angles between points, over all triples.

    Args:
        student: [points, size].
        teacher: [points, its size].

    Returns:
        One number; 0 where there are less than three points.
    """
    if len(student) < 3:
        return student.sum() * 0.0
    number = len(student)
    same = torch.eye(number, dtype=torch.bool, device=student.device)
    three = ~(same[:, :, None] | same[:, None, :] | same[None, :, :])  # [middle, one, other]
    apart = huber_loss(_angles(student), _angles(teacher), reduction="none")
    return (apart * three).sum() / three.sum()  # picking the triples out would take longer than all else


def _angles(points: torch.Tensor) -> torch.Tensor:
    """[middle, one, other], the cosine of the angle at a middle point between two others."""
    points = points.float()
    sides = points[None] - points[:, None]  # [middle, one, size]
    length = sides.square().sum(dim=-1, keepdim=True).clamp(min=TINY).sqrt()
    units = sides / length
    return units @ units.transpose(-1, -2)
