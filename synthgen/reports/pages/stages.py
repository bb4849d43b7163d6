"""docs/stages.md, made from the stages themselves: `python -m synthgen.reports.pages.stages` writes it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthgen.reports.pages.options import option_table, parts
from synthgen.stages import STAGES
from synthgen.stages.contract import Stage, StageConfig, find_stage, purpose

PAGE = Path("docs/stages.md")
INTRO = """# Stages: every option

*Generated from the code by `make generate`: change the docstrings, not this page.*

A pipeline file lists stages; each is a kind with its options. [pipeline.md](pipeline.md) has the whole file.
The same tables on a terminal:

    synthgen list stages sft

A stage's folder `<run>/<stage>/` appears whole or not at all. A stage without a result (no row is left, or
fewer than `min_yield` wants) publishes none. Its rejected rows, each with its reason, are then in
`<run>/<stage>.failed/rejected.jsonl`, until the stage succeeds. Beside them is `failure.json`: `stage`,
`kind`, `key`, `error`, `what`, `failed_at` and `counts` (in, kept, rejected by rule, failed by reason). If
too few rows passed, those few are in `rows.jsonl` there. That folder is never read as a result. The next run
tries the stage again, with the replies that are in the ledger.

Every stage also takes these:
"""


def stage_page() -> str:
    """The page's markdown: a table of all stages, then each with an example and its options."""
    lines = [INTRO, *option_table(StageConfig), "", "| stage | |", "|---|---|"]
    lines += [f"| [{kind}](#{kind}) | {purpose(kind)} |" for kind in STAGES]
    for kind in STAGES:
        stage = find_stage(kind)
        lines += ["", f"## {kind}", "", purpose(kind), "", f"    {stage.example}"]
        for paragraph in (*_more(stage), *([stage.see] if stage.see else [])):
            lines += ["", paragraph]
        lines += _tables(stage.config)
    return "\n".join(lines) + "\n"


def _more(stage: Stage[Any]) -> list[str]:
    """What the docstring of a stage's module says behind its first line, a paragraph an entry."""
    text = inspect.getdoc(inspect.getmodule(stage.run)) or ""
    return [_on_one_line(paragraph) for paragraph in text.split("\n\n")[1:]]


def _on_one_line(paragraph: str) -> str:
    """A paragraph without its line breaks, each item of a list by itself; code, indented, as it is."""
    if paragraph.startswith("    "):
        return paragraph
    if not paragraph.startswith("- "):
        return " ".join(paragraph.split())
    return "\n".join(f"- {' '.join(item.split())}" for item in paragraph[2:].split("\n- "))


def _tables(config: Any) -> Iterator[str]:
    yield from ("", *option_table(config, leave_out=StageConfig.model_fields))
    for name, part in parts(config):
        yield from ("", f"`{name}`:", "", *option_table(part))


if __name__ == "__main__":
    PAGE.write_text(stage_page(), encoding="utf-8")
