"""`synthgen prompts`: the prompt files, and one rendered as it is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthgen.cli import options as o

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="List prompt files; show one, or fill it with a row.",
)


@app.command("list")
def list_prompts(as_json: o.AsJson = False) -> None:
    """List the prompt files that can be named."""
    from synthgen.core.prompt_files import list_prompts as known
    from synthgen.core.prompt_files import load_prompt

    purposes = {name: load_prompt(name).purpose for name in known()}
    if as_json:
        o.out_json(purposes)
        return
    width = max(map(len, purposes), default=0)
    for name, purpose in purposes.items():
        o.out(f"{name:<{width}}  {purpose}")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="a prompt's name (see `prompts list`) or file")],
    row: Annotated[
        Path | None,
        typer.Option("--row", metavar="FILE", help="a JSONL file; its first row fills the template"),
    ] = None,
    as_json: o.AsJson = False,
) -> None:
    """Show a prompt, or with --row its messages as sent."""
    from synthgen.core.errors import InputError
    from synthgen.core.prompt_files import load_prompt
    from synthgen.store.jsonl import scan

    prompt = load_prompt(name)
    if row is None:
        parts = {
            "purpose": prompt.purpose,
            "source": prompt.source,
            "system": prompt.system,
            "user": prompt.user,
            "assistant": prompt.assistant,
            "hash": prompt.hash,
        }
        if as_json:
            o.out_json(parts)
        else:
            o.out("\n\n".join(f"--- {part}\n{text}" for part, text in parts.items() if text), as_it_is=True)
        return
    if not row.is_file():
        raise InputError("no such file", str(row), "--row takes a JSONL file of rows")
    line = next((line for line in scan(row) if line.row is not None), None)
    if line is None or line.row is None:
        raise InputError("no row in this file", str(row))
    from synthgen.tasks.showing import as_sent

    messages = as_sent(prompt, line.row)
    if as_json:
        o.out_json(messages)
    else:
        o.out(
            "\n\n".join(f"--- {message['role']}\n{message['content']}" for message in messages), as_it_is=True
        )
