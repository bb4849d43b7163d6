"""How a student takes answers that it is not trained on: which of two it finds likelier, and since when.

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from synthgen.training.encoding import IGNORED
from synthgen.training.follow import Measure
from synthgen.training.validation_loss import measuring, padded
from synthgen.training.watched import tell_measured

if TYPE_CHECKING:
    from datasets import Dataset

BATCH_TOKENS = 8192  # of the sequences that are measured at a time, padding included


class Answers(NamedTuple):
    """Log probabilities in nats, summed over an answer's tokens, of good and of bad answers.

    In rows that are pairs, the two stand at the same place.
    """

    good: list[float]
    bad: list[float]
    paired: bool


def preference_measure(model: torch.nn.Module, rows: Dataset, pad: int, beta: float) -> Measure:
    """The measure of a student that learns preferences.

    Its figures are means: `chosen_logprob` and `rejected_logprob`; `prefers_chosen`, the share of pairs whose
    chosen answer is likelier than the rejected one; `reward_accuracy`, the share whose chosen answer gained
    more since the start than the rejected one; `reward_margin`, by how much, times beta. Rows without pairs
    compare every good answer with every bad one.

    Args:
        model: the student before training; it is looked at once.
        rows: held-out rows, as `preflight.prepare` writes them.
        pad: id of the padding token.
        beta: what a gain in log probability is multiplied by.
    """
    if torch.accelerator.is_available():
        model.to(torch.accelerator.current_accelerator())
    start = log_probabilities(model, rows, pad)
    return Measure(
        "reward_accuracy",
        True,
        lambda now: figures(log_probabilities(now, rows, pad), start, beta),
        start=figures(start, start, beta),
    )


def log_probabilities(model: torch.nn.Module, rows: Dataset, pad: int) -> Answers:
    """The log probabilities of the answers in rows of a good and a bad one, either of which may be absent."""
    texts: list[tuple[int, list[int], list[int]]] = []
    paired = True
    for row in rows:
        for side in (0, 1):
            if row["input_ids"][side]:
                texts.append((side, row["input_ids"][side], row["labels"][side]))
            else:
                paired = False
    sides: tuple[list[float], list[float]] = ([], [])
    with measuring(model):
        for batch in _batches(texts):
            values = _sums(model, [ids for _, ids, _ in batch], [labels for *_, labels in batch], pad)
            for (side, *_), value in zip(batch, values, strict=True):
                sides[side].append(value)
            tell_measured(sum(len(values) for values in sides), len(texts))
    return Answers(sides[0], sides[1], paired)


def _batches(texts: Sequence[tuple[int, list[int], list[int]]]) -> list[list[Any]]:
    batches: list[list[Any]] = []
    width = 0
    for text in texts:
        width = max(width, len(text[1]))
        if not batches or width * (len(batches[-1]) + 1) > BATCH_TOKENS:
            batches.append([])
            width = len(text[1])
        batches[-1].append(text)
    return batches


def _sums(model: torch.nn.Module, tokens: list[list[int]], labels: list[list[int]], pad: int) -> list[float]:
    device = next(model.parameters()).device
    ids = padded(tokens, pad).to(device)  # [answers, width]
    attention = padded([[1] * len(row) for row in tokens], 0).to(device)
    targets = padded(labels, IGNORED).to(device)[:, 1:]  # [answers, width - 1]
    logits = model(input_ids=ids, attention_mask=attention).logits[:, :-1].float()  # [..., vocabulary]
    losses = torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), ignore_index=IGNORED, reduction="none"
    )
    sums: list[float] = (-losses.reshape(targets.shape).double().sum(dim=1)).tolist()
    return sums


def figures(now: Answers, start: Answers, beta: float) -> Mapping[str, float]:
    """The figures of `preference_measure`; shares and margins only where there are good and bad answers."""
    found: dict[str, float] = {}
    if now.good:
        found["chosen_logprob"] = _mean(now.good)
    if now.bad:
        found["rejected_logprob"] = _mean(now.bad)
    gains = [
        [beta * (value - before) for value, before in zip(values, earlier, strict=True)]
        for values, earlier in ((now.good, start.good), (now.bad, start.bad))
    ]
    compared = bool(now.good and now.bad)
    if now.paired and compared:
        found["prefers_chosen"] = _above(now.good, now.bad, True)
    found["reward_accuracy"] = _above(gains[0], gains[1], now.paired) if compared else 0.0
    found["reward_margin"] = _mean(gains[0]) - _mean(gains[1]) if compared else 0.0
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _above(ones: Sequence[float], others: Sequence[float], paired: bool) -> float:
    """How often a value is above another: place by place, or each against each; a tie counts one half."""
    if paired:
        wins = [(one > other) + 0.5 * (one == other) for one, other in zip(ones, others, strict=True)]
        return _mean(wins)
    below = torch.tensor(others, dtype=torch.float64)
    return _mean(
        [float((below < one).double().mean() + 0.5 * (below == one).double().mean()) for one in ones]
    )
