"""Cross entropy on rows that are not trained on, summed by task, and what measuring a model takes.

The loss is computed from hidden states by TRL's head, for a part of the tokens at a time: all logits of 32
rows of 1,000 tokens are 19 GB at 150,000 tokens of vocabulary.

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from synthgen.training.encoding import IGNORED
from synthgen.training.watched import tell_measured

if TYPE_CHECKING:
    from datasets import Dataset

BATCH = 32  # rows that are measured at a time where nothing else is said


class TaskLoss(NamedTuple):
    """One task's cross entropy in nats, summed over its learned tokens, and how many these are."""

    total: float
    tokens: int


def losses_by_task(
    model: torch.nn.Module, rows: Dataset, pad: int, tasks: int = 1, batch_size: int = BATCH
) -> list[TaskLoss]:
    """The loss of each task on rows, as `preflight.prepare` writes them.

    Args:
        model: the student as it is now; its training mode is restored.
        rows: input_ids and labels; lists of one a task where there are several tasks.
        pad: id of the padding token.
        tasks: examples of a row.
        batch_size: rows that are measured at a time; those of training fit into memory.

    Returns:
        A loss for each task.
    """
    totals, learned = [0.0] * tasks, [0] * tasks
    with measuring(model):
        for start in range(0, len(rows), batch_size):
            batch = rows[start : start + batch_size]
            for task in range(tasks):
                tokens, labels = (
                    [row[task] for row in batch[name]] if tasks > 1 else batch[name]
                    for name in ("input_ids", "labels")
                )
                loss = _batch_loss(model, tokens, labels, pad)
                totals[task] += loss.total
                learned[task] += loss.tokens
            tell_measured(min(start + batch_size, len(rows)), len(rows))
    return [TaskLoss(total, number) for total, number in zip(totals, learned, strict=True)]


def _batch_loss(
    model: torch.nn.Module, tokens: list[list[int]], labels: list[list[int]], pad: int
) -> TaskLoss:
    ids = padded(tokens, pad).to(model.device)  # [rows, width]
    attention = padded([[1] * len(row) for row in tokens], 0).to(model.device)  # [rows, width]
    targets = padded(labels, IGNORED).to(model.device)  # [rows, width]
    learned = int((targets[:, 1:] != IGNORED).sum())
    if _has_fused_head(model):
        output = model(input_ids=ids, attention_mask=attention, labels=targets, fused_lm_head=True)
        return TaskLoss(-float(output.log_probs.sum(dtype=torch.float64)), learned)
    total = 0.0
    for row in range(len(tokens)):  # one at a time: logits are [1, width - 1, vocabulary]
        logits = model(input_ids=ids[row : row + 1], attention_mask=attention[row : row + 1]).logits[0, :-1]
        total += torch.nn.functional.cross_entropy(
            logits.float(), targets[row, 1:], ignore_index=IGNORED, reduction="sum"
        ).item()
    return TaskLoss(total, learned)


def _has_fused_head(model: torch.nn.Module) -> bool:
    """Whether TRL's trainer gave the model a head that computes log-probabilities in parts."""
    while not hasattr(model, "get_output_embeddings") and hasattr(model, "module"):
        model = model.module  # type: ignore[assignment]  # a wrapper of several devices
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    forward = getattr(base.forward, "__func__", base.forward)
    return "fused_lm_head" in forward.__code__.co_varnames


@contextmanager
def measuring(model: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients or routers' scores; the modes from before afterwards."""
    training = model.training
    config: Any = getattr(getattr(model, "module", model), "config", None)
    configs = [config, config.get_text_config()] if config is not None else []
    scored = [one for one in configs if getattr(one, "output_router_logits", False)]
    model.eval()
    for one in scored:
        one.output_router_logits = False
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)
        for one in scored:
            one.output_router_logits = True


def padded(rows: list[list[int]], value: int, left: bool = False) -> torch.Tensor:
    """Rows of unequal length as one tensor [rows, longest], filled with `value` on the right or the left."""
    width = max(len(row) for row in rows)
    return torch.tensor(
        [[value] * (width - len(row)) + row if left else row + [value] * (width - len(row)) for row in rows]
    )
