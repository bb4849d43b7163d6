"""What the run took, by stage, beside what was estimated: requests, tokens, dollars, time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from synthgen.core.text import dollars, duration
from synthgen.operations.estimate.forecast import likely
from synthgen.reports.report.blocks import Block, Chart, Lines, Table
from synthgen.reports.report.facts import RunFacts
from synthgen.reports.report.figures import count, joined, money, time
from synthgen.reports.svg.bars import Bar, amount_bars

TOKENS = ("prompt_tokens", "completion_tokens")
UNITS = ((3600, "h"), (60, "min"))


def cost(facts: RunFacts) -> list[Block]:
    """A chart of time, one of dollars where any were spent, and the account against the estimate."""
    seconds = [(stage.id, stage.manifest.seconds) for stage in facts.stages]
    blocks: list[Block] = []
    unit, name = next((each for each in UNITS if max(value for _, value in seconds) >= 2 * each[0]), (1, "s"))
    bars = [Bar(stage, *3 * (value / unit,), duration(value)) for stage, value in seconds]
    if svg := amount_bars(bars, "time by stage", lambda value: f"{value:g} {name}"):
        blocks.append(Chart(svg, "time by stage"))
    entries = facts.money["stages"]
    spent = [
        Bar(entry["stage"], *3 * (paid,), dollars(paid), 1)
        for entry in entries
        if (paid := entry["cost_usd"] + entry["ahead"]["cost_usd"])
    ]
    if svg := amount_bars(spent, "dollars by stage", dollars):
        blocks.append(Chart(svg, "what the teacher's replies cost, by stage"))
    return [*blocks, _account(facts), *_notes(facts)] if entries else blocks


def _account(facts: RunFacts) -> Table:
    of_stage = {stage.id: stage for stage in facts.stages}
    header = [
        "stage",
        "requests",
        "estimated",
        "tokens",
        "estimated",
        "cost",
        "estimated",
        "time",
        "estimated",
    ]
    rows = []
    for place, entry in enumerate([*facts.money["stages"], facts.money["total"]]):
        name = entry.get("stage")
        way = ("status", "money", "stages", place) if name else ("status", "money", "total")
        seconds = of_stage[name].manifest.seconds if name in of_stage else None
        rows.append(
            [
                name or "all",
                _with_ahead(entry, count, way, "requests"),
                _expected(entry, "requests", "{:,.0f}"),
                _with_ahead(entry, count, way, *TOKENS),
                _expected(entry, "tokens", "{:,.0f}"),
                _with_ahead(entry, money, way, "cost_usd"),
                _expected(entry, "cost_usd", dollars),
                time(seconds, ["status", "stages", str(name), "seconds"]),
                _expected(entry, "hours", lambda hours: duration(3600 * hours)),
                count(entry["kept_rows"], [*way, "kept_rows"]),
                money(entry["usd_per_kept_row"], [*way, "usd_per_kept_row"]),
            ]
        )
    return Table([*header, "kept rows", "cost of each"], rows)


def _with_ahead(
    entry: Mapping[str, Any], form: Callable[..., str], way: tuple[str | int, ...], *names: str
) -> str:
    """A figure, and after a plus that of requests that were sent ahead and not needed."""
    value = form(sum(entry[name] for name in names), *([*way, name] for name in names))
    ahead = sum(entry["ahead"][name] for name in names)
    if not ahead:
        return value
    return joined([value, " + ", form(ahead, *([*way, "ahead", name] for name in names)), " ahead"], "")


def _expected(entry: Mapping[str, Any], name: str, form: str | Callable[[float], str]) -> str:
    estimated = entry["estimated"]
    return likely(estimated[name], form) if estimated else ""


def _notes(facts: RunFacts) -> list[Block]:
    total = facts.money["total"]
    lines = ["Counted are the replies that rows were made of, whoever had paid for them first."]
    if total["ahead"]["requests"]:
        lines.append(
            "Requests ahead were sent before it was known that enough rows were kept; their replies are in "
            "the ledger, and the cost of each kept row holds them."
        )
    if total["estimated"]:
        lines.append("Estimates are p50 (p95).")
    if total["unfinished"]:
        lines.append(f"The estimate also counts {', '.join(total['unfinished'])}, not finished yet.")
    if total["other_options"]:
        others = ", ".join(entry["stage"] for entry in facts.money["stages"] if entry["other_options"])
        lines.append(f"They were made with other options for {others}.")
    return [Lines(lines, "soft")]
