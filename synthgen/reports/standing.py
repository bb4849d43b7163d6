"""What a run has to show so far: what it paid, the scores and verdicts of its evaluations, its shards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.core.text import amount, dollars, percent, table
from synthgen.operations.shard import is_merged
from synthgen.store.jsonl import read_log

if TYPE_CHECKING:
    from collections.abc import Callable


def charged(folder: Path | None, run: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """What a run has paid by the ledger, and what is set aside for requests that are not settled.

    Args:
        folder: the ledger's folder.
        run: the run's name.

    Returns:
        Each as requests, tokens and `cost_usd`, or None where there is nothing.
    """
    from synthgen.store.ledger.ledger import open_ledger

    if folder is None or not folder.is_dir():
        return None, None
    ledger = open_ledger(folder)
    try:
        everything, aside = ledger.spent(run), ledger.set_aside(run)
    finally:
        ledger.close()
    paid = _figures(
        everything.usd - aside.usd, everything.tokens - aside.tokens, everything.requests - aside.requests
    )
    return paid, _figures(*aside)


def _figures(usd: float, tokens: int, requests: int) -> dict[str, Any] | None:
    if requests <= 0:
        return None
    return {"requests": requests, "tokens": tokens, "cost_usd": max(usd, 0.0)}


def charged_lines(status: Mapping[str, Any]) -> list[str]:
    """What this run paid itself, beside what its replies are worth; what is set aside, and for what."""
    asked = status["money"]["total"]["requests"]
    paid, aside = status["paid"], status["set_aside"]
    lines = []
    if paid:
        lines.append(f"paid by this run, over all its tries: {_figures_text(paid)}")
    elif asked and status["ledger"]:
        lines.append("paid by this run: nothing; every reply was in the ledger")
    if aside:
        what = (
            "set aside for requests in flight"
            if status["live"]
            else "sent and never settled, and counted as paid by the budget"
        )
        lines.append(f"{what}: {_figures_text(aside, 'at most ')}")
    return lines


def _figures_text(figures: Mapping[str, Any], most: str = "") -> str:
    cost = dollars(figures["cost_usd"])
    return f"{amount(figures['requests'], 'request')}, {most}{figures['tokens']:,} tokens, {cost}"


def score_lines(status: Mapping[str, Any], columns: int) -> list[str]:
    """The scores as a table for each evaluation."""
    lines: list[str] = []
    states = {stage["stage"]: stage["state"] for stage in status["stages"]}
    for evaluation in status["scores"]:
        header = [
            evaluation["stage"] + ("" if states[evaluation["stage"]] == "done" else " (would run again)")
        ]
        for metric in evaluation["metrics"]:
            header += ["accuracy" if metric == "exact_match" else metric.replace("_", " "), "95% interval"]
        rows = []
        for name, figures in evaluation["models"].items():
            cells = [name]
            for metric in evaluation["metrics"]:
                one = figures.get(metric)
                low, high = one["interval"] if one else (0, 0)
                cells += [percent(one["value"]), f"{100 * low:.1f}–{100 * high:.1f}"] if one else ["–", "–"]
            rows.append([*cells, evaluation["verdicts"].get(name, "")])
        lines += ["", table([*header, "verdict"], rows, columns=columns, prose=True)]
    return lines


def shards(run_dir: Path, at_work: Callable[[Path], bool]) -> list[dict[str, Any]]:
    """How far the shards of a run are, one entry for each number of shards that there are folders of.

    Args:
        run_dir: the run's folder.
        at_work: whether a process is at work in a folder.
    """
    folders: dict[int, dict[int, Path]] = {}
    for folder in (run_dir / "shards").glob("*-of-*"):
        if match := re.fullmatch(r"(\d+)-of-(\d+)", folder.name):
            folders.setdefault(int(match[2]), {})[int(match[1])] = folder
    found = []
    for of, parts in sorted(folders.items()):
        state = {number: _state(folder, at_work) for number, folder in sorted(parts.items())}
        by_state = {
            word: [number for number in range(1, of + 1) if state.get(number, "not started") == word]
            for word in ("done", "running", "stopped", "not started")
        }
        found.append({"of": of, **by_state, "merged": is_merged(run_dir, parts.values(), of)})
    return found


def _state(folder: Path, at_work: Callable[[Path], bool]) -> str:
    if at_work(folder):
        return "running"
    last = ""
    for entry in read_log(folder / "run.log.jsonl"):
        last = str(entry.get("event"))
    return "done" if last == "done" else "stopped"


def shard_lines(status: Mapping[str, Any]) -> list[str]:
    """How many shards are done, what the others are, and what to do when all are."""
    lines = []
    for part in status["shards"]:
        of, done = part["of"], len(part["done"])
        others = ", ".join(
            f"{word} {', '.join(map(str, part[word]))}"
            for word in ("running", "stopped", "not started")
            if part[word]
        )
        then = (
            ": merged" if part["merged"] else ": merge now, `synthgen merge PIPELINE`" if done == of else ""
        )
        lines.append(f"shards: {done} of {of} done{then}{f'; {others}' if others else ''}")
    return lines
