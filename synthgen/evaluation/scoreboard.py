"""An evaluation's table and the lines under it, from the figures in `metrics.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthgen.reports.tables import percent, points, table

_DASH = "–"


def scoreboard(report: Mapping[str, Any]) -> str:
    """The models side by side, then what the figures rest on."""
    metrics: list[str] = report["metrics"]
    scored = [name for name in metrics if any(name in figures for figures in report["models"].values())]
    many = len(scored) > 1
    teacher = any(figures["role"] == "teacher" for figures in report["models"].values())
    header = ["model"]
    for name in scored:
        header += [_title(name) if many or name != "exact_match" else "accuracy", "95% interval", "vs base"]
    header += ["parsed", "stopped"] + (["agrees with teacher"] if teacher else [])
    if scored and teacher:
        header.append("gap recovered")
    rows = [_row(name, figures, scored, teacher) for name, figures in report["models"].items()]
    return "\n".join([table(header, rows), "", *_lines(report, scored)])


def _row(name: str, figures: Mapping[str, Any], scored: list[str], teacher: bool) -> list[str]:
    cells = [name]
    for metric in scored:
        measured = figures[metric]
        low, high = measured["interval"]
        against = measured.get("vs_base")
        cells += [percent(measured["value"]), f"{100 * low:.1f}–{100 * high:.1f}", points(against["value"]) if against else _DASH]
    cells += [percent(figures["parsed"]), percent(figures["stopped"])]
    if teacher:
        agreement = figures.get("agreement")
        cells.append(percent(agreement["value"]) if agreement else _DASH)
    if scored and teacher:
        first = figures[scored[0]]
        cells.append(percent(first["gap_recovered"]) if "gap_recovered" in first else _DASH)
    return cells


def _lines(report: Mapping[str, Any], scored: list[str]) -> list[str]:
    lines = _leak_lines(report)
    without = report["questions"] - report["with_reference"]
    if not report["with_reference"]:
        lines.append("no row has a reference: what is shown is agreement with the teacher, no accuracy")
    elif without:
        lines.append(f"{without:,} rows have no reference: scores are over the other {report['with_reference']:,}")
    for name, figures in report["models"].items():
        if figures.get("failed"):
            reasons = ", ".join(f"{reason} {number:,}" for reason, number in figures["failed"].items())
            lines.append(f"{name}: {figures['questions'] - figures['answered']:,} questions got no answer ({reasons}); they count as unanswered")
    for name, figures in report["models"].items():
        for metric in scored:
            against = figures[metric].get("vs_base")
            if against:
                lines.append(f"{name} is {_difference(against)} above its base{_by(metric, scored)}")
    for difference in report["differences"]:
        lines.append(f"{difference['model']} is {_difference(difference)} above {difference['than']}{_by(difference['metric'], scored)}")
    decoding = report["decoding"]
    lines.append(f"greedy, at most {decoding['max_new_tokens']:,} new tokens, the same prompt and the same answer parser for all; intervals are 95% (Wilson; differences: paired bootstrap)")
    return lines


def _leak_lines(report: Mapping[str, Any]) -> list[str]:
    leakage = report.get("leakage")
    if leakage is None:
        return [f"{report['questions']:,} test rows; no training rows are known to compare them with"]
    exact = leakage["exact"]
    found = f"{report['in']:,} test rows; {exact:,} of them among the {leakage['train_rows']:,} training rows; {leakage['near']:,} near-duplicates at {leakage['threshold']:g} (ROUGE-L of the question)"
    if not exact:
        return [found]
    what = "they were left out" if leakage["excluded"] else "THE SCORES ARE NOT TO BE TRUSTED"
    return [found, f"WARNING: {exact:,} test questions were trained on ({', '.join(leakage['exact_ids'][:3])}{' …' if exact > 3 else ''}): {what}"]


def _difference(measured: Mapping[str, Any]) -> str:
    low, high = measured["interval"]
    return f"{points(measured['value'])} points ({points(low)} to {points(high)})"


def _by(metric: str, scored: list[str]) -> str:
    return f" by {_title(metric)}" if len(scored) > 1 else ""


def _title(metric: str) -> str:
    return metric.replace("_", " ")
