"""What each rule dropped, with examples; duplicates beside what they matched, differing words marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from synthgen.reports.report.blocks import Block, Cards, Fold, Heading, Lines
from synthgen.reports.report.facts import RunFacts
from synthgen.reports.report.figures import count, joined
from synthgen.reports.report.row_cards import compared, row_card, told
from synthgen.reports.visible import clipped

TITLES = {"value": "found", "threshold": "held against", "score": "score", "matched_id": "matched row"}


def drops(facts: RunFacts) -> list[Block]:
    """By stage and rule; of stages that came to nothing, too."""
    found = [(entry, entry["counts"].get("in", 0)) for entry in facts.figures["stages"] if entry["drops"]]
    found += [(entry, 0) for entry in facts.figures["came_to_nothing"] if entry["drops"]]
    return [block for entry, taken in found for block in _stage(entry, taken)]


def _stage(entry: Mapping[str, Any], taken: int) -> Iterator[Block]:
    yield Heading(f"Dropped by {entry['stage']}")
    for rule, dropped in entry["drops"].items():
        number = count(dropped["rows"], ["status", "stages", entry["stage"], "counts", "rejected", rule])
        of = f" of {taken:,}" if taken else ""
        cards = [_example(example) for example in dropped["examples"]]
        yield Fold(joined([f"{rule}: ", number, of], ""), cards or [Lines(["no example was kept"], "soft")])


def _example(example: Mapping[str, Any]) -> Cards:
    rejection = example["rejection"]
    about = ", ".join(
        f"{TITLES.get(name, name)} {clipped(told(value), 200)}"
        for name, value in rejection.items()
        if name not in ("kind", "stage", "rule")
        and value is not None
        and not (name == "value" and value == rejection.get("score"))
    )
    if "matched" not in example:
        return Cards([row_card(example["row"])], about)
    if not example["matched"]:
        return Cards([row_card(example["row"], "dropped; the row that it matched is not in this run")], about)
    return Cards(compared(example["row"], example["matched"], ("dropped", "because of")), about)
