"""A student from row files: prepared, trained, measured and written as a model folder with its card."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from synthgen.core.artefacts import Artefact, Counts
from synthgen.core.errors import ConfigError, EmptyResult
from synthgen.core.rows import Row
from synthgen.store.jsonl import RowWriter, read_rows
from synthgen.training.architecture import Source
from synthgen.training.card import model_card, teachers_of
from synthgen.training.completions import PLAIN, completion_text, missing_fields
from synthgen.training.context import RunContext
from synthgen.training.faults import explain_faults
from synthgen.training.footprint import Training, footprint
from synthgen.training.kept import accounts_of, folder_of, kept_snapshots, nothing_kept, write_kept
from synthgen.training.loading_check import method_faults, positions_in, room_faults
from synthgen.training.mixture import Mixture
from synthgen.training.objectives.contract import Objective
from synthgen.training.options import TrainingOptions
from synthgen.training.preflight import Preflight, prepare
from synthgen.training.prepared import tokens_file, train_prepared
from synthgen.training.processes.train import train_by_ranks
from synthgen.training.processes.wanted import ranks_wanted
from synthgen.training.prompting import student_prompt
from synthgen.training.start import name_start, started, trained_before
from synthgen.training.student import Student, open_student, quiet_libraries, save
from synthgen.training.student_options import StudentOptions
from synthgen.training.turns import is_conversation, reasoning_of

SAMPLE = 500
"""Texts of the rows that an objective looks at before they are prepared."""


@dataclass(frozen=True)
class TrainedStudent:
    """What a training leaves beside its files."""

    base: str
    """What the student was before: a hub id, a folder, or how it was made from scratch."""
    revision: str | None
    parameters: int
    preflight: Preflight
    figures: Mapping[str, Any]
    """Steps, tokens, threads, and the best measurement if any was taken: name -> value."""
    mixture: Mixture
    """Which rows of which input were trained on, and how often."""
    held_out: Mapping[str, Any] = field(default_factory=dict)
    """The figures of the rows that are measured, at the start and at the end, where the objective has any."""
    kept: Sequence[Mapping[str, Any]] | None = None
    """The models of earlier steps that stay, None where none were asked for; see `kept.accounts_of`."""
    beside: Mapping[str, Student] = field(default_factory=dict)
    """Models that were trained with it and are published beside it: folder -> model."""

    @property
    def counts(self) -> Counts:
        """The account of the rows."""
        rows, not_drawn = self.preflight, self.mixture.not_drawn
        dropped = {**rows.dropped, **({"not_drawn": not_drawn} if not_drawn else {})}
        return Counts(in_=rows.rows + not_drawn, kept=rows.kept, rejected=dropped)

    def shown_figures(self) -> str:
        """The figures of the training on one line."""
        return ", ".join(
            f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}"
            for name, value in self.figures.items()
        )


def train_student(
    rows: Sequence[Artefact],
    out: Path,
    *,
    student: StudentOptions,
    options: TrainingOptions,
    objective: Objective,
    context: RunContext,
    recorded: Mapping[str, Any],
    validation: Artefact | None = None,
    start: Artefact | None = None,
    tokenizer: Artefact | None = None,
    held_out: float = 0.0,
) -> TrainedStudent:
    """Trains a student; killed or stopped, the same call continues from the newest whole checkpoint.

    Writes into `out`: `model/` (a Hugging Face checkpoint with its card), `adapter/` beside it for lora,
    `base/` (the untrained weights) for a student from scratch, `checkpoints/step-<step>/` (models of earlier
    steps) for `keep`, `metrics.jsonl` (the loss curve), and `rejected.jsonl` (rows not trained on).

    Args:
        rows: what is trained on.
        out: an empty folder.
        student: the model to train.
        options: how it is trained.
        objective: what it learns of a row, by which loss.
        context: of the run. `context.work` holds what must outlive a kill.
        recorded: all options as the card shows them.
        validation: rows that the student is measured on while it trains.
        start: the earlier stage's student that it starts from, where `student` names one.
        tokenizer: the earlier stage's model whose tokenizer it takes, where `student` names one.
        held_out: the share of the rows that is measured and not trained on.

    Returns:
        What the training was made of, and its figures.

    Raises:
        ConfigError: packages, validation rows or fields are missing, or the student cannot be used.
        EmptyResult: no row is left to train on.
        StageFailed: rows would teach broken text, the loss became no number, or memory was not enough.
        Interrupted: a signal asked to stop; a checkpoint was written first.
    """
    if options.measured_for and validation is None:
        raise ConfigError(
            f"{context.stage_id}: {options.measured_for} needs validation rows",
            next=f"split: {{validation: N, …}} makes them; or leave {options.measured_for} out",
        )
    seed = context.seed if options.seed is None else options.seed
    context.work.mkdir(parents=True, exist_ok=True)
    mixture = Mixture(rows, options.weights, seed, held_out)
    with quiet_libraries(), explain_faults(context.work):
        ranks = 0 if objective.undivided() else ranks_wanted(options)
        context.reporter.stage(context.stage_id, sum(one.rows for one in rows)).update(note="preparing")
        chosen = started(student, start, tokenizer)
        opened = open_student(chosen, lambda: learned_texts(_read(rows)), seed, options.method == "lora")
        opened.name = student.start_name or opened.name
        if faults := method_faults(opened.model.config, options):
            raise ConfigError.of(faults)
        for note in (*opened.notes, *objective.meet(opened, islice(learned_texts(_read(rows)), SAMPLE))):
            context.reporter.say(f"{context.stage_id}: {note}")
        base, parameters = opened.name, opened.parameters
        scratch = out / "base" if student.init is not None else None
        if scratch is not None:
            save(opened, scratch)
        shared = options.model_copy(update={"processes": ranks or None})
        preflight = _prepare(mixture, out, opened, chosen, shared, objective, context)
        figures, measured = _train(
            opened, scratch, preflight, chosen, options, objective, context, validation, ranks
        )
        kept = kept_snapshots(options, context.work, figures, context.reporter.say)
        if options.keep and not kept:
            context.reporter.say(f"{context.stage_id}: {nothing_kept(options, int(figures['steps']))}")
        _write_models(opened, kept, options, context.work, out, scratch)
        for folder in (out, *(folder_of(out, snapshot) for snapshot in kept)):
            name_start(folder / "adapter", start, student.start_name)
    card = partial(
        model_card,
        base=base,
        from_scratch=student.init is not None,
        before=trained_before(start),
        parameters=parameters,
        completion=objective.completion,
        trained_with=objective.TRAINED_WITH,
        tags=objective.TAGS,
        datasets=[(one.name, one.version, one.rows) for one in rows],
        data={
            "sha256": ", ".join(one.sha256 for one in rows),
            "rows": f"{preflight.kept:,}",
            **({"held out": f"{mixture.held_out:,}"} if mixture.held_out else {}),
            **({"shown an epoch": f"{mixture.shown:,}"} if options.weights else {}),
            "tokens": f"{preflight.tokens:,}",
            "learned tokens": f"{preflight.learned_tokens:,}",
        },
        teachers=teachers_of(_read(rows)),
        options={**recorded, "seed": seed},
        example=preflight.shown,
    )
    shutil.copyfile(context.work / "metrics.jsonl", out / "metrics.jsonl")
    accounts = tuple(accounts_of(kept, out, out / "metrics.jsonl"))
    for folder, title, result in (
        ("model", context.stage_id, figures),
        *((one["folder"], f"{context.stage_id}, step {one['step']:,}", one) for one in accounts),
    ):
        shown = {name: value for name, value in result.items() if name != "folder"}
        (out / folder / "README.md").write_text(card(title=title, result=shown), encoding="utf-8")
    for name, one in opened.beside.items():
        text = card(**one.origin, before=(), title=f"{context.stage_id}, {name}", result=figures)
        (out / name / "README.md").write_text(text, encoding="utf-8")
    stay = accounts if options.keep else None
    return TrainedStudent(
        base, opened.revision, parameters, preflight, figures, mixture, measured, stay, opened.beside
    )


def _prepare(
    mixture: Mixture,
    out: Path,
    student: Student,
    chosen: StudentOptions,
    options: TrainingOptions,
    objective: Objective,
    context: RunContext,
) -> Preflight:
    """The rows as tokens in `context.work`, with what preflight says of them."""
    stage, say = context.stage_id, context.reporter.say
    with RowWriter(out / "rejected.jsonl") as rejects:
        preflight = prepare(
            mixture.rows(rejects, stage),
            tokens_file(context.work),
            objective=objective,
            tokenizer=student.tokenizer,
            end_ids=student.end_ids,
            max_length=options.max_length,
            unfit=options.unfit,
            stage=stage,
            rejects=rejects,
            stopping=context.stopping,
            kept=mixture.keep,
        )
    mixture.write(tokens_file(context.work))
    if not mixture.shown:
        raise EmptyResult(
            f"{stage}: no row is left to train on, of {mixture.rows_read:,}",
            ", ".join(str(one.file) for one in mixture.inputs),
            "; ".join(
                [
                    *(f"{name}: {detail}" for name, detail in preflight.details.items() if detail),
                    "see the counts of the stages before",
                    preflight.line(),
                ]
            ),
        )
    size = _size(student, Training(chosen, options, objective), preflight, mixture.sequences)
    for line in (preflight.line(), *mixture.lines(), preflight.shown, *size):
        say(f"{stage}: {line}")
    if short := preflight.lengths.warning(context.reply_room):
        say(f"warning: {stage}: {short}")
    _require_rows(student, context)
    positions = positions_in(student.model.config)
    if positions and min(preflight.longest, options.max_length) > positions:
        raise ConfigError(
            f"the longest row has {preflight.longest:,} tokens, but the student reads {positions:,}",
            next=f"max_length: {positions}, or a student with more positions",
        )
    return preflight


def _require_rows(student: Student, context: RunContext) -> None:
    """Refuses training rows with tokens for which the model has none."""
    rows = int(student.model.get_input_embeddings().weight.shape[0])
    if len(student.tokenizer) <= rows:
        return
    from datasets import Dataset

    def numbers(value: Any) -> Iterator[int]:
        for one in value:
            yield from numbers(one) if isinstance(one, list) else (one,)

    prepared = Dataset.from_file(str(tokens_file(context.work)))
    used = {number for ids in prepared["input_ids"] for number in numbers(ids)}
    if faults := room_faults(student.tokenizer, used, rows, student.name):
        raise ConfigError.of(faults)


def _train(
    opened: Student,
    base: Path | None,
    preflight: Preflight,
    student: StudentOptions,
    options: TrainingOptions,
    objective: Objective,
    context: RunContext,
    validation: Artefact | None,
    ranks: int,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Trains on the prepared rows, here or in processes of its own; gives figures and measurements."""
    if not ranks:
        return train_prepared(opened, preflight, options, objective, context, validation)
    return train_by_ranks(
        ranks,
        opened,
        base,
        preflight,
        chosen=student,
        options=options,
        objective=objective,
        context=context,
        validation=validation,
    )


def _write_models(
    student: Student,
    kept: Sequence[Path],
    options: TrainingOptions,
    work: Path,
    out: Path,
    scratch: Path | None,
) -> None:
    """Writes the model, with its adapters beside it, and those of earlier steps."""
    from synthgen.training.attached import take_off

    take_off(student.model)
    if options.method == "lora":
        from synthgen.training.adapters import merged, save_adapter

        base = student.source if scratch is None else Source(str(scratch))
        write_kept(student, kept, options, work, out, base)
        save_adapter(student.model, options.lora, work, out / "adapter")
        student.model = merged(
            student.model, student.source, out / "adapter", student.stored, quantized=student.quantized
        )
    save(student, out / "model")
    for name, one in student.beside.items():
        save(one, out / name)
    if options.method == "full":
        write_kept(student, kept, options, work, out, None)


def _read(inputs: Sequence[Artefact]) -> Iterator[Row]:
    return (row for one in inputs for row in read_rows(one.file))


def learned_texts(rows: Iterable[Row]) -> Iterator[str]:
    """What a tokenizer from scratch is made of: all prompts, and all completions that rows could give.

    So students that differ only in what they learn have one tokenizer and one base, and can be compared.
    Completions that are not in `PLAIN` say the same words in another order.
    """
    for row in rows:
        yield from (turn["content"] for turn in student_prompt(row))
        yield from (completion_text(row, kind) for kind in PLAIN if not missing_fields(row, kind))
        if row.get("reasoning"):
            yield str(row["reasoning"])
        if is_conversation(row):
            yield from (text for turn in row["messages"] if (text := reasoning_of(turn)))


def _size(student: Student, training: Training, preflight: Preflight, shown: int) -> list[str]:
    """How many steps the training has, and how much memory and disk it takes."""
    options = training.options
    steps = ""
    if not options.packing:
        batches = math.ceil(shown / options.batch_size)
        an_epoch = math.ceil(batches / options.gradient_accumulation)  # the last step of one may be smaller
        steps = f"{math.ceil(an_epoch * options.epochs):,} steps; "
    longest = max(options.longest(preflight.longest), 2)
    found = footprint(student.model.config, training, tokens=longest, stored=student.stored)
    if found is None:
        return [f"{steps}{student.parameters:,} parameters"]
    first, *others = found.lines(options, training.student.init is not None)
    return [f"{steps}{first}", *others]
