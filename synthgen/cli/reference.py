"""docs/reference/commands.md: every command with its arguments and options, as `--help` has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from synthgen.cli import app
from synthgen.reports.pages.options import cell

PAGE = Path("docs/reference/commands.md")
INTRO = """# Commands

*Generated from the code by `make generate`: change the help texts, not this page.*

`synthgen COMMAND --help` prints the same on a terminal. Results go to stdout, progress and errors to
stderr. `--json`, where a command has it, prints what a script would read. [exit-codes.md](exit-codes.md)
says how a command can end.

PIPELINE is a pipeline file ([pipeline.md](../pipeline.md)). RUN is a run's name, its folder, or its
pipeline file. The options of stages stand in the pipeline file, not here: [stages.md](../stages.md).

| command | |
|---|---|
"""


def commands_page() -> str:
    """The page's markdown: a table of all commands, then each with its arguments and options."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("synthgen", ["list"])
    summary, sections = [], list[str]()
    for name in list(group.commands):
        _, command, _ = group.resolve_command(context, [name])
        summary.append(f"| [{name}](#synthgen-{name}) | {cell(_first(command))} |")
        sections += _section(f"synthgen {name}", command, context)
    return INTRO + "\n".join([*summary, *sections]) + "\n"


def _section(title: str, command: Any, parent: Any) -> Iterator[str]:
    """A command's lines, and after them those of the commands below it."""
    context = type(parent)(command, info_name=title.rpartition(" ")[2], parent=parent)
    below = getattr(command, "commands", {})
    yield from ("", f"## {title}" if title.count(" ") == 1 else f"### {title}")
    for paragraph in str(command.help or "").split("\n\n"):
        yield from ("", " ".join(paragraph.split()))
    if not below:
        usage = " ".join(command.collect_usage_pieces(context))
        yield from ("", f"    {title} {usage}")
        rows = [found for option in command.params if (found := option.get_help_record(context))]
        if rows:
            yield from ("", "| argument or option | |", "|---|---|")
        for names, meaning in rows:
            yield f"| {cell(f'`{names}`')} | {cell(' '.join(meaning.split()))} |"
    for name, inner in below.items():
        yield from _section(f"{title} {name}", inner, context)


def _first(command: Any) -> str:
    """A command's help line."""
    return " ".join(str(command.help or "").split("\n\n")[0].split())
