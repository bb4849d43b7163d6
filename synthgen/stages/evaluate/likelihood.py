"""The likelihood of held-out texts in an evaluation: which rows, which teacher, and what is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from synthgen.core.artefacts import Artefact, Inputs
from synthgen.core.errors import Interrupted
from synthgen.core.hashing import value_hash
from synthgen.core.rows import Row
from synthgen.evaluation.held_out import TextLikelihood, Told, completion_of_all, likelihoods_of
from synthgen.evaluation.leakage import Nearness, find_leaks, training_files
from synthgen.evaluation.likelihood_options import LikelihoodOptions
from synthgen.evaluation.likelihood_report import likelihood_figures
from synthgen.evaluation.local import Local
from synthgen.stages.chosen_teacher import asked_teacher, loaded_teacher
from synthgen.stages.contract import Context, Need
from synthgen.store.jsonl import RowWriter, read_rows
from synthgen.store.manifest import read_manifest
from synthgen.store.token_logprobs import DISTRIBUTIONS, INDEX
from synthgen.training.completions import Completion
from synthgen.training.start import LOGPROBS

FILE = "likelihood.jsonl"
ROWS, TEACHER, STORE = "held_out", "held_out_teacher", "held_out_logprobs"
"""Needs of an evaluation that measures likelihoods."""


def likelihood_needs(options: LikelihoodOptions | None) -> dict[str, Need]:
    """The held-out rows and the teacher, where stages have them."""
    needed: dict[str, Need] = {}
    if options is None:
        return needed
    if options.rows is not None:
        needed[ROWS] = Need("rows", part="validation", choose=(options.rows,), option="likelihood.rows")
    teacher = options.teacher
    if teacher is not None and teacher.stage is not None:
        needed[TEACHER] = Need("model", choose=(teacher.stage,), option="likelihood.teacher.from")
    if teacher is not None and teacher.logprobs is not None:
        needed[STORE] = Need(
            "rows", choose=(teacher.logprobs,), option="likelihood.teacher.logprobs", made_by=LOGPROBS
        )
    return needed


def likelihood_provenance(need: str, artefacts: Sequence[Artefact]) -> Any:
    """What a remote teacher has told, which stands in files beside its rows."""
    if need != STORE:
        return None
    manifests = [read_manifest(artefact.folder) for artefact in artefacts]
    return [
        [manifest.outputs[name].sha256 for name in (INDEX, DISTRIBUTIONS) if name in manifest.outputs]
        for manifest in manifests
        if manifest is not None
    ]


def measure(
    locals_: Sequence[Local],
    students: Sequence[Artefact],
    inputs: Inputs,
    test: Sequence[Row],
    options: LikelihoodOptions,
    context: Context,
    out: Path,
) -> dict[str, Any]:
    """Measures all models, and writes each row's sums.

    Args:
        locals_: the models.
        students: whose training rows held-out ones must not be among.
        inputs: with the held-out rows and the teacher.
        test: the test rows, where no others are named.
        options: which texts.
        context: of the run.
        out: the folder to write into.

    Returns:
        The figures; see `likelihood_report`.

    Raises:
        ConfigError: students learned different things, or the teacher cannot be compared with.
        StageFailed: a model cannot be loaded.
    """
    named = inputs.get(ROWS, ())
    rows = [row for artefact in named for row in read_rows(artefact.file)] if named else list(test)
    completion = cast(Completion, completion_of_all(locals_, options.completion))
    teacher, name = _teacher(options, inputs)
    measured = {
        local.name: _of_model(local, rows, completion, options.max_length, teacher, context)
        for local in locals_
    }
    leaks = 0
    if named and (training := training_files(students)):
        leaks = len(find_leaks(rows, [artefact.file for artefact in training], Nearness(0.999)).exact)
    figures = likelihood_figures(locals_, measured, completion, name, leaks)
    with RowWriter(out / FILE) as written:
        for entry in _entries(rows, measured):
            written.write(entry)
    return figures


def _of_model(
    local: Local,
    rows: Sequence[Row],
    completion: Completion,
    max_length: int,
    teacher: Told | None,
    context: Context,
) -> list[TextLikelihood]:
    log = context.work / f"{value_hash([local.name, local.digest])}.likelihood.jsonl"
    with context.reporter.stage(f"{context.stage_id} {local.name} held-out", total=len(rows)) as progress:

        def each(done: int) -> None:
            progress.update(done=done)
            if signal_number := context.stopping():
                raise Interrupted(signal_number)

        return likelihoods_of(local, rows, completion, max_length, teacher, log, each)


def _teacher(options: LikelihoodOptions, inputs: Inputs) -> tuple[Told | None, str]:
    """Whom models are compared with, and its name."""
    if options.teacher is None:
        return None, ""
    if options.teacher.logprobs is not None:
        (asked,) = inputs[STORE]
        told = asked_teacher(asked, "likelihood: {teacher: {logprobs: …}}")
        return told, f"the teacher of {asked.stage_id}"
    teacher = loaded_teacher(options.teacher.loaded(), inputs.get(TEACHER, ()))
    return teacher, teacher.name


def _entries(rows: Sequence[Row], measured: Mapping[str, Sequence[TextLikelihood]]) -> Iterator[Row]:
    for index, row in enumerate(rows):
        models = {name: _plain(likelihoods[index]) for name, likelihoods in measured.items()}
        yield {"id": row.get("id"), "models": models}


def _plain(one: TextLikelihood) -> dict[str, Any]:
    if one.unfit:
        return {"unfit": one.unfit}
    sums: dict[str, Any] = {"nll": round(one.nll, 6), "tokens": one.tokens, "bytes": one.bytes}
    return {**sums, "kl": round(one.kl, 6)} if one.kl is not None else sums
