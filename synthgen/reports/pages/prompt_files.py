"""docs/reference/prompt-files.md: what a prompt file holds, and the prompts that come with synthgen."""

from __future__ import annotations

from pathlib import Path

from synthgen.core.prompt_files import FIELD_MEANINGS, read_prompt
from synthgen.core.resources import shipped
from synthgen.reports.pages.options import cell

INTRO = """# Prompt files

*Generated from the code by `make generate`: change `synthgen/core/prompt_files.py` and `prompts/`, not this
page.*

One YAML file a prompt. `prompt: my/prompt` in a pipeline names `prompts/my/prompt.yaml` in the folder where
the command runs; a name that is not there is looked up among those that come with synthgen. `prompt:
some/where.yaml` is a path.

    purpose: a headline for a text
    source: wording by this project
    system: |
      You write headlines.
    user: |
      Write a headline for this text:

      {{ instruction }}
    assistant: |
      {{ output }}
    examples:
      - instruction: The bridge was opened in 1903.
        output: Bridge opens

| field | |
|---|---|
"""
RULES = """
- Templates are jinja2's, in a sandbox. A value that is missing is an error that names it, never an empty
  text. Values are data: what looks like a template in a row stays as it is. `{{ rows | json }}` writes
  JSON.
- Each example becomes a turn of the user and one of the assistant, before the question. Where `system` or
  `user` names the variable `examples`, the text places them itself.
- `examples: FILE` and `system: TEXT` of a task take the place of the prompt's own.
- What is sent decides what is paid for. Another text is another request; `purpose` and `source` change
  nothing.
- A row's `meta.prompt` is the prompt's name and the hash of its texts.

`synthgen prompts list` lists prompts, and `synthgen prompts show NAME` shows one; with `--row FILE` it shows
what would be sent.

## The prompts that come with synthgen

Values are those that the task fills in.

| prompt | values | purpose | source |
|---|---|---|---|
"""


def prompt_page() -> str:
    """The page's markdown: the fields, the rules, and the shipped prompts."""
    fields = [f"| `{name}` | {cell(meaning)} |" for name, meaning in FIELD_MEANINGS.items()]
    return INTRO + "\n".join(fields) + "\n" + RULES + "\n".join(map(_line, _shipped())) + "\n"


def _shipped() -> list[tuple[str, Path]]:
    """The shipped prompts' names and files; those of the folder that the command runs in are left aside."""
    root = shipped("prompts")
    return [
        (path.relative_to(root).with_suffix("").as_posix(), path) for path in sorted(root.rglob("*.yaml"))
    ]


def _line(found: tuple[str, Path]) -> str:
    name, path = found
    prompt = read_prompt(path, name)
    values = ", ".join(f"`{value}`" for value in sorted(prompt.variables | prompt.example_values))
    return f"| `{name}` | {values} | {cell(prompt.purpose)} | {cell(prompt.source)} |"
