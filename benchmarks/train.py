"""How fast a student is trained, beside TRL's SFTTrainer alone on the same tokens.

    python -m benchmarks.train [--rows 1200] [--rounds 3] [--hidden 256] [--layers 4] [--distill]

Both train the same small model from the same weights, with the same batches, steps and options; TRL alone has
no checkpoints, no checks and no loss curve. The two take turns. CPU seconds stand beside wall seconds, which
tell on a quiet machine only. Tokens are counted without padding. With --distill both learn soft targets from
a teacher of twice the width; TRL's trainer then gets a loss over all logits, in ten lines.
"""

from __future__ import annotations

import argparse
import copy
import random
import statistics
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.clock import Clock
from synthgen.builtin_teacher.arithmetic import make_problem, work_out
from synthgen.core.progress import Reporter
from synthgen.training.objectives.supervised import Supervised, SupervisedConfig
from synthgen.training.options import TrainingOptions
from synthgen.training.preflight import prepare
from synthgen.training.processes.job import RankContext
from synthgen.training.student import Student, open_student, quiet_libraries
from synthgen.training.student_options import StudentOptions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--distill", action="store_true")
    options = parser.parse_args()
    with quiet_libraries(), tempfile.TemporaryDirectory() as scratch:
        _measure(options, Path(scratch))


def _measure(chosen: argparse.Namespace, folder: Path) -> None:
    rows = list(_rows(chosen.rows))
    init = {"hidden_size": chosen.hidden, "layers": chosen.layers, "heads": 4, "vocab_size": 1024}
    student = open_student(
        StudentOptions.model_validate({"init": init}),
        lambda: (text for row in rows for text in (row["instruction"], row["output"])),
        0,
        False,
    )
    objective: Any = Supervised(SupervisedConfig())
    bare: Any = _bare
    if chosen.distill:
        objective, bare = _distilling(student, folder, chosen)
    arrow = folder / "rows.arrow"
    counted = prepare(
        rows,
        arrow,
        objective=objective,
        tokenizer=student.tokenizer,
        end_ids=student.end_ids,
        max_length=512,
    )
    options = TrainingOptions(epochs=1, batch_size=16, learning_rate=1e-3, max_length=512)
    print(f"{len(rows):,} rows, {counted.tokens:,} tokens, {student.parameters:,} parameters")
    rates: dict[str, list[float]] = {"synthgen": [], "trl": []}
    for number in range(chosen.rounds):
        for name, train in (("synthgen", _ours), ("trl", bare)):
            mine = Student(**{**vars(student), "model": copy.deepcopy(student.model)})
            with (clock := Clock()):
                train(mine, arrow, options, objective, folder / f"{name}-{number}")
            wall = clock.finished - clock.began
            rates[name].append(counted.tokens / wall)
            print(f"{name:<9} {counted.tokens / wall:>9,.0f} tokens/s, {clock.cpu:.1f} s of CPU", flush=True)
    ratios = [mine / bare for mine, bare in zip(rates["synthgen"], rates["trl"], strict=True)]
    print(f"synthgen / trl: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def _rows(number: int) -> Iterator[dict[str, Any]]:
    rng = random.Random(0)
    for index in range(number):
        problem = make_problem(rng)
        yield {
            "id": str(index),
            "instruction": problem.question,
            "output": work_out(problem.question).rationale,
        }


def _ours(student: Student, arrow: Path, options: TrainingOptions, objective: Any, work: Path) -> None:
    from synthgen.training.trainer import train

    work.mkdir()
    context = RankContext("student", work, 0, Reporter("silent"), lambda: 0)
    train(student, arrow, options, objective=objective, context=context)


def _distilling(student: Student, folder: Path, chosen: argparse.Namespace) -> tuple[Any, Any]:
    """The objective with a teacher of twice the width, and TRL's trainer with the same loss."""
    import torch
    from torch.nn.functional import cross_entropy, kl_div, log_softmax
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
    from trl import SFTTrainer

    from synthgen.training.architecture import Source
    from synthgen.training.local_teacher import LocalTeacher
    from synthgen.training.objectives.response import Response, ResponseConfig

    sizes = student.model.config.to_dict()
    for name in ("hidden_size", "intermediate_size"):
        sizes[name] *= 2
    torch.manual_seed(1)
    LlamaForCausalLM(LlamaConfig(**{**sizes, "head_dim": None})).save_pretrained(folder / "teacher")
    teacher = AutoModelForCausalLM.from_pretrained(folder / "teacher").eval().requires_grad_(False)

    class AllLogits(SFTTrainer):  # type: ignore[misc]  # trl has no types
        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            labels = inputs.pop("labels")
            with torch.no_grad():
                wanted = teacher(**inputs, use_cache=False).logits[:, :-1]
            said = model(**inputs, use_cache=False).logits[:, :-1]
            self._metrics["train"]["num_tokens"] = [0]
            learned = labels[:, 1:] != -100
            text = cross_entropy(said.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum")
            apart = kl_div(log_softmax(said, -1), log_softmax(wanted, -1), reduction="none", log_target=True)
            return (0.5 * text + 0.5 * apart.sum(-1)[learned].sum()) / num_items_in_batch

    objective = Response(ResponseConfig(), LocalTeacher("teacher", Source(str(folder / "teacher"))))
    return objective, partial(_bare, trainer_class=AllLogits)


def _bare(
    student: Student,
    arrow: Path,
    options: TrainingOptions,
    objective: Any,
    work: Path,
    trainer_class: Any = None,
) -> None:
    import torch
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    trainer = (trainer_class or SFTTrainer)(
        model=student.model,
        args=SFTConfig(
            output_dir=str(work),
            per_device_train_batch_size=options.batch_size,
            num_train_epochs=options.epochs,
            learning_rate=options.peak_rate,
            lr_scheduler_type=options.schedule,
            warmup_steps=options.warmup,
            max_length=options.max_length,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=not torch.accelerator.is_available(),
            bf16=torch.cuda.is_available(),
            gradient_checkpointing=torch.accelerator.is_available(),
            dataset_kwargs={"skip_prepare_dataset": True},
        ),
        train_dataset=Dataset.from_file(str(arrow)),
        processing_class=student.tokenizer,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()


if __name__ == "__main__":
    main()
