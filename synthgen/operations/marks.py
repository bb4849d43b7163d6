"""What people's marks come to: counts, how far they agree with each other and with judges, and pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

from synthgen.core.errors import ConfigError, EmptyResult
from synthgen.core.rows import Row, RowIds
from synthgen.core.text import amount, percent, table
from synthgen.store.jsonl import open_whole, parse_line, write_rows
from synthgen.store.reviews import Mark, Standings, decisions, read_marks, review_id
from synthgen.tasks.agreement import agreement


def marks_summary(path: Path, files: Iterable[Path] = ()) -> dict[str, Any]:
    """Plain figures of a file of marks.

    Args:
        path: the file of marks.
        files: row files, where the judges' scores of graded rows are.

    Returns:
        {"marks": {kind: n}, "reviewers": {who: rows}, "kept", "rejected", "fixed",
        "overruled": {file: {"seen", "against"}}, "agreement": [{"of", "a", "b", "rows", "equal", "kappa"}]}.
        `against` counts the rows of a file of kept rows that people reject, or of rejected ones that they
        keep.

    Raises:
        InputError: see `read_marks`.
    """
    marks = list(read_marks(path))
    standings = Standings(marks)
    decided = decisions(path)
    return {
        "marks": dict(Counter(mark["mark"] for mark in marks)),
        "reviewers": dict(Counter(who for people in standings.rows.values() for who in people)),
        "kept": sum(one.keep for one in decided.values()),
        "rejected": sum(not one.keep for one in decided.values()),
        "fixed": sum(bool(one.edits) for one in decided.values()),
        "overruled": _overruled(standings, decided),
        "agreement": [*_between(standings), *_with_judges(standings, files)],
    }


def _overruled(standings: Standings, decided: dict[str, Any]) -> dict[str, dict[str, int]]:
    by_file: dict[str, dict[str, int]] = {}
    for row, decision in decided.items():
        file = next((one.file for one in standings.rows[row].values() if one.verdict and one.file), "")
        if not file:
            continue
        entry = by_file.setdefault(file, {"seen": 0, "against": 0})
        entry["seen"] += 1
        entry["against"] += decision.keep == _is_rejected(file)
    return by_file


def _is_rejected(file: str) -> bool:
    return file.rpartition("/")[2].startswith("rejected")


def _between(standings: Standings) -> Iterator[dict[str, Any]]:
    """Each two reviewers, over the rows that both gave a verdict or a grade."""
    everybody = sorted({who for people in standings.rows.values() for who in people})
    for a, b in combinations(everybody, 2):
        both = [(people[a], people[b]) for people in standings.rows.values() if a in people and b in people]
        verdicts = [
            (one.verdict != "reject", two.verdict != "reject")
            for one, two in both
            if one.verdict and two.verdict
        ]
        grades = [
            (one.grade, two.grade) for one, two in both if one.grade is not None and two.grade is not None
        ]
        for what, given in (("verdicts", verdicts), ("grades", grades)):
            if given:
                yield {"of": what, "a": a, "b": b, **_agreed(given)}


def _with_judges(standings: Standings, files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Each reviewer with each score in `meta.scores`, over the rows that both graded."""
    graded = {
        row for row, people in standings.rows.items() if any(one.grade is not None for one in people.values())
    }
    scores: dict[str, dict[str, float]] = {}
    for row_id, row in _rows(files, graded):
        meta = row.get("meta")
        named = meta.get("scores") if isinstance(meta, dict) else None
        for name, score in named.items() if isinstance(named, dict) else ():
            if isinstance(score, int | float):
                scores.setdefault(name, {})[row_id] = float(score)
    for judge, of_rows in sorted(scores.items()):
        for who in sorted({who for row in graded for who in standings.rows[row]}):
            pairs = [
                (of_rows[row], standings.rows[row][who].grade)
                for row in sorted(graded & of_rows.keys())
                if who in standings.rows[row] and standings.rows[row][who].grade is not None
            ]
            if pairs:
                yield {"of": "grades", "a": f"meta.scores.{judge}", "b": who, **_agreed(pairs)}


def _rows(files: Iterable[Path], wanted: set[str]) -> Iterator[tuple[str, Row]]:
    """The rows with scores, by what marks call them; a row may stand in several stages."""
    for path in files if wanted else ():
        with open_whole(path) as source:
            for number, line in enumerate(source, 1):
                row = parse_line(number, line.rstrip(b"\r\n")).row if b'"scores"' in line else None
                if row is not None and (row_id := review_id(row)) in wanted:
                    yield row_id, row


def _agreed(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    return agreement([float(a) for a, _ in pairs], [float(b) for _, b in pairs])


def agreement_text(path: Path, files: Iterable[Path] = ()) -> str:
    """The figures as text for people."""
    if not path.exists():
        return "No marks yet."
    figures = marks_summary(path, files)
    kinds = ", ".join(f"{kind} {number:,}" for kind, number in sorted(figures["marks"].items())) or "none"
    lines = [
        f"marks: {kinds}",
        f"people decided to keep {amount(figures['kept'], 'row')} ({figures['fixed']:,} of them fixed) "
        f"and to reject {figures['rejected']:,}",
    ]
    for file, seen in figures["overruled"].items():
        against = f"{seen['against']:,}"
        said = f"kept {against} after all" if _is_rejected(file) else f"rejected {against}"
        lines.append(f"{file}: of {amount(seen['seen'], 'row')} with a verdict, people {said}")
    if figures["agreement"]:
        rows = [
            [
                f"{one['a']} and {one['b']}",
                one["of"],
                f"{one['rows']:,}",
                percent(one.get("equal")),
                _kappa(one),
            ]
            for one in figures["agreement"]
        ]
        lines += ["", table(["agreement", "of", "rows", "equal", "kappa"], rows, left=2)]
    return "\n".join(lines)


def _kappa(one: dict[str, Any]) -> str:
    return f"{one['kappa']:.2f}" if "kappa" in one else "-"


def preference_pairs(path: Path) -> list[Row]:
    """The pairs that people preferred one answer of, in the order of the first comparison.

    One vote a person; more votes win, and a tie gives no pair.

    Raises:
        InputError: see `read_marks`.
    """
    votes: dict[tuple[str, ...], dict[str, Mark]] = {}
    for mark in read_marks(path):
        if mark["mark"] == "prefer":
            votes.setdefault(tuple(sorted((mark["row"], mark["over"]))), {})[mark["who"]] = mark
    ids, pairs = RowIds(), []
    for sides, by_person in votes.items():
        counted = Counter(mark["row"] for mark in by_person.values() if not mark.get("tie"))
        ranked = counted.most_common(2)
        if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
            continue
        best = next(
            mark for mark in by_person.values() if mark["row"] == ranked[0][0] and not mark.get("tie")
        )
        pair: Row = {name: best[name] for name in ("prompt", "chosen", "rejected")}
        row_id = ids.assign(pair, sides)
        pairs.append(
            {"id": row_id, **pair, "meta": {"source": "reviews", "parents": [best["row"], best["over"]]}}
        )
    return pairs


def write_pairs(path: Path, out: Path) -> int:
    """Writes the preferred pairs to a new file of rows, which load and prefer read; returns their number.

    Raises:
        ConfigError: a file of this name is there.
        EmptyResult: nobody preferred an answer.
        InputError: see `read_marks`.
    """
    if out.exists():
        raise ConfigError("a file of this name is there already", str(out), "give another name to --pairs")
    pairs = preference_pairs(path)
    if not pairs:
        raise EmptyResult(
            "no answer was preferred to another", str(path), "compare two answers in `synthgen view`"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    return write_rows(out, pairs)
