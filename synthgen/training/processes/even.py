"""Batches that several ranks can share, where the rows of an epoch do not fill the last one.

accelerate fills it with the epoch's first rows, which would be learned twice. Here it is filled with rows
that teach nothing: all their labels are ignored. So a step learns from the same rows, with the same weights,
however many ranks there are.

Imports torch, accelerate and datasets: it is imported only once they are known to be there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from accelerate.data_loader import SeedableRandomSampler
from datasets import Dataset, concatenate_datasets
from torch.utils.data import Sampler

from synthgen.training.encoding import IGNORED

WIDTH = 2  # tokens of a row that teaches nothing; a loss needs one to predict another from
OF_BLANK = {
    "seq_lengths": [WIDTH],
    **{"label": True, "other": -1},  # a single answer: good, crossed with itself
    "teacher_prompt": [],
    **{"ref_chosen_logps": 0.0, "ref_rejected_logps": 0.0},
}
"""What other columns hold in a row that teaches nothing."""


class FilledSampler(Sampler[int]):  # type: ignore[misc]  # accelerate has no types
    """The order of one process for `rows` rows, and then the numbers of the rows that fill the last batch."""

    def __init__(self, rows: int, filled: int, seed: int) -> None:
        self._order = SeedableRandomSampler(range(rows), data_seed=seed)
        self._rows, self._filled = rows, filled

    def __iter__(self) -> Iterator[int]:
        yield from self._order
        yield from range(self._rows, self._filled)

    def __len__(self) -> int:
        return self._filled

    def set_epoch(self, epoch: int) -> None:
        """As every sampler that accelerate makes."""
        self._order.set_epoch(epoch)


def fill_last_batch(trainer: Any, batch: int, seed: int) -> int:
    """Adds rows that teach nothing to a trainer's rows, until they make whole batches.

    Args:
        trainer: a trainer of transformers, before it trains.
        batch: rows of a batch over all ranks.
        seed: of the order of the rows.

    Returns:
        The tokens that were added to an epoch.
    """
    rows: Dataset = trainer.train_dataset
    count = len(rows)
    missing = -count % batch
    if not missing:
        return 0
    blank = blank_row(rows[0])
    trainer.train_dataset = concatenate_datasets(
        [rows, Dataset.from_list([blank] * missing, features=rows.features)]
    )
    if trainer.args.train_sampling_strategy != "sequential":  # there they are the last ones already
        plain = trainer.get_train_dataloader

        def filled() -> Any:
            loader = plain()
            loader.set_sampler(FilledSampler(count, count + missing, seed))
            return loader

        trainer.get_train_dataloader = filled
    several = isinstance(blank["input_ids"][0], list)
    return missing * WIDTH * (len(blank["input_ids"]) if several else 1)


def blank_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the same columns that teaches nothing: of one example, or of several."""
    tokens = row["input_ids"]
    if isinstance(tokens[0], list):
        filler: dict[str, Any] = {
            "input_ids": [[example[0]] * WIDTH for example in tokens],
            "labels": [[IGNORED] * WIDTH for _ in tokens],
        }
    else:
        filler = {"input_ids": [tokens[0]] * WIDTH, "labels": [IGNORED] * WIDTH}
    return {**filler, **{name: value for name, value in OF_BLANK.items() if name in row}}
