"""From what came in to what a student is trained on: each stage's rows, and which rule took how many."""

from __future__ import annotations

from synthgen.reports.report.blocks import Block, Chart, Table
from synthgen.reports.report.facts import RunFacts, counted
from synthgen.reports.report.figures import count, memory, money, share, time
from synthgen.reports.run_folder import PublishedStage
from synthgen.reports.svg.bars import Stack, stacked_bars

KINDS = ("kept", "rejected", "set aside for tests", "failed")


def funnel(facts: RunFacts) -> list[Block]:
    """The chart, the stages, and the rules."""
    row_stages = [stage for stage in facts.stages if stage.manifest.writes in ("rows", "split")]
    stacks = [_stack(stage) for stage in row_stages]
    blocks: list[Block] = []
    if svg := stacked_bars(stacks, KINDS, "rows by stage"):
        blocks.append(Chart(svg, "rows that each stage took in, and what became of them"))
    if rules := _rules(facts):
        blocks.append(rules)
    header = ["stage", "kind", "in", "kept", "rejected", "failed", "kept of all", "cost", "time", "memory"]
    rows = [_row(stage) for stage in facts.stages]
    return [*blocks, Table(header, rows, text=2)] if rows else blocks


def _stack(stage: PublishedStage) -> Stack:
    counts = stage.manifest.counts
    aside = sum(
        record.rows or 0
        for name, record in stage.manifest.outputs.items()
        if name in ("test.jsonl", "validation.jsonl")
    )
    rejected, failed = counted(stage, "rejected"), counted(stage, "failed")
    kept = counts.get("kept", 0) - aside
    parts = ((0, float(kept)), (2, float(aside)), (1, float(rejected)), (3, float(failed)))
    return Stack(stage.id, parts, f"{kept:,}")


def _row(stage: PublishedStage) -> list[str]:
    counts, usage = stage.manifest.counts, stage.manifest.usage or {}
    way = ("status", "stages", stage.id)
    rejected, failed = (
        count(counted(stage, what), [*way, "counts", what]) for what in ("rejected", "failed")
    )
    taken = counts.get("in", 0)
    return [
        stage.id,
        stage.manifest.kind,
        count(taken, [*way, "counts", "in"]),
        count(counts.get("kept", 0), [*way, "counts", "kept"]),
        rejected,
        failed,
        share(counts["kept"] / taken) if taken and stage.manifest.writes in ("rows", "split") else "",
        money(usage.get("cost_usd") or None, [*way, "usage", "cost_usd"]),
        time(stage.manifest.seconds, [*way, "seconds"]),
        memory(stage),
    ]


def _rules(facts: RunFacts) -> Table | None:
    rows = []
    for stage in facts.stages:
        taken = stage.manifest.counts.get("in", 0)
        for what in ("rejected", "failed"):
            found = stage.manifest.counts.get(what, {})
            for name, number in sorted(found.items(), key=lambda entry: (-entry[1], entry[0])):
                rows.append(
                    [
                        stage.id,
                        name,
                        what,
                        count(number, ["status", "stages", stage.id, "counts", what, name]),
                        share(number / taken) if taken else "",
                    ]
                )
                rows += _reasons(stage, name, taken)
    return Table(["stage", "rule or reason", "became", "rows", "of its rows"], rows, text=3) if rows else None


def _reasons(stage: PublishedStage, rule: str, taken: int) -> list[list[str]]:
    """A line for each reason that a rule told, where it told several kinds of rows apart."""
    reasons = stage.manifest.extra.get("reasons", {}).get(rule, {})
    place = (f"{stage.id}/manifest.json", "extra", "reasons", rule)
    return [
        ["", f"{rule}: {reason}", "", count(number, [*place, reason]), share(number / taken) if taken else ""]
        for reason, number in reasons.items()
    ]
