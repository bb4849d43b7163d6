"""How fast a student is trained, beside TRL's SFTTrainer alone on the same tokens.

    python -m benchmarks.train [--rows 1200] [--rounds 3] [--hidden 256] [--layers 4] [--distill [KIND]]

Both train the same small model from the same weights, with the same batches, steps and options; TRL alone has
no checkpoints, no checks and no loss curve. The two take turns. CPU seconds stand beside wall seconds, which
tell on a quiet machine only. Tokens are counted without padding. With --distill both learn from a teacher of
twice the width: soft targets, or with KIND its hidden states (feature) or relations of queries, keys and
values (relation). TRL's trainer then gets the loss in a few lines, over all logits and positions.
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
    kinds = ("response", "feature", "relation")
    parser.add_argument("--distill", nargs="?", const="response", choices=kinds)
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
    options = TrainingOptions(epochs=1, batch_size=16, learning_rate=1e-3, max_length=512, threads=_threads())
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


def _threads() -> int:
    """Those that TRL alone computes with (OMP_NUM_THREADS, say)."""
    import torch

    return int(torch.get_num_threads())


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
    from torch.nn.functional import cross_entropy, kl_div, log_softmax, mse_loss
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
    from trl import SFTTrainer

    from synthgen.core import registry
    from synthgen.training.architecture import Source
    from synthgen.training.local_teacher import LocalTeacher

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
            labels, inside = inputs.pop("labels"), chosen.distill != "response"
            with torch.no_grad():
                wanted = teacher(**inputs, use_cache=False, output_hidden_states=inside)
            said = model(**inputs, use_cache=False, output_hidden_states=inside)
            self._metrics["train"]["num_tokens"] = [0]
            learned = labels[:, 1:] != -100
            text = cross_entropy(said.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="sum")
            apart = losses[chosen.distill](model, said, wanted)[:, :-1][learned].sum()
            return (0.5 * text + 0.5 * apart) / num_items_in_batch

    def soft_targets(_: Any, said: Any, wanted: Any) -> Any:
        told, known = log_softmax(said.logits, -1), log_softmax(wanted.logits, -1)
        return kl_div(told, known, reduction="none", log_target=True).sum(-1)

    def states(_: Any, said: Any, wanted: Any) -> Any:
        apart = [
            mse_loss(project(norm(one)), norm(other), reduction="none").mean(-1)
            for project, one, other in zip(projections, said.hidden_states, wanted.hidden_states, strict=True)
        ]
        return sum(apart) / len(apart)

    def norm(states: Any) -> Any:
        return states * torch.rsqrt(states.square().mean(-1, keepdim=True) + 1e-6)

    def relations(model: Any, said: Any, wanted: Any) -> Any:
        told, known = told_by(model, said.hidden_states[-2]), told_by(teacher, wanted.hidden_states[-2])
        return sum(
            (other.exp() * (other - one)).sum(-1).mean(1)
            for one, other in zip(told, [one.detach() for one in known], strict=True)
        )

    def told_by(model: Any, states: Any) -> list[Any]:
        block = model.model.layers[-1]
        read, found = block.input_layernorm(states), []
        for layer in (block.self_attn.q_proj, block.self_attn.k_proj, block.self_attn.v_proj):
            parts = layer(read).unflatten(-1, (4, -1)).transpose(1, 2)
            scores = parts @ parts.transpose(-1, -2) / parts.shape[-1] ** 0.5
            later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
            found.append(log_softmax(scores.masked_fill(later, -1e9), -1))
        return found

    losses: dict[str, Any] = {"response": soft_targets, "feature": states, "relation": relations}
    width = student.model.config.hidden_size
    projections = torch.nn.ModuleList(torch.nn.Linear(width, 2 * width) for _ in range(chosen.layers + 1))
    kind: Any = registry.find("objective", chosen.distill)
    objective = kind(kind.Config(), LocalTeacher("teacher", Source(str(folder / "teacher"))))
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
