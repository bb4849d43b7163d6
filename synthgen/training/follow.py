"""What happens beside each training step: the loss curve, measurements, sealing checkpoints, and stopping.

Imports transformers: it is imported only once that is known to be there.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from synthgen.core.errors import StageFailed
from synthgen.core.progress import Progress
from synthgen.store.jsonl import AppendLog, read_log
from synthgen.training import checkpoints
from synthgen.training.kept import Snapshots
from synthgen.training.options import EarlyStopping
from synthgen.training.pace import Pace
from synthgen.training.processes.collective import largest, leads, of_first, wait_for_all
from synthgen.training.watched import watching

if TYPE_CHECKING:
    from torch.nn import Module

COUNTERS = "synthgen.json"  # beside the trainer's own state in each checkpoint
KEPT_CHECKPOINTS = 2
OF_EACH_STEP = {
    "grad_norm": "gradient_norm",
    "mean_token_accuracy": "token_accuracy",
    "entropy": "entropy",
    "cross_entropy": "cross_entropy",
    "divergence": "divergence",
    "feature": "feature",
    "relation": "relation",
    "teacher_cross_entropy": "teacher_cross_entropy",
    "teacher_divergence": "teacher_divergence",
    "teacher_entropy": "teacher_entropy",
    "teacher_token_accuracy": "teacher_token_accuracy",
    "own_tokens": "own_tokens",
    "own_length": "own_length",
    "own_cut": "own_cut",
}
"""What the trainer logs of a step -> its name in the loss curve.

The gradient's norm before it is clipped; the share of learned tokens that the student itself would have
said; and how undecided it was, in nats a token. Of text that the student wrote itself: its tokens, the
mean length of a text, and the share of texts that were cut.
"""
OF_PREFERENCES = {
    "rewards/accuracies": "reward_accuracy",
    "rewards/margins": "reward_margin",
    "logps/chosen": "chosen_logprob",
    "logps/rejected": "rejected_logprob",
    "log_odds_ratio": "log_odds_ratio",
}
"""What the trainer calls a batch's figures -> what the loss curve calls them."""


@dataclass
class Counters:
    """The counters that the trainer itself would start again from 0 after a resume."""

    tokens: int = 0
    best: float | None = None
    best_step: int = 0
    without_gain: int = 0

    def better(self, value: float, higher: bool, gain: float) -> bool:
        """Whether a measurement beats the best one so far by more than `gain`."""
        if self.best is None:
            return True
        return value > self.best + gain if higher else value < self.best - gain


def read_counters(checkpoint: Path) -> Counters:
    """The counters as they stood at a checkpoint."""
    return Counters(**orjson.loads((checkpoint / COUNTERS).read_bytes()))


def cut_metrics(path: Path, step: int) -> None:
    """Drops the entries of steps after `step`, which will be made again."""
    kept = [entry for entry in read_log(path) if entry["step"] <= step]
    aside = path.with_name(f".{path.name}")
    aside.write_bytes(b"".join(orjson.dumps(entry) + b"\n" for entry in kept))
    os.replace(aside, path)


@dataclass(frozen=True)
class Measure:
    """How a student is measured on rows that it is not trained on."""

    name: str
    """The figure that says which measurement is the best: validation_loss, say."""
    higher: bool
    """Whether a higher value is better."""
    of: Callable[[Module], Mapping[str, float]]
    """Figure -> value, the named one among them."""
    start: Mapping[str, Any] = field(default_factory=dict)
    """The figures before training, where the measure looks at the student then."""


class Follower(TrainerCallback):  # type: ignore[misc]  # transformers has no types
    """Follows one training; see the module's text.

    Args:
        folder: where the trainer writes checkpoints.
        metrics: the loss curve's file.
        counters: the counters to continue from.
        progress: where it is shown.
        stopping: 0, or the number of the signal that asked to stop.
        measure: how the student is measured, if it is.
        every: steps between measurements.
        early: when to stop early, if at all.
        unlearned: tokens of an epoch that only fill its last batch; see `processes.even`.
        keep_best: whether the checkpoint of the best measurement is kept.
        snapshots: where the weights are kept at each measurement, if they are.
    """

    def __init__(
        self,
        folder: Path,
        metrics: Path,
        counters: Counters,
        progress: Progress,
        stopping: Callable[[], int],
        measure: Measure | None,
        every: int,
        early: EarlyStopping | None,
        unlearned: int = 0,
        keep_best: bool = False,
        snapshots: Snapshots | None = None,
    ) -> None:
        self.folder, self.metrics, self.counters = folder, metrics, counters
        self.progress, self.stopping = progress, stopping
        self.measure, self.every, self.early = measure, every, early
        self.keep_best, self.snapshots = keep_best or early is not None, snapshots
        self.stopped = 0  # the number of the signal that ended the training
        self._tokens_before = counters.tokens
        self._unlearned, self._epochs_before = unlearned, 0
        self._pace, self._untimed = Pace(0, 0), (0, 0)
        self._log = AppendLog(metrics) if leads() else None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Module | None = None,
        **_: Any,
    ) -> None:
        """Notes where the training goes on, and measures the student before its first step."""
        self._epochs_before = _whole_epochs(state)
        self._pace = Pace(state.max_steps, self.every if self.measure is not None else 0)
        if self.measure is not None and state.global_step == 0:
            self._write({"step": 0, **self._measured(self.measure, model, 0)})

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Module | None = None,
        **_: Any,
    ) -> TrainerControl:
        """Measures where it is time to, and asks for a checkpoint and the end where a signal came."""
        step = state.global_step
        self._pace.step()
        if step % self.every == 0 or step == state.max_steps:
            if self.measure is not None:
                self._measure(self.measure, step, model, control)
            if self.snapshots is not None and (step < state.max_steps or self.keep_best):
                self.snapshots.take(step)
        if signal := largest(self.stopping(), args.device):
            self.stopped = signal
            control.should_save = True
            control.should_training_stop = True
        return control

    def _measured(self, measure: Measure, model: Module, step: int) -> dict[str, float]:
        """The student's measurements as it is now."""
        later = self._pace.left(step)
        self.progress.update(done=step, note="measuring on the validation rows")
        with self._pace.measuring() as rest:

            def show(done: int, total: int) -> None:
                left = later + rest(done / total) if later is not None else None
                self.progress.update(left=left, note=f"measured {done:,}/{total:,} validation rows")

            with watching(show):
                values: dict[str, float] = of_first(dict(measure.of(model)))  # devices' last bits may differ
        return values

    def _measure(self, measure: Measure, step: int, model: Module, control: TrainerControl) -> None:
        values = self._measured(measure, model, step)
        value = values[measure.name]
        self._write({"step": step, **values})
        counters, early = self.counters, self.early
        if counters.better(value, measure.higher, early.min_gain if early else 0.0):
            counters.best, counters.best_step, counters.without_gain = value, step, 0
            control.should_save = control.should_save or self.keep_best
        else:
            counters.without_gain += 1
        if early is not None:
            control.should_save = True
            if counters.without_gain >= early.patience:
                control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Adds a step to the loss curve.

        Raises:
            StageFailed: the loss is no number any more.
        """
        if not logs or "loss" not in logs:
            return
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise StageFailed(
                f"the loss became {loss} at step {state.global_step:,}",
                str(self.metrics),
                "lower learning_rate, or raise warmup",
            )
        fillers = self._unlearned * (_whole_epochs(state) - self._epochs_before)
        self.counters.tokens = self._tokens_before + int(logs["num_tokens"]) - fillers
        self._write(
            {
                "step": state.global_step,
                "epoch": state.epoch,
                "loss": loss,
                "learning_rate": logs["learning_rate"],
                "tokens": self.counters.tokens,
                **{ours: float(logs[name]) for name, ours in OF_EACH_STEP.items() if name in logs},
                **{ours: float(logs[name]) for name, ours in OF_PREFERENCES.items() if name in logs},
            }
        )
        if not self._pace.steps:  # the first step of this process, which tells no rate
            self._untimed = state.global_step, self.counters.tokens
        self.progress.update(
            done=state.global_step,
            reused=self._untimed[0],
            total=state.max_steps,
            tokens=self.counters.tokens - self._untimed[1],
            note=f"loss {loss:.3f}",
            seconds=self._pace.seconds,
            left=self._pace.left(state.global_step),
        )

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Seals the checkpoint that the trainer has just written, and removes older ones."""
        wait_for_all()  # each has written its part
        if leads():
            self._seal(state)
        wait_for_all()  # one that ended meanwhile would have the others ended, too

    def _seal(self, state: TrainerState) -> None:
        checkpoint = self.folder / f"checkpoint-{state.global_step}"
        self._flush_metrics()
        (checkpoint / COUNTERS).write_bytes(orjson.dumps(asdict(self.counters)))
        checkpoints.seal(checkpoint)
        checkpoints.prune(self.folder, KEPT_CHECKPOINTS, (self.counters.best_step,) if self.keep_best else ())

    def _flush_metrics(self) -> None:
        handle = os.open(self.metrics, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _write(self, entry: dict[str, Any]) -> None:
        if self._log is not None:
            self._log.append(entry)

    def close(self) -> None:
        """Closes the loss curve's file."""
        if self._log is not None:
            self._log.close()


def _whole_epochs(state: TrainerState) -> int:
    return math.floor((state.epoch or 0) + 1e-9)
