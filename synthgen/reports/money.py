"""What a run cost against its estimate: requests, tokens and dollars by stage, in all, and for each kept row.

It counts the replies that rows were made of, whichever run paid for them first: that is what the rows are
worth. Calls that were sent ahead and not needed stand beside them, so for a run that found nothing in the
ledger the sum is what was paid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from synthgen.core.hashing import value_hash
from synthgen.core.text import amount, dollars

FIGURES = ("prompt_tokens", "completion_tokens", "cost_usd")


def account(
    stages: Iterable[Mapping[str, Any]], estimate: Mapping[str, Any] | None, came_to: str | None = None
) -> dict[str, Any]:
    """Each asking stage's account, and the total.

    Args:
        stages: of each published stage `stage`, `writes`, `counts`, `requests`, `usage` and its `options`.
        estimate: what `synthgen estimate` left in the run's folder, or None.
        came_to: the stage whose rows the run came to; where left out, the last one that makes rows.

    Returns:
        `stages`: each with `stage`, `requests`, tokens and `cost_usd`, `ahead` (the same of calls that were
        not needed), `kept_rows`, `usd_per_kept_row` and `estimated` (p50 and p95 by figure, or None).
        `total` has the same; its kept rows are those of `came_to`, and its `unfinished` are the stages
        of the estimate that have no result yet.
    """
    estimated_stages = {str(entry.get("stage")): entry for entry in (estimate or {}).get("stages", ())}
    entries, kept = [], 0
    for stage in stages:
        counts, usage, requests = (
            stage.get("counts") or {},
            stage.get("usage") or {},
            stage.get("requests") or {},
        )
        makes_rows = stage.get("writes") in ("rows", "split")
        if counts and (stage["stage"] == came_to if came_to else makes_rows):
            kept = counts["kept"]
        if not requests:
            continue
        entry = {
            "stage": stage["stage"],
            "requests": requests.get("planned", 0) - requests.get("unsent", 0),
            **_plain(usage),
            "ahead": {"requests": requests.get("ahead", 0), **_plain(usage.get("ahead") or {})},
            "kept_rows": counts.get("kept", 0),
        }
        expected = estimated_stages.get(stage["stage"])
        entry["estimated"] = _figures(expected) if expected is not None else None
        entry["other_options"] = (
            expected is not None
            and stage.get("options") is not None
            and expected.get("options") != value_hash(stage["options"])
        )
        entries.append(_with_share(entry))
    total = {name: sum(entry[name] for entry in entries) for name in ("requests", *FIGURES)}
    ahead = {name: sum(entry["ahead"][name] for entry in entries) for name in ("requests", *FIGURES)}
    whole = (
        _figures(estimate["total"])
        if estimate is not None and set(estimated_stages) >= {entry["stage"] for entry in entries}
        else None
    )
    return {
        "stages": entries,
        "total": _with_share(
            {
                **total,
                "ahead": ahead,
                "kept_rows": kept,
                "estimated": whole,
                "unfinished": sorted(set(estimated_stages) - {entry["stage"] for entry in entries}),
                "other_options": any(entry["other_options"] for entry in entries),
            }
        ),
    }


def read_estimate(run_dir: Path) -> dict[str, Any] | None:
    """What `estimate` expected of this run, or None."""
    try:
        estimate = orjson.loads((run_dir / "estimate.json").read_bytes())
        _figures(estimate["total"])
        for entry in estimate["stages"]:
            _figures(entry)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return estimate if isinstance(estimate, dict) else None


def _plain(usage: Mapping[str, Any]) -> dict[str, Any]:
    return {name: usage.get(name) or 0 for name in FIGURES}


def _with_share(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry with what each kept row cost, calls that were not needed included."""
    paid = entry["cost_usd"] + entry["ahead"]["cost_usd"]
    return {**entry, "usd_per_kept_row": paid / entry["kept_rows"] if paid and entry["kept_rows"] else None}


def _figures(estimate: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """p50 and p95 of requests, tokens (in and out together), dollars and hours."""
    tokens = {p: estimate["prompt_tokens"][p] + estimate["completion_tokens"][p] for p in ("p50", "p95")}
    return {
        "requests": dict(estimate["calls"]),
        "tokens": tokens,
        "cost_usd": dict(estimate["usd"]),
        "hours": dict(estimate["hours"]),
    }


def money_lines(money: Mapping[str, Any]) -> list[str]:
    """The total against its estimate, for people; nothing where nobody was asked."""
    total = money["total"]
    if not total["requests"]:
        return []
    ahead = total["ahead"]
    cost = (
        f", {dollars(total['usd_per_kept_row'])} for each of {total['kept_rows']:,} kept rows"
        if total["usd_per_kept_row"]
        else ""
    )
    lines = [f"replies in its results: {_figures_text(total)}{'' if ahead['requests'] else cost}"]
    if ahead["requests"]:
        both = {name: total[name] + ahead[name] for name in ("requests", *FIGURES)}
        lines += [
            f"sent ahead and not needed, kept in the ledger: {_figures_text(ahead)}",
            f"together: {_figures_text(both)}{cost}",
        ]
    expected = total["estimated"]
    if expected is not None:
        of = " (with other options than now)" if total["other_options"] else ""
        waiting = f" (with {', '.join(total['unfinished'])}, not finished yet)" if total["unfinished"] else ""
        lines.append(
            f"estimated{of}{waiting}: {_both(expected['requests'], '{:,.0f}')} requests, "
            f"{_both(expected['tokens'], '{:,.0f}')} tokens, {_both(expected['cost_usd'], dollars)}"
        )
    return lines


def _figures_text(figures: Mapping[str, Any]) -> str:
    return (
        f"{amount(figures['requests'], 'request')}, "
        f"{figures['prompt_tokens'] + figures['completion_tokens']:,} tokens, "
        f"{dollars(figures['cost_usd'])}"
    )


def _both(figure: Mapping[str, float], form: str | Callable[[float], str]) -> str:
    shown = form.format if isinstance(form, str) else form
    return f"{shown(figure['p50'])} (p95 {shown(figure['p95'])})"
