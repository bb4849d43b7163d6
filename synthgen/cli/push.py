"""`synthgen push`: a run's student, or an exported dataset, on a hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli import options as o


def push(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN|DIR", help="a run, for its student; or the folder that `export` made"),
    ],
    repo: Annotated[
        str, typer.Argument(metavar="REPO", help="owner/name; made, private, if it is not there")
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="a student, or <stage>.<variant> of export_model; the best student where left out",
        ),
    ] = "",
    public: Annotated[bool, typer.Option("--public", help="a repository that is made is public")] = False,
    runs: o.Runs = o.RUNS,
    as_json: o.AsJson = False,
) -> None:
    """Upload a student or a dataset, with its card, to a hub.

    Nothing else uploads anything. HF_TOKEN is the key, HF_ENDPOINT the address.
    """
    from dataclasses import asdict

    from synthgen.operations.serve.push import is_dataset, push_dataset, push_model
    from synthgen.training.footprint import size

    if not model and is_dataset(Path(run)):
        pushed = push_dataset(Path(run), repo, public=public)
    else:
        pushed = push_model(o.find_run(run, runs), repo, model, public=public)
    if as_json:
        o.out_json(asdict(pushed))
    else:
        o.out(f"{pushed.name}: {pushed.files} files, {size(pushed.bytes)}, at {pushed.url}")
