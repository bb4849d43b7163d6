"""The training itself, on TRL: built from options, resumed from the newest whole checkpoint.

Imports torch, transformers and trl: it is imported only once they are known to be there (see
`student.quiet_libraries`).
"""

from __future__ import annotations

import atexit
import dataclasses
import gc
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import torch
from accelerate import PartialState
from transformers import PrinterCallback

from synthgen.core.errors import ConfigError, Fault, Interrupted, StageFailed, first_line, nearest
from synthgen.core.progress import Reporter
from synthgen.store.publish import write_whole
from synthgen.training import checkpoints
from synthgen.training.architecture import count_experts, freeze_other_parts
from synthgen.training.attached import attached_to, own_weights
from synthgen.training.context import RunContext
from synthgen.training.follow import Counters, Follower, Measure, cut_metrics, read_counters
from synthgen.training.ignored_options import ignored_options
from synthgen.training.kept import Snapshots, snapshots_folder
from synthgen.training.mixture import trained_rows
from synthgen.training.options import RESERVED, TrainingOptions
from synthgen.training.processes.collective import leads, of_first
from synthgen.training.processes.even import fill_last_batch
from synthgen.training.processes.weights import save_trained
from synthgen.training.restoring import require_attached, restore_weights, stored_under_other_names
from synthgen.training.student import Student
from synthgen.training.watched import hearing

if TYPE_CHECKING:
    from peft import LoraConfig

    from synthgen.training.objectives.contract import Objective

TORCHRUN = "say processes: N, or start synthgen with torchrun --nproc-per-node N -m synthgen …"


@dataclass(frozen=True)
class Trained:
    """What came of a training: its last step, tokens seen, CPU threads, and the best measurement if any."""

    steps: int
    tokens: int
    threads: int
    trained: int
    """Weights that were trained."""
    best: float | None
    best_step: int


def train(
    student: Student,
    arrow: Path,
    options: TrainingOptions,
    *,
    objective: Objective,
    context: RunContext,
    measure: Measure | None = None,
    leave: Path | None = None,
) -> Trained:
    """Trains `student` in place; everything that must outlive a kill is in `context.work`.

    The loss curve grows in `metrics.jsonl` there: an entry a step, no times in it, the same whether or not
    the training was interrupted.

    Args:
        student: the model, with its tokenizer.
        arrow: the rows' tokens, as `preflight.prepare` writes them for the objective.
        options: how it is trained.
        objective: what is learned, by which loss.
        context: of the run.
        measure: how the student is measured on validation rows, if there are any.
        leave: where the trained weights are written for another process, if they are.

    Returns:
        The figures of the training.

    Raises:
        Interrupted: a signal asked to stop; a checkpoint was written first.
        StageFailed: the loss became no number, or memory was not enough.
    """
    stage, work, reporter = context.stage_id, context.work, context.reporter
    folder, metrics = work / "checkpoints", work / "metrics.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    rows = trained_rows(arrow)
    with _threads(options.threads, work) as threads:
        promised = _promised_processes()
        seed = context.seed if options.seed is None else options.seed
        arguments = _arguments(options, objective, promised, seed, folder, _packs_apart(student, options))
        if arguments.world_size != promised:
            raise StageFailed(
                f"{promised} processes were launched, but {arguments.world_size} would train", next=TORCHRUN
            )
        if promised > 1:
            atexit.register(_leave_group)
        _use_one_device(arguments, stage, reporter)
        trainer = objective.trainer()(
            model=student.model,
            args=arguments,
            train_dataset=rows,
            processing_class=student.tokenizer,
            peft_config=_adapters(student, options),
        )
        trainer.remove_callback(PrinterCallback)
        trained = _announce(trainer.model, options, context)
        unlearned = 0
        if promised > 1 and not arguments.dataloader_drop_last:
            unlearned = fill_last_batch(trainer, options.batch_size, seed)
        checkpoint = of_first(checkpoints.newest_whole(folder, reporter.say) if leads() else None)
        counters, start = (
            (read_counters(checkpoint), checkpoints.step_of(checkpoint)) if checkpoint else (Counters(), 0)
        )
        if leads():
            cut_metrics(metrics, start)
        snapshots = None
        if options.keep:  # one more than are kept: one of them may be the model
            write = partial(save_trained, trainer)
            snapshots = Snapshots(snapshots_folder(work), options.keep + 1, write, leads())
            snapshots.cut(start)
        if checkpoint:
            reporter.say(f"{stage}: continuing from step {start:,}")
            require_attached(trainer.model, checkpoint)
            if options.method == "full" and stored_under_other_names(trainer.model, checkpoint):
                restore_weights(trainer.model, checkpoint, options.method)
        early = options.early_stopping
        per_epoch = max(
            1, math.ceil(len(trainer.get_train_dataloader()) / arguments.gradient_accumulation_steps)
        )
        steps = arguments.max_steps if arguments.max_steps > 0 else math.ceil(per_epoch * options.epochs)
        if steps == 1:
            trainer.args.warmup_steps = 0  # warm-up begins at a rate of 0, which would be all of the training
        with reporter.stage(stage, steps, "steps") as progress:
            progress.update(done=start, reused=start)
            follower = Follower(
                folder,
                metrics,
                counters,
                progress,
                context.stopping,
                measure,
                options.measure_every or per_epoch,
                early,
                unlearned,
                options.publish == "best",
                snapshots,
            )
            trainer.add_callback(follower)
            try:
                stopped = checkpoint and early and counters.without_gain >= early.patience
                if not stopped and checkpoint and start >= steps and start % per_epoch:
                    # Trainer looks for the end behind each step, so it would take one more in mid-epoch.
                    restore_weights(trainer.model, checkpoint, options.method)
                elif not stopped:
                    with hearing(lambda note: progress.update(note=note)):
                        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            finally:
                follower.close()
        if follower.stopped:
            raise Interrupted(follower.stopped)
        if follower.keep_best and counters.best_step:
            restore_weights(trainer.model, folder / f"checkpoint-{counters.best_step}", options.method)
        if leave is not None:
            save_trained(trainer, leave)
        student.model = trainer.accelerator.unwrap_model(trainer.model)
        student.model.eval()
        return Trained(
            max(trainer.state.global_step, start),
            counters.tokens,
            threads,
            trained,
            counters.best,
            counters.best_step,
        )


def unknown_options(options: TrainingOptions, objective: Objective) -> list[Fault]:
    """Names under `trainer` that TRL's config for the objective does not know, or that nobody would read."""
    config, _ = objective.config()
    known = {field.name for field in dataclasses.fields(config)}
    suggestions = {name: nearest(name, known - RESERVED) for name in sorted(set(options.trainer) - known)}
    return ignored_options(options.trainer) + [
        Fault(
            f"trainer: unknown option {name!r}",
            "",
            f"did you mean {suggestion!r}?" if suggestion else f"see the fields of TRL's {config.__name__}",
        )
        for name, suggestion in suggestions.items()
    ]


def _packs_apart(student: Student, options: TrainingOptions) -> bool:
    """Whether packed sequences go through the model one by one.

    TRL joins those of a batch into one sequence. Flash attention keeps its rows apart at no cost; any other
    attention computes all pairs of tokens in it (0.31 of the speed of plain batches, measured on CPU at 16
    sequences of 512; one by one 1.23).
    """
    attention = str(getattr(student.model.config, "_attn_implementation", "") or "")
    return options.packing and "flash" not in attention and "flex" not in attention


def _arguments(
    options: TrainingOptions,
    objective: Objective,
    processes: int,
    seed: int,
    folder: Path,
    apart: bool = False,
) -> Any:
    """TRL's config: our values, those of the objective, and those under `trainer`."""
    if faults := unknown_options(options, objective):
        raise ConfigError.of(faults)
    config, values = objective.config()
    accelerated = torch.accelerator.is_available()
    rows = max(1, options.batch_size // processes)
    ours: dict[str, Any] = {
        "output_dir": str(folder),
        "per_device_train_batch_size": 1 if apart else rows,
        "gradient_accumulation_steps": options.gradient_accumulation * (rows if apart else 1),
        "num_train_epochs": options.epochs,
        "learning_rate": options.peak_rate,
        "lr_scheduler_type": options.schedule,
        "warmup_steps": options.warmup,
        "max_length": options.max_length,
        "packing": options.packing,
        "seed": seed,
        "data_seed": seed,
        "save_strategy": "steps",
        "save_steps": options.save_every,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "report_to": list(options.report_to) if leads() else [],
        "disable_tqdm": True,
        "dataset_kwargs": {"skip_prepare_dataset": not options.packing},
    }
    ours["packing_strategy"] = "bfd"  # "wrapped" lets a row see the one before it
    ours["logging_nan_inf_filter"] = False  # a loss that is no number must be seen
    ours["use_cpu"] = not accelerated
    ours["bf16"] = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    ours["gradient_checkpointing"] = accelerated
    ours["dataloader_pin_memory"] = accelerated
    known = {field.name for field in dataclasses.fields(config)}
    try:
        ours = {name: value for name, value in ours.items() if name in known}
        return config(**{**ours, **values, **options.trainer})
    except (TypeError, ValueError) as fault:
        raise ConfigError(
            f"TRL does not accept these options: {first_line(fault)}",
            next="see trainer: in the options of sft",
        ) from fault


def _use_one_device(arguments: Any, stage: str, reporter: Reporter) -> None:
    """Has one process use one device: transformers would use all by DataParallel, which TRL refuses."""
    if arguments.n_gpu > 1:
        reporter.say(
            f"{stage}: trains on one of {arguments.n_gpu} GPUs; processes: {arguments.n_gpu} uses them all"
        )
        arguments._n_gpu = 1


def _adapters(student: Student, options: TrainingOptions) -> LoraConfig | None:
    """The adapters of a student; None where all weights are trained, but those that text does not reach."""
    count_experts(student.model)
    if options.method != "lora":
        freeze_other_parts(student.model)
        return None
    from synthgen.training.adapters import lora_config

    return lora_config(student.model, options.lora, student.new_tokens)


def _announce(model: Any, options: TrainingOptions, context: RunContext) -> int:
    """Says how much of a model is trained, and keeps adapters that change the base as they start."""
    own, part = own_weights(model), attached_to(model)
    trained = int(sum(weight.numel() for weight in own if weight.requires_grad))
    every = sum(weight.numel() for weight in own)
    beside = part.parameters() if part is not None else ()
    more = sum(weight.numel() for weight in beside if weight.requires_grad)
    context.reporter.say(
        f"{context.stage_id}: {trained:,} of {every:,} weights are trained ({trained / every:.2%})"
        + (f", and with them {more:,} that are no part of the model" if more else "")
    )
    if options.method == "lora":
        from synthgen.training.adapters import complete_head, keep_start, reach

        complete_head(model)
        if note := reach(model, options.lora):
            context.reporter.say(f"{context.stage_id}: {note}")
        keep_start(model, options.lora, context.work)
    return trained


@contextmanager
def _threads(wanted: int | None, work: Path) -> Iterator[int]:
    """Pins torch's thread count, on which weights' last bits depend; a resumed training keeps its first."""
    record = work / "threads.json"
    try:
        recorded = orjson.loads(record.read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        recorded = None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = wanted or recorded or max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    if threads != recorded and os.environ.get("RANK", "0") == "0":
        write_whole(record, orjson.dumps(threads))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield threads
    finally:
        torch.set_num_threads(before)


def _promised_processes() -> int:
    """How many processes a launcher promised; refuses one whose processes would not find each other."""
    promised = int(os.environ.get("WORLD_SIZE", "1"))
    if promised > 1 and not torch.distributed.is_torchelastic_launched():
        raise StageFailed(f"{promised} processes were launched, but each would train alone", next=TORCHRUN)
    return promised


def _leave_group() -> None:
    """Ends the group of processes; left to the interpreter, its threads abort about every second process."""
    gc.collect()  # what trained may still hold the group in a reference cycle
    PartialState().destroy_process_group()
