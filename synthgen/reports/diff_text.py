"""The differences of `synthgen diff` as text for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from synthgen.core.changes import Change
from synthgen.core.rows import question_text
from synthgen.core.text import percent, points, shortened, table, terminal_columns


def diff_text(differences: dict[str, Any], full: bool = False) -> str:
    """The differences as text for people; with `full` also counts that are equal, and examples of rows."""
    return "\n".join(_lines(differences, full))


def _lines(differences: dict[str, Any], full: bool) -> Iterator[str]:
    yield f"a  {differences['a']}"
    yield f"b  {differences['b']}"
    for stage in differences["stages"]:
        if "only_in" in stage:
            continue
        if stage["same_files"]:
            yield f"\n{stage['stage']}: the same files"
        else:
            yield f"\n{stage['stage']}" + (f" ({', '.join(stage['changed'])})" if stage["changed"] else "")
            yield from _stage_lines(stage, full)
    for side in ("a", "b"):
        if alone := [stage["stage"] for stage in differences["stages"] if stage.get("only_in") == side]:
            yield f"\nonly in {side}: {', '.join(alone)}"
    if differences["scores"]:
        yield ""
        yield _score_table([_score_row(score) for score in differences["scores"]])


def _score_table(rows: list[list[str]]) -> str:
    """The scores, without columns that are empty in every row."""
    header = ["model", "metric", "a", "b", "b - a", "95% interval", "won", "lost"]
    shown = [place for place in range(len(header)) if any(row[place] for row in rows)]
    cells = [[row[place] for place in shown] for row in (header, *rows)]
    return table(cells[0], cells[1:], left=2, columns=terminal_columns())


def _stage_lines(stage: dict[str, Any], full: bool) -> Iterator[str]:
    for change in stage["changes"]:
        yield f"  {Change(change['option'], change['a'], change['b']).line()}"
    counts = list(_count_rows(stage["counts"]["a"], stage["counts"]["b"]))
    if not full:
        counts = [row for row in counts if row[3]]
    if counts:
        yield _indented(table(("", "a", "b", "b - a"), counts))
    for part, rows in stage.get("rows", {}).items():
        yield (
            f"  {part}: {rows['same']:,} the same, {rows['added']:,} added, {rows['lost']:,} lost, "
            f"{rows['changed']:,} changed"
        )
        if not full:
            continue
        for sign, rows_shown in (("+", rows["examples"]["added"]), ("-", rows["examples"]["lost"])):
            for row in rows_shown:
                yield f"    {sign} {row.get('id')}: {shortened(question_text(row), 120)}"
        for pair in rows["examples"]["changed"]:
            yield f"    ~ {pair['a'].get('id')}: {shortened(question_text(pair['a']), 120)}"
            for name in pair["fields"][:3]:
                yield (
                    f"        {name}: {shortened(str(pair['a'].get(name)), 100)} -> "
                    f"{shortened(str(pair['b'].get(name)), 100)}"
                )


def _count_rows(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for name in ("in", "kept"):
        yield _counted(name, a.get(name, 0), b.get(name, 0))
    for kind in ("rejected", "failed"):
        reasons = Counter(a.get(kind, {})) | Counter(b.get(kind, {}))
        for reason in sorted(reasons):
            yield _counted(
                f"{kind}: {reason}", a.get(kind, {}).get(reason, 0), b.get(kind, {}).get(reason, 0)
            )


def _counted(name: str, a: int, b: int) -> tuple[str, str, str, str]:
    return name, f"{a:,}", f"{b:,}", f"{b - a:+,}" if b != a else ""


def _score_row(score: dict[str, Any]) -> list[str]:
    a, b, paired = score["a"], score["b"], score["paired"]
    difference = points(paired["value"] if paired else b["value"] - a["value"] if a and b else None)
    interval = f"{points(paired['interval'][0])} to {points(paired['interval'][1])}" if paired else ""
    won, lost = (f"{paired['won']:,}", f"{paired['lost']:,}") if paired else ("", "")
    return [
        score["model"],
        score["metric"],
        percent(a["value"]) if a else "–",
        percent(b["value"]) if b else "–",
        difference if a and b else "",
        interval,
        won,
        lost,
    ]


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
