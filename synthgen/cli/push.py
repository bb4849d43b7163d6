"""`synthgen push`: a run's student on a hub."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli import options as o


def push(
    run: o.RunName,
    repo: Annotated[
        str, typer.Argument(metavar="REPO", help="owner/name; made, private, if it is not there")
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model", help="a student, or <stage>.<variant> of export_model; the last student where left out"
        ),
    ] = "",
    public: Annotated[bool, typer.Option("--public", help="a repository that is made is public")] = False,
    runs: o.Runs = o.RUNS,
    as_json: o.AsJson = False,
) -> None:
    """Upload a run's student, with its card, to a hub.

    Nothing else uploads anything. HF_TOKEN is the key, HF_ENDPOINT the address.
    """
    from dataclasses import asdict

    from synthgen.operations.serve.push import push_model
    from synthgen.training.footprint import size

    pushed = push_model(o.find_run(run, runs), repo, model, public=public)
    if as_json:
        o.out_json(asdict(pushed))
    else:
        o.out(f"{pushed.model}: {pushed.files} files, {size(pushed.bytes)}, at {pushed.url}")
