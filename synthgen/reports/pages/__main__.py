"""`python -m synthgen.reports.pages` writes the generated files of docs/, from the folder that holds it."""

from __future__ import annotations

import importlib
from pathlib import Path

FILES = {
    "docs/dedup.md": "synthgen.reports.pages.dedup:dedup_page",
    "docs/filters.md": "synthgen.reports.pages.filters:filter_page",
    "docs/stages.md": "synthgen.reports.pages.stages:stage_page",
    "docs/tasks.md": "synthgen.reports.pages.tasks:task_page",
    "docs/pipeline.schema.json": "synthgen.reports.pages.pipeline_schema:pipeline_schema_file",
    "docs/reference/commands.md": "synthgen.cli.reference:commands_page",
    "docs/reference/exit-codes.md": "synthgen.reports.pages.exit_codes:exit_code_page",
    "docs/reference/metrics.md": "synthgen.reports.pages.metrics:metric_page",
    "docs/reference/prompt-files.md": "synthgen.reports.pages.prompt_files:prompt_page",
    "docs/reference/rows.md": "synthgen.reports.pages.row_fields:row_page",
}
"""File -> "module:function" that gives its text."""


def generated() -> dict[Path, str]:
    """The text of each generated file, by its path in the repository."""
    return {Path(file): _text(target) for file, target in FILES.items()}


def _text(target: str) -> str:
    module, _, function = target.partition(":")
    return str(getattr(importlib.import_module(module), function)())


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
