"""How varied the rows are that the run came to: verbs and objects of instructions, sources, topics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from synthgen.core.rows import Row, question_text
from synthgen.reports.report.blocks import Block, Chart, Table
from synthgen.reports.report.facts import RunFacts
from synthgen.reports.report.openings import opening
from synthgen.reports.run_folder import written_rows
from synthgen.reports.svg.bars import Bar, amount_bars

SHOWN = 12
"""Values of each kind that are shown."""
DIFFERENT = 20_000
"""So many different values of a kind are counted; further ones are not told apart."""
OTHER = "(others)"
FIELDS = ("source", "topic", "task", "teacher", "model")
"""Of `meta`, beside the keys of `attributes`."""


class Kinds:
    """Counts of values by kind, in memory that does not grow with the rows."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}

    def add(self, kind: str, value: str) -> None:
        """Counts a value."""
        counter = self.counts.setdefault(kind, Counter())
        counter[value if value in counter or len(counter) < DIFFERENT else OTHER] += 1

    def add_row(self, row: Row) -> None:
        """Counts what a row tells."""
        begins = opening(question_text(row))
        if begins.verb:
            self.add("verb", begins.verb)
            self.add("verb and object", f"{begins.verb} {begins.object}".strip())
        elif begins.question:
            self.add("question", begins.question)
        meta = row.get("meta")
        if not isinstance(meta, dict):
            return
        for name, value in [*((name, meta.get(name)) for name in FIELDS), *_attributes(meta)]:
            if isinstance(value, str | int | float) and value != "":
                self.add(name, str(value))


def _attributes(meta: Mapping[str, Any]) -> list[tuple[str, Any]]:
    attributes = meta.get("attributes")
    return [(str(name), value) for name, value in attributes.items()] if isinstance(attributes, dict) else []


def diversity(facts: RunFacts) -> list[Block]:
    """A chart of each kind that has several values, the others in one line of a table."""
    if facts.came_to is None:
        return []
    kinds = Kinds()
    file = next((path for name, path in facts.came_to.row_files() if name != "rejected"), None)
    for row in written_rows(file) if file is not None else ():
        kinds.add_row(row)
    blocks: list[Block] = []
    rows = []
    for kind, counter in kinds.counts.items():
        total, most = counter.total(), sorted(counter.items(), key=lambda entry: (-entry[1], entry[0]))
        name, number = most[0]
        different = f"{len(counter):,}" + (" or more" if OTHER in counter else "")
        rows.append([kind, f"{total:,}", different, name, f"{number:,}", f"{100 * number / total:.1f}%"])
        if len(counter) > 1:
            bars = [Bar(name, number, number, number, f"{number:,}") for name, number in most[:SHOWN]]
            listed = [
                [name, f"{number:,}", f"{100 * number / total:.1f}%"] for name, number in most[: 4 * SHOWN]
            ]
            left = len(counter) - len(bars)
            caption = f"{kind}: {different} in {total:,} rows" + (f"; {left:,} more" if left > 0 else "")
            table = Table([kind, "rows", "share"], listed)
            blocks.append(Chart(amount_bars(bars, f"rows by {kind}"), caption, table))
    header = ["kind", "rows", "different", "most frequent", "rows with it", "share"]
    return [Table(header, rows, prose=["most frequent"]), *blocks] if rows else []
