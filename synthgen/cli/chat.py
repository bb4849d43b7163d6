"""`synthgen chat`: base, student and teacher side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from synthgen.cli import options as o


def chat(
    run: o.RunName,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="a student, <stage>.<variant>, base or teacher; repeatable; base, the best student and the "
            "teacher where left out",
        ),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option("--system", metavar="TEXT", help="a system turn; that of evaluate where left out"),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", metavar="N", min=1, help="of an answer; evaluate's where left out"),
    ] = None,
    columns: Annotated[
        int | None,
        typer.Option("--columns", metavar="N", min=20, help="how wide; the terminal's where left out"),
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", metavar="N", min=1, help="CPU threads")] = None,
    runs: o.Runs = o.RUNS,
    ledger: o.Ledger = o.LEDGER,
) -> None:
    """Talk to base, student and teacher side by side.

    A line of stdin is a turn; /new begins another conversation, /quit ends. The teacher is asked through the
    ledger, within the pipeline's budget.
    """
    from synthgen.core.text import terminal_columns
    from synthgen.operations.serve.chat import chat as talk

    talk(
        o.find_run(run, runs),
        model or (),
        _lines(),
        lambda answers: o.out(f"{answers}\n"),
        ledger=ledger,
        system=system,
        columns=columns or terminal_columns(),
        max_tokens=max_tokens,
        threads=threads,
        echo=not sys.stdin.isatty(),
    )


def _lines() -> Iterator[str]:
    """What is typed, after a prompt on stderr; or the lines that are piped in."""
    while True:
        if sys.stdin.isatty():
            sys.stderr.write("> ")
            sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            return
        yield line
