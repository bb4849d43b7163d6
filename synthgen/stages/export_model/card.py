"""The card of an exported variant: the student's own, and what the variant measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthgen.core.text import percent

_LICENCE = "\n## Licence\n"


def card_of(student: Path, name: str, variant: str, report: Mapping[str, Any]) -> str:
    """The student's README.md with a section on the variant, before the one on the licence.

    Args:
        student: the student's folder.
        name: its stage.
        variant: the variant.
        report: from `variant_report`.
    """
    try:
        card = (student / "README.md").read_text(encoding="utf-8")
    except OSError:
        card = f"# {name}\n"
    own, figures = report["student"], report["variants"][variant]
    metric = report["metric"].replace("_", " ")
    lines = [
        f"## Variant: {variant}",
        "",
        f"{figures['verdict']}: {figures['reason']}.",
        "",
        f"| | {name} | {variant} |",
        "|---|---|---|",
        f"| bytes on disk | {own['bytes']:,} | {figures['bytes']:,} |",
        f"| {metric}, {report['rows']:,} test rows | {percent(own['score']['value'])} | "
        f"{percent(figures['score']['value'])} |",
        f"| the same reply as the student | | {percent(figures['same_replies'])} |",
    ]
    section = "\n".join(lines) + "\n"
    before, mark, after = card.partition(_LICENCE)
    return f"{before.rstrip()}\n\n{section}{mark}{after}"
