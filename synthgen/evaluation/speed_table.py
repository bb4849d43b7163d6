"""Size, speed and price of models side by side, from the files of a `measure` stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthgen.core.text import dollars, table
from synthgen.training.footprint import size

MILLION = 1_000_000
HOUR = 3600
_DASH = "–"


def best_batch(figures: Mapping[str, Any]) -> Mapping[str, Any]:
    """The batch in which a model gave most answers a second."""
    best: Mapping[str, Any] = max(figures["batches"], key=lambda one: one["answers_per_second"])
    return best


def usd_per_million(figures: Mapping[str, Any], usd_per_hour: float | None) -> float | None:
    """What a million answers of a local model cost on a machine of that price, asked in the best batch."""
    if usd_per_hour is None or "failed" in figures:
        return None
    return usd_per_hour / HOUR / float(best_batch(figures)["answers_per_second"]) * MILLION


def speed_rows(sizes: Mapping[str, Any], speed: Mapping[str, Any]) -> list[list[str]]:
    """The cells of each model: name, weights, disk, memory, first token, speed one by one and at best, price.

    Args:
        sizes: `metrics.json` of the stage.
        speed: `speed.json`.
    """
    rows = []
    for name, figures in speed["models"].items():
        known = sizes["models"][name]
        disk = size(known["bytes"]) if known.get("bytes") else _DASH
        if "failed" in figures:
            rows.append([name, *[_DASH] * 2, disk, *[_DASH] * 4])
            continue
        one, best = figures["batches"][0], best_batch(figures)
        rows.append(
            [
                name,
                f"{known['parameters']:,}",
                disk,
                size(figures["peak_memory_bytes"]),
                _seconds(figures["first_token_seconds"]),
                f"{one['tokens_per_second']:,.0f}",
                f"{best['tokens_per_second']:,.0f} ({best['batch']})",
                _price(figures.get("usd_per_million")),
            ]
        )
    if (teacher := sizes.get("teacher")) and "teacher" not in speed["models"]:
        rows.append(["teacher", *[_DASH] * 6, _price(teacher.get("usd_per_million"))])
    return rows


HEADER = ["model", "weights", "disk", "memory", "first token", "tok/s", "best (batch)", "1M answers"]


def speed_lines(sizes: Mapping[str, Any], speed: Mapping[str, Any]) -> list[str]:
    """The table and the lines under it."""
    machine = speed["machine"]
    lines = [table(HEADER, speed_rows(sizes, speed)), "", *remarks(sizes, speed)]
    lines.append(
        f"on {machine['device']}, {machine['cores']} cores; {speed['questions']:,} test questions, answers "
        f"of at most {speed['max_new_tokens']:,} tokens"
    )
    return lines


def remarks(sizes: Mapping[str, Any], speed: Mapping[str, Any]) -> list[str]:
    """What is behind the prices, and which models could not be measured."""
    said = [
        f"{name}: not measured: {figures['failed']}"
        for name, figures in speed["models"].items()
        if "failed" in figures
    ]
    if (price := speed.get("usd_per_hour")) is not None:
        said.append(f"a million answers at {dollars(price)} an hour for this machine, in the best batch")
    teacher = sizes.get("teacher")
    if teacher and teacher.get("usd_per_million") is not None:
        said.append(
            f"the teacher's: {teacher['prompt_tokens']:,.0f} tokens of prompt and "
            f"{teacher['completion_tokens']:,.0f} of reply a question, at its price"
        )
    elif teacher:
        said.append("the teacher has no `price`, so its answers have none")
    return said


def _seconds(value: float) -> str:
    return f"{1000 * value:,.0f} ms" if value < 10 else f"{value:,.1f} s"


def _price(value: float | None) -> str:
    return _DASH if value is None else dollars(value)
