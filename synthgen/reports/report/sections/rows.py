"""Rows that the run came to, drawn at random."""

from __future__ import annotations

from synthgen.reports.report.blocks import Block, Cards, Lines
from synthgen.reports.report.facts import RunFacts
from synthgen.reports.report.figures import count, joined
from synthgen.reports.report.row_cards import row_card


def rows(facts: RunFacts) -> list[Block]:
    """A few rows as they are."""
    found = facts.figures["rows"]
    if not found:
        return []
    said = joined([count(found["rows"]), f" rows of {found['stage']}, of which these were drawn"], "")
    return [Lines([said], "soft"), *(Cards([row_card(row)]) for row in found["samples"])]
