"""A trainer whose student learns what its teacher knows beside the text itself.

The loss is a mean over the learned tokens of one optimizer step, over all its batches and devices. Each model
goes forward once a step. What is compared, and how, is a kind of knowledge; see `knowledge.contract`.

Imports torch and trl: it is imported only once they are known to be there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial, wraps
from types import MethodType
from typing import TYPE_CHECKING, Any

import torch
from trl import SFTTrainer

from synthgen.training.encoding import IGNORED
from synthgen.training.knowledge.contract import Inputs, Knowledge, Lesson, lesson_of
from synthgen.training.own_text import write_batches
from synthgen.training.own_text_options import OwnText
from synthgen.training.token_logits import passed_through
from synthgen.training.validation_loss import measuring, padded
from synthgen.training.watched import WRITING, tell

if TYPE_CHECKING:
    from datasets import Dataset


class TaughtTrainer(SFTTrainer):  # type: ignore[misc]  # trl has no types
    """TRL's trainer with the loss of a kind of knowledge.

    Args:
        knowledge: what is learned beside the text.
        own_text: which steps learn the student's own text in place of the rows', if any do.
        **options: as SFTTrainer takes them.
    """

    _signature_columns: list[str]

    def __init__(self, *, knowledge: Knowledge, own_text: OwnText | None = None, **options: Any) -> None:
        if knowledge.columns:
            pad = options["processing_class"].pad_token_id
            options["data_collator"] = partial(_collated_rows, pad_id=pad, columns=knowledge.columns)
        self.knowledge, self.own_text = knowledge, own_text
        self.writer: Any = None  # what writes the student's own text, where that is not transformers
        self._given = True  # whether the text of the step at hand is the rows'
        super().__init__(**options)
        self._noted: dict[str, torch.Tensor] = {}
        score_positions(self.model)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        known = self._signature_columns
        self._signature_columns = [*known, *(one for one in self.knowledge.columns if one not in known)]

    def train(self, *given: Any, **named: Any) -> Any:
        """See `transformers.Trainer.train`."""
        try:
            return super().train(*given, **named)
        finally:
            if self.writer is not None:
                self.writer.close()
                self.writer = None

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Inputs], Any]:
        """The batches of a step and the tokens that they teach, of the text that is learned."""
        batches, tokens = super().get_batch_samples(epoch_iterator, num_batches, device)
        own = self.own_text
        self._given = own is None or not batches or not own.due(self.state.global_step)
        if self._given or own is None:
            return batches, tokens
        tell(WRITING)
        batches = write_batches(self, batches, own)
        return batches, self._get_num_items_in_batch(batches, device)

    def compute_loss(
        self,
        model: Callable[..., Any],
        inputs: Inputs,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The loss of a batch, as its share of the step's."""
        lesson = lesson_of(inputs, self.knowledge.columns)
        sums = lesson_sums(model, self.knowledge, lesson)
        tokens = lesson.learned.sum() if num_items_in_batch is None else num_items_in_batch
        loss = self.knowledge.loss(sums, self._given) / torch.as_tensor(tokens).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # DDP takes the mean over ranks
        self._note(lesson, sums.detach())
        return (loss, {}) if return_outputs else loss

    def _note(self, lesson: Lesson, sums: torch.Tensor) -> None:
        """Keeps figures for the log, as means over the tokens of all batches since its last entry."""
        mode, learned = "train" if self.model.training else "eval", lesson.learned
        seen = lesson.inputs["attention_mask"].sum() if "attention_mask" in lesson.inputs else learned.numel()
        here = torch.cat([sums.double(), torch.tensor([learned.sum(), seen], device=sums.device).double()])
        here = self.accelerator.gather(here[None]).sum(dim=0)
        kept = self._metrics[mode]
        begun = any(kept.get(name) for name in self.knowledge.figures)  # the log empties them
        self._noted[mode] = self._noted[mode] + here if begun else here
        *total, tokens, _ = self._noted[mode].tolist()
        for name, value in zip(self.knowledge.figures, total, strict=True):
            if self._given or name not in OF_GIVEN_TEXT:
                kept[name] = [value / max(tokens, 1)]
        if mode == "train":
            self._total_train_tokens += int(here[-1])
        self._metrics[mode]["num_tokens"] = [self._total_train_tokens]


def lesson_sums(model: Callable[..., Any], knowledge: Knowledge, lesson: Lesson) -> torch.Tensor:
    """The figures of a batch: [figures], each summed over its learned tokens.

    Args:
        model: the student, in whatever wraps it; `score_positions` has changed its forward.
        knowledge: what is learned.
        lesson: the batch.
    """
    score = partial(knowledge.sums, knowledge.taught(lesson), lesson)
    sums: torch.Tensor = model(
        **lesson.inputs, learned=lesson.learned, score=score, watched=knowledge.watched
    )
    return sums


def score_positions(model: Any) -> None:
    """Has a model's forward, asked with `learned` and `score`, give what that makes of learned positions.

    `watched` names the modules whose outputs `score` reads, too. So asked, the forward goes through whatever
    wraps the model (DDP, FSDP, autocast, adapters), as a call of parts of the model would not.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    plain = base.forward

    @wraps(type(base).forward)  # generate looks at the names that it takes
    def forward(
        self: Any,
        *given: Any,
        learned: Any = None,
        score: Any = None,
        watched: Callable[[Any], Mapping[str, Any]] | None = None,
        **named: Any,
    ) -> Any:
        if score is None:
            return plain(*given, **named)
        modules = watched(self) if watched is not None else {}
        return score(self, passed_through(self, learned, modules, forward=plain, **named))

    base.forward = MethodType(forward, base)


def validation_figures(
    model: Any, knowledge: Knowledge, rows: Dataset, pad_id: int, batch_size: int
) -> dict[str, float]:
    """The loss of the student as it is now and its parts, a token of the validation rows.

    The student's forward has to know `score`; see `score_positions`.
    """
    names = knowledge.figures
    total, tokens = torch.zeros(len(names), dtype=torch.float64), 0
    with measuring(model):
        for start in range(0, len(rows), batch_size):
            batch = collated(rows[start : start + batch_size], pad_id, knowledge.columns)
            placed = {name: value.to(model.device) for name, value in batch.items()}
            lesson = lesson_of(placed, knowledge.columns)
            total += lesson_sums(model, knowledge, lesson).double().cpu()
            tokens += len(lesson.targets)
    mean = total / max(tokens, 1)
    parts = {
        f"validation_{name}": float(value)
        for name, value in zip(names, mean, strict=True)
        if name not in UNMEASURED
    }
    return {"validation_loss": float(knowledge.loss(mean)), **parts}


OF_GIVEN_TEXT = ("cross_entropy", "mean_token_accuracy")
"""Figures that say nothing of a text that the student wrote itself."""
UNMEASURED = ("entropy", "mean_token_accuracy", "teacher_entropy", "teacher_token_accuracy")
"""Figures of each step that are not measured on validation rows."""


def collated(batch: Mapping[str, Any], pad_id: int, columns: tuple[str, ...] = ()) -> Inputs:
    """Prepared rows as one batch, filled on the right, other columns with IGNORED: [rows, width] each."""
    filled = {"input_ids": pad_id, "labels": IGNORED}
    made = {name: padded(batch[name], value) for name, value in filled.items()}
    made["attention_mask"] = padded([[1] * len(row) for row in batch["input_ids"]], 0)
    return {**made, **{name: padded(batch[name], IGNORED) for name in columns}}


def _collated_rows(rows: list[dict[str, Any]], pad_id: int, columns: tuple[str, ...]) -> Inputs:
    """Rows as a trainer's loader gives them, as one batch."""
    names = ("input_ids", "labels", *columns)
    return collated({name: [row[name] for row in rows] for name in names}, pad_id, columns)
