"""The figures of pairwise comparisons, and the lines about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from synthgen.core.rows import Row
from synthgen.core.text import percent, table
from synthgen.evaluation.compare import ModelAnswers
from synthgen.evaluation.intervals import Interval, paired_difference, wilson
from synthgen.evaluation.length_control import length_controlled
from synthgen.evaluation.pairwise import UNANSWERED, UNREAD, Compared, Comparison, Pair
from synthgen.tasks.grades import both_orders

SCORES = {"won": 1.0, "tied": 0.5, "lost": 0.0}
LISTED_IDS = 20
"""Rows without a readable verdict that metrics.json names."""
FILE = "pairwise.jsonl"
_DASH = "–"


def pairwise_report(comparison: Comparison, judge: str, rows: Sequence[Row]) -> dict[str, Any]:
    """The figures of all pairs, as `metrics.json` has them.

    Args:
        comparison: what came of each row.
        judge: the model that judged.
        rows: the test rows.
    """
    ids = [str(row.get("id", number)) for number, row in enumerate(rows, 1)]
    refused = {
        number for _, found in comparison.pairs for number, one in enumerate(found) if _without_reply(one)
    }
    return {
        "judge": judge,
        "questions_without_reply": len(refused),
        "pairs": [_figures(pair, found, ids) for pair, found in comparison.pairs],
    }


def _without_reply(one: Compared) -> bool:
    """Whether the judge was asked and gave no reply."""
    return one.outcome is None and one.why not in (UNREAD, UNANSWERED)


def _figures(pair: Pair, found: Sequence[Compared], ids: Sequence[str]) -> dict[str, Any]:
    at = [index for index, one in enumerate(found) if one.outcome]
    outcomes = [one.outcome for one in found if one.outcome]
    mine, other = ([len(model.answers[index].final_text) for index in at] for model in pair)
    unread = [name for name, one in zip(ids, found, strict=True) if one.why == UNREAD]
    figures: dict[str, Any] = {
        "model": pair.model.name,
        "than": pair.than.name,
        "rows": len(at),
        **{name: outcomes.count(name) for name in ("won", "tied", "lost")},
        "not_asked": sum(one.orders is None and bool(one.outcome) for one in found),
        "unread": len(unread),
        "unread_ids": unread[:LISTED_IDS],
        "uncompared": len(found) - len(at) - len(unread),
        "unanswered": sum(one.why == UNANSWERED for one in found),
        "no_reply": dict(sorted(Counter(one.why for one in found if _without_reply(one)).items())),
    }
    if not at:
        return figures
    figures["win_rate"] = _rate(outcomes.count("won"), outcomes.count("lost"), len(at)).figures()
    controlled = length_controlled([SCORES[one] for one in outcomes], mine, other)
    figures["length_controlled"] = (
        {**controlled.rate.figures(), "effect": round(controlled.effect, 6)} if controlled else None
    )
    figures["characters"] = [round(sum(one) / len(at), 1) for one in (mine, other)]
    return {**figures, **_of_orders([one for one in found if one.outcome and one.orders])}


def _rate(won: float, lost: float, rows: int) -> Interval:
    """Wins and half the ties among the rows; its interval leaves out a half where McNemar's test does."""
    ones = [1.0] * round(won) + [0.0] * (rows - round(won))
    apart = paired_difference(ones, [0.0] * (rows - round(lost)) + [1.0] * round(lost))
    return Interval(*((1 + end) / 2 for end in (apart.value, apart.low, apart.high)))


def _of_orders(asked: Sequence[Compared]) -> dict[str, Any]:
    """How often both orders agree, and how often the answer that stands first wins, ties as half."""
    said = [one.orders for one in asked if one.orders]
    if not said:
        return {}
    same = sum(
        orders.straight == "tie" == orders.swapped or both_orders(orders.straight, orders.swapped) != "tie"
        for orders in said
    )
    first = [sum(side == "A" for side in orders[:2]) / 2 for orders in said]
    last = [sum(side == "B" for side in orders[:2]) / 2 for orders in said]
    apart = paired_difference(first, last)
    return {
        "asked": len(said),
        "consistent": wilson(same, len(said)).figures(),
        "first_wins": Interval(*((1 + end) / 2 for end in (apart.value, apart.low, apart.high))).figures(),
    }


def comparison_lines(report: Mapping[str, Any]) -> list[str]:
    """The comparisons as a person reads them, from `metrics.json`; none where there are none."""
    compared = report.get("pairwise")
    if not compared:
        return []
    header = ["student", "against", "won", "tied", "lost", "wins", "95% interval"]
    header += ["at equal lengths", "95% interval", "consistent", "first wins"]
    rows = [_row(figures) for figures in compared["pairs"]]
    return [
        f"pairwise, judged by {compared['judge']} in both orders; who wins in one order alone has tied:",
        *table(header, rows, left=2, breaks=[7]).splitlines(),
        *comparison_remarks(report),
    ]


def comparison_remarks(report: Mapping[str, Any]) -> list[str]:
    """What the comparisons' figures rest on, line by line."""
    compared = report.get("pairwise")
    if not compared:
        return []
    return [*_remarks(compared), *_own_words(compared, report.get("models", {}))]


def _row(figures: Mapping[str, Any]) -> list[str]:
    cells = [figures["model"], figures["than"], *(f"{figures[name]:,}" for name in ("won", "tied", "lost"))]
    for name in ("win_rate", "length_controlled"):
        measured = figures.get(name)
        cells += [percent(measured["value"]), _ends(measured)] if measured else [_DASH, _DASH]
    for name in ("consistent", "first_wins"):
        cells.append(percent(figures[name]["value"]) if name in figures else _DASH)
    return cells


def _remarks(compared: Mapping[str, Any]) -> list[str]:
    lines = []
    pairs, questions = compared["pairs"], compared.get("questions_without_reply", 0)
    firsts = [figures["first_wins"]["interval"] for figures in pairs if "first_wins" in figures]
    for place, found in (
        ("first", sum(low > 0.5 for low, _ in firsts)),
        ("last", sum(high < 0.5 for _, high in firsts)),
    ):
        if found:
            lines.append(
                f"the answer that stands {place} wins by more than chance in {found:,} of {len(pairs):,} "
                "pairs: the judge favours a place"
            )
    if any(figures.get("length_controlled", 0) is None for figures in pairs):
        lines.append("no rate at equal lengths where nearly all answers of one side are the longer ones")
    total = f"of {sum(map(_all, pairs)):,} comparisons"
    for name, what in (
        ("not_asked", "are of equal or blank answers, decided without the judge"),
        ("unread", f"cannot be read and are left out; {FILE} has the judge's words"),
        ("unanswered", "are left out, since the teacher gave no answer"),
    ):
        if number := sum(figures.get(name, 0) for figures in pairs):
            lines.append(f"{number:,} {total} {what}")
    reasons: Counter[str] = Counter()
    for figures in pairs:
        reasons.update(figures.get("no_reply", {}))
    if reasons:
        why = ", ".join(f"{reason} {number:,}" for reason, number in sorted(reasons.items()))
        of = f"{questions:,} question{'s' * (questions != 1)}"
        lines.append(
            f"{reasons.total():,} {total}, on {of}, are left out, since the judge gave no reply ({why}); "
            f"{FILE} has its server's words"
        )
    return lines


def _own_words(compared: Mapping[str, Any], models: Mapping[str, Any]) -> list[str]:
    """A word on a judge who is the teacher that students are compared with."""
    named = (pair["than"] for pair in compared["pairs"])
    if not any(models.get(than, {}).get("source") == compared["judge"] for than in named):
        return []
    return ["the judge is the teacher's own model, and judges favour their own answers: take another"]


def _all(figures: Mapping[str, Any]) -> int:
    return int(figures["rows"] + figures["unread"] + figures["uncompared"])


def _ends(measured: Mapping[str, Any]) -> str:
    low, high = measured["interval"]
    return f"{100 * low:.1f}–{100 * high:.1f}"


def comparison_rows(comparison: Comparison, rows: Sequence[Row]) -> list[Row]:
    """The lines of `pairwise.jsonl`: a row of a pair each, with the judge's words."""
    return [
        {
            "id": row.get("id"),
            "model": pair.model.name,
            "than": pair.than.name,
            "outcome": one.outcome or one.why,
            **({"words": one.words} if one.words else {}),
            **(_said(one, pair.model, pair.than) if one.orders else {}),
        }
        for pair, found in comparison.pairs
        for row, one in zip(rows, found, strict=True)
    ]


def _said(one: Compared, model: ModelAnswers, than: ModelAnswers) -> Row:
    assert one.orders is not None
    names = [{"A": model.name, "B": than.name}, {"A": than.name, "B": model.name}]
    return {
        "winners": [
            None if side is None else order.get(side, "tie")
            for side, order in zip(one.orders[:2], names, strict=True)
        ],
        "replies": list(one.orders.replies),
    }
