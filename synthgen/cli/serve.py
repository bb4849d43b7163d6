"""`synthgen serve`: a run's student as a local server."""

from __future__ import annotations

from typing import Annotated

import typer

from synthgen.cli import options as o


def serve(
    run: o.RunName,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="a student, <stage>.<variant> of export_model, or base; the best student where left out",
        ),
    ] = "",
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0: any free one")
    ] = 8000,
    batch_size: Annotated[
        int, typer.Option("--batch-size", metavar="N", min=1, help="requests that are answered together")
    ] = 16,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-tokens",
            metavar="N",
            min=1,
            help="of a reply, where a request does not say; evaluate's where left out",
        ),
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", metavar="N", min=1, help="CPU threads")] = None,
    runs: o.Runs = o.RUNS,
    as_json: o.AsJson = False,
) -> None:
    """Serve a run's student on loopback until Ctrl-C.

    An OpenAI-compatible server over transformers, for students of up to some hundred million weights. It
    prints the command that serves the same by vLLM.
    """
    from dataclasses import asdict

    from synthgen.operations.serve.run import Ready, serve_model

    def ready(at: Ready) -> None:
        if as_json:
            o.out_json(asdict(at))
        else:
            o.out(f"{at.model} ({at.parameters:,} parameters) answers at {at.base_url} until Ctrl-C")
            o.out(f"for a large one: {at.vllm}", as_it_is=True)

    serve_model(
        o.find_run(run, runs),
        model,
        port,
        ready,
        batch_size=batch_size,
        max_tokens=max_tokens,
        threads=threads,
    )
