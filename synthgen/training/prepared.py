"""Training on rows that were prepared, measured on validation rows where there are any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synthgen.core.artefacts import Artefact
from synthgen.store.jsonl import read_log
from synthgen.training.context import RunContext
from synthgen.training.mixture import held_out_rows
from synthgen.training.objectives.contract import Objective
from synthgen.training.options import TrainingOptions
from synthgen.training.preflight import Preflight
from synthgen.training.student import Student
from synthgen.training.watched import watching


def tokens_file(work: Path) -> Path:
    """Where preflight writes the rows' tokens."""
    return work / "rows.arrow"


def train_prepared(
    student: Student,
    preflight: Preflight,
    options: TrainingOptions,
    objective: Objective,
    context: RunContext,
    validation: Artefact | None,
    *,
    own: Path | None = None,
    leave: Path | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Trains `student` in place; see `trainer.train`.

    Args:
        student: the model, with its tokenizer.
        preflight: what was prepared in `context.work`.
        options: how it is trained.
        objective: what it learns.
        context: of the run.
        validation: rows that it is measured on.
        own: a folder for files of this process alone; `context.work` where left out.
        leave: where the weights are written for another process, if they are.

    Returns:
        The figures (steps, tokens, threads, and the best measurement if any was taken); and what the rows
        that are measured gave at start and end, where the objective says so.
    """
    from synthgen.training.trainer import train
    from synthgen.training.validation import measure_on

    measure = None
    with _shown(context):
        if validation is not None:
            measure = measure_on(
                validation.file,
                student,
                objective=objective,
                max_length=options.max_length,
                longest_completion=preflight.longest_completion,
                work=own or context.work,
                unfit=options.unfit,
                batch_size=options.batch_size,
            )
        elif len(held := held_out_rows(tokens_file(context.work))):
            measure = objective.measure(
                student.model, held, student.tokenizer.pad_token_id, options.batch_size
            )
    trained = train(
        student,
        tokens_file(context.work),
        options,
        objective=objective,
        context=context,
        measure=measure,
        leave=leave,
    )
    figures: dict[str, Any] = {
        "steps": trained.steps,
        "tokens": trained.tokens,
        "threads": trained.threads,
        "trained weights": trained.trained,
        **own_text_figures(context.work / "metrics.jsonl"),
    }
    measured: dict[str, Any] = {}
    if measure is not None:
        figures |= {f"best {measure.name}": trained.best, "at step": trained.best_step}
        if measure.start:
            with _shown(context):
                measured = {"start": dict(measure.start), "end": dict(measure.of(student.model))}
    return figures, measured


def own_text_figures(metrics: Path) -> dict[str, Any]:
    """How much text a student wrote itself, by its loss curve; nothing where it wrote none."""
    written = [(entry["own_tokens"], entry) for entry in read_log(metrics) if entry.get("own_tokens")]
    if not written:
        return {}
    texts = [tokens / entry["own_length"] for tokens, entry in written]
    cut = sum(number * entry["own_cut"] for number, (_, entry) in zip(texts, written, strict=True))
    total = sum(tokens for tokens, _ in written)
    return {
        "own tokens": int(total),
        "own text's mean length": round(total / sum(texts), 1),
        "own texts cut": f"{cut / sum(texts):.1%}",
    }


@contextmanager
def _shown(context: RunContext) -> Iterator[None]:
    """Shows how far a measurement is that is taken before or after the training."""
    with context.reporter.stage(context.stage_id, unit="steps") as progress:

        def show(done: int, total: int) -> None:
            progress.update(note=f"measured {done:,}/{total:,} rows that are not trained on")

        with watching(show):
            yield
