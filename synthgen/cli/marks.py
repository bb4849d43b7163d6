"""`synthgen marks`: what people's marks come to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli import options as o
from synthgen.core.text import amount


def marks(
    target: Annotated[
        str, typer.Argument(metavar="RUN|FILE|FOLDER", help="what was looked at with `synthgen view`")
    ],
    pairs: Annotated[
        Path | None,
        typer.Option("--pairs", metavar="OUT", help="write the preferred answers as rows for `prefer`"),
    ] = None,
    runs: o.Runs = o.RUNS,
    as_json: o.AsJson = False,
) -> None:
    """Sum up marks: decisions, agreement, pairs.

    How far reviewers agree with each other, with the pipeline and with the judges' scores.
    """
    from synthgen.operations.marks import agreement_text, marks_summary, write_pairs
    from synthgen.reports.find_run import find_rows
    from synthgen.reports.viewer.catalogue import row_files
    from synthgen.store.reviews import reviews_file

    path = find_rows(target, runs)
    reviews = reviews_file(path)
    if pairs is not None:
        o.out(f"written: {pairs}, {amount(write_pairs(reviews, pairs), 'pair')}")
        return
    files = row_files(path)
    o.out_json(marks_summary(reviews, files)) if as_json else o.out(agreement_text(reviews, files))
