"""Answers are measured in batches, and each batch is told."""

import torch
from datasets import Dataset

from synthgen.training import preference_measure
from synthgen.training.watched import watching


class Model(torch.nn.Module):  # type: ignore[misc]
    """Says of every token that all six are as likely."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, input_ids, attention_mask):
        return type("Output", (), {"logits": torch.zeros(*input_ids.shape, 6)})


def test_how_far_a_measurement_is_is_told_a_batch(monkeypatch):
    monkeypatch.setattr(preference_measure, "BATCH_TOKENS", 6)
    rows = Dataset.from_list([{"input_ids": [[1, 2], [1, 3]], "labels": [[-100, 2], [-100, 3]]}] * 3)
    told = []
    with watching(lambda done, total: told.append((done, total))):
        answers = preference_measure.log_probabilities(Model(), rows, 0)
    assert told == [(3, 6), (6, 6)] and len(answers.good) == len(answers.bad) == 3
