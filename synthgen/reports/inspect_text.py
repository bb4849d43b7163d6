"""The figures of `synthgen inspect` as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from synthgen.core.rows import Row
from synthgen.core.text import amount, dollars, percent, shortened, table, terminal_columns
from synthgen.reports.row_text import bars, cut_line, gist, measured, row_lines
from synthgen.reports.training_curve import curve_lines

RULES = 6
"""Rules of a stage that are shown where there is no time for all."""
SHORT = 120
"""Characters of a field of a sample row there."""


def inspect_text(figures: dict[str, Any], full: bool = False) -> str:
    """The figures as text for people; with `full` every example and every field of the sample rows, whole."""
    shown = figures if full else _shorter(figures)
    return "\n".join(_run_lines(shown) if "stages" in shown else _file_lines(shown))


def _shorter(figures: dict[str, Any]) -> dict[str, Any]:
    """The same figures with an example of each of the first rules, and short sample rows without `meta`."""
    short = {**figures, **({"drops": _first_examples(figures["drops"])} if "drops" in figures else {})}
    if "samples" in figures:
        short["samples"] = [
            {
                name: shortened(value, SHORT) if isinstance(value, str) else value
                for name, value in row.items()
                if name not in ("id", "meta")
            }
            for row in figures["samples"]
        ]
    for name in ("stages", "came_to_nothing"):
        if name in figures:
            short[name] = [
                {**stage, "drops": _first_examples(stage["drops"]), "table": _summary(stage.get("table"))}
                for stage in figures[name]
            ]
    for name in ("rows", "under_way"):
        if isinstance(figures.get(name), dict):
            short[name] = _shorter(figures[name])
    return short


def _first_examples(drops: dict[str, Any]) -> dict[str, Any]:
    return {
        rule: {**entry, "examples": entry["examples"][: int(place < RULES)], "short": True}
        for place, (rule, entry) in enumerate(drops.items())
    }


def _summary(table: str | None) -> str | None:
    """A stage's table; of an evaluation's verdict the line of each student, without what it rests on."""
    head, verdict, rest = (table or "").partition("\nverdict (")
    if not verdict or "\n\n  " not in rest:
        return table
    shown = rest.partition("\n\n  ")[0]
    return f"{head}{verdict}{shown}\n  what it rests on: synthgen verdict RUN, or --full"


def _file_lines(figures: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{figures['file']}: {amount(figures['rows'], 'row')}"
        + (f", {amount(figures['broken'], 'line')} that cannot be read" if figures["broken"] else "")
        + (f", version {figures['version']}" if figures["version"] else "")
    )
    for line in figures["broken_lines"]:
        yield f"  line {line['line']}: {line['fault']}"
    yield from _rows_lines(figures)
    yield from _drop_lines(figures["drops"])


def _run_lines(figures: dict[str, Any]) -> Iterator[str]:
    yield (
        f"run {figures['run']} in {figures['folder']}" if figures["run"] else f"folder {figures['folder']}"
    ) + (f" · at work now: {figures['live']['line']}" if figures["live"] else "")
    yield ""
    rows = [
        [
            stage["stage"],
            *(f"{number:,}" for number in _sums(stage["counts"])),
            stage["versions"].get("", ""),
        ]
        for stage in figures["stages"]
    ]
    yield table(("stage", "in", "kept", "rejected", "failed", "version"), rows, columns=terminal_columns())
    for stage in figures["stages"]:
        if parts := [f"{part} {version}" for part, version in stage["versions"].items() if part]:
            yield f"versions of {stage['stage']}: {', '.join(parts)}"
    for stage in figures["stages"]:
        if figures["run"] is None and stage["table"]:
            yield f"\n{stage['table']}"
        if figures["run"] is None and stage["curve"]:
            yield ""
            yield from curve_lines(stage["curve"], terminal_columns())
        if stage["drops"]:
            yield f"\n{stage['stage']} dropped"
            yield from _drop_lines(stage["drops"], stage["reasons"])
    for stage in figures["came_to_nothing"]:
        yield f"\n{stage['why']}; what it dropped is in {stage['file']}"
        yield from _drop_lines(stage["drops"])
    if figures["under_way"]:
        writing = figures["under_way"]
        state = "was interrupted" if writing["interrupted"] else "is under way"
        yield f"\n{writing['stage']} {state}: {amount(writing['rows'], 'row')} on disk so far"
        if writing["ledger"]:
            charged = writing["ledger"]
            yield (
                f"in the ledger for this run: {amount(charged['requests'], 'request')}, "
                f"{charged['tokens']:,} tokens"
                + (f", {dollars(charged['cost_usd'])}" if charged["cost_usd"] else "")
            )
            for newest in charged["newest"]:
                yield f"  {newest['key'][:12]}… [{newest['finish_reason']}] {shortened(newest['reply'], 300)}"
        yield from _rows_lines(writing)
        yield from _drop_lines(writing["drops"])
    elif figures["rows"]:
        yield f"\nrows of {figures['rows']['stage']}: {figures['rows']['rows']:,}"
        yield from _rows_lines(figures["rows"])


def _sums(counts: dict[str, Any]) -> tuple[int, int, int, int]:
    return (
        counts.get("in", 0),
        counts.get("kept", 0),
        sum(counts.get("rejected", {}).values()),
        sum(counts.get("failed", {}).values()),
    )


def _rows_lines(survey: dict[str, Any]) -> Iterator[str]:
    if survey["words"]:
        yield ""
        rows = [
            [
                name,
                f"{survey['fields'][name]:,}",
                *(f"{lengths[which]:,}" for which in ("min", "p5", "median", "p95", "max")),
                bars(lengths["histogram"]),
            ]
            for name, lengths in survey["words"].items()
        ]
        yield table(
            ("words in", "rows", "min", "5%", "median", "95%", "max", "from min to max"),
            rows,
            columns=terminal_columns(),
        )
    others = [name for name in survey["fields"] if name not in survey["words"]]
    if others:
        yield "other fields: " + ", ".join(f"{name} {survey['fields'][name]:,}" for name in others[:20])
    for row in survey["samples"]:
        yield ""
        yield from row_lines(row)


def _drop_lines(
    drops: dict[str, Any], reasons: Mapping[str, Mapping[str, int]] | None = None
) -> Iterator[str]:
    total = sum(entry["rows"] for entry in drops.values())
    for rule, entry in drops.items():
        told = [f"{rows:,} {reason}" for reason, rows in (reasons or {}).get(rule, {}).items()]
        why = f": {', '.join(told)}" if told else ""
        yield f"  {rule}: {entry['rows']:,} ({percent(entry['rows'] / total)}){why}"
        # An example is one line where there is no time for all.
        limit = terminal_columns() if entry.get("short") else 400
        for example in entry["examples"]:
            rejection = example["rejection"]
            figures = ", ".join(measured(rejection, ("value", "threshold", "score"), 40))
            yield cut_line(
                f"    {example['id'] or _place(example['row'])}{f' ({figures})' if figures else ''}: "
                f"{shortened(gist(example['row'], rejection.get('rule', '')), 140)}",
                limit,
            )
            if "matched" in example:
                matched = example["matched"]
                said = f": {shortened(gist(matched, ''), 140)}" if matched else _elsewhere(rejection)
                yield cut_line(f"    = {rejection['matched_id']}{said}", limit)


def _place(row: Row) -> str:
    """Where a row without an id was read: its file and line."""
    told = row.get("meta")
    meta = told if isinstance(told, dict) else {}
    places = (str(meta[name]) for name in ("source", "line") if name in meta)
    return ":".join(places) or "no id"


def _elsewhere(rejection: Row) -> str:
    value = rejection.get("value")
    file = value.get("evaluation") if isinstance(value, dict) else None
    return f" of {file}" if file else ": (not in this run)"
