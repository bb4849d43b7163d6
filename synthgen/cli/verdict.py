"""`synthgen verdict`: whether a run's students may replace their teacher."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli import options as o


def verdict(
    run: o.RunName,
    stage: Annotated[
        str,
        typer.Option(
            "--stage", metavar="STAGE_ID", help="an evaluate stage, the last where left out; or export_model"
        ),
    ] = "",
    metric: Annotated[
        str | None, typer.Option("--metric", metavar="METRIC", help="what students are held to")
    ] = None,
    margin: Annotated[
        str | None,
        typer.Option(
            "--margin", metavar="SHARE", help="by how much a student may be below its teacher: 0.03 or 3%"
        ),
    ] = None,
    confidence: Annotated[
        str | None,
        typer.Option("--confidence", metavar="SHARE", help="how sure a verdict has to be: 0.95 or 95%"),
    ] = None,
    teacher_least: Annotated[
        str | None,
        typer.Option(
            "--teacher-least", metavar="SHARE", help="the score below which a teacher is too weak: 0.5 or 50%"
        ),
    ] = None,
    required: Annotated[
        str | None,
        typer.Option("--require", metavar="WORD", help="exit with 1 unless this is the verdict: deploy, say"),
    ] = None,
    student: Annotated[
        list[str] | None,
        typer.Option(
            "--student",
            metavar="STUDENT",
            help="whose verdict is printed, and asked for by --require; all where left out, and all variants",
        ),
    ] = None,
    runs: o.Runs = o.RUNS,
    as_json: o.AsJson = False,
) -> None:
    """Tell whether a student may replace its teacher.

    From the answers that evaluate kept: no model is asked, so other margins cost nothing. Variants that
    export_model wrote are held to their student.
    """
    from synthgen.reports.verdict import of_students, require, run_verdict, run_verdict_lines, word_of

    word = None if required is None else word_of(required)
    report = run_verdict(
        o.find_run(run, runs),
        stage=stage,
        metric=metric,
        margin=o.share("--margin", margin),
        confidence=o.share("--confidence", confidence),
        teacher_least=o.share("--teacher-least", teacher_least),
    )
    report = of_students(report, student or ())
    o.out_json(report) if as_json else o.out("\n".join(run_verdict_lines(report)))
    if word is not None:
        require(report, word)
