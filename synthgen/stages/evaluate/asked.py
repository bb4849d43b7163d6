"""What a finished evaluation asked, for the stages that ask it again of other models."""

from __future__ import annotations

from synthgen.core.artefacts import Artefact
from synthgen.core.config import Misfit, build
from synthgen.core.errors import StageFailed
from synthgen.core.rows import Row, question_text
from synthgen.stages.asking.work import input_rows
from synthgen.stages.evaluate.options import Config
from synthgen.store.jsonl import read_rows


def evaluated(evaluation: Artefact) -> Config:
    """The options of a finished evaluation.

    Raises:
        StageFailed: this version of synthgen knows other options.
    """
    misfits: list[Misfit] = []
    options = build(Config, dict(evaluation.config), (), misfits)
    if options is None:
        raise StageFailed(
            f"{evaluation.stage_id} was made by another version of synthgen: {misfits[0].what}",
            str(evaluation.folder),
            f"run it again: --force {evaluation.stage_id}",
        )
    return options


def rows_asked(evaluation: Artefact) -> list[Row]:
    """The test rows that it asked: without those that were trained on, where it left them out."""
    known = {entry.get("id") for entry in read_rows(evaluation.folder / "answers.jsonl")}
    files = [artefact.file for artefact in evaluation.inputs["questions"]]
    return [row for row in input_rows(files, None) if question_text(row) and row.get("id") in known]
