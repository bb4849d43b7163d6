"""How long texts are: tokens that students are trained on beside their limits, and words by field."""

from __future__ import annotations

from collections.abc import Iterator

from synthgen.reports.report.blocks import Block, Chart, Lines, Table
from synthgen.reports.report.facts import RunFacts
from synthgen.reports.report.figures import plain
from synthgen.reports.row_text import bars
from synthgen.reports.svg.histogram import histogram

UNKNOWN = "how many tokens the rows have was not recorded by the version of synthgen that trained"


def lengths(facts: RunFacts) -> list[Block]:
    """Histograms of tokens, then words of the rows that the run came to."""
    return [*_tokens(facts), *_words(facts)]


def _tokens(facts: RunFacts) -> Iterator[Block]:
    asked = [
        limit
        for evaluation in facts.evaluations
        if (limit := evaluation.report.get("decoding", {}).get("max_new_tokens"))
    ]
    shown: list[object] = []
    for stage in facts.students:
        preflight = stage.manifest.extra.get("preflight") or {}
        bins = preflight.get("token_bins")
        if not bins:
            if preflight:
                yield Lines([f"{stage.id}: {UNKNOWN}"], "soft")
            continue
        limit = stage.manifest.config.get("max_length")
        for what, title, limits in (
            ("with_prompt", "prompt and completion", [("max_length", limit)] if limit else []),
            ("completion", "completion", [("max_new_tokens", asked[0])] if asked else []),
        ):
            if (what, bins[what], limits) in shown:
                continue
            shown.append((what, bins[what], limits))
            rows = [
                [f"{low:,} to {high:,}" if high > low else f"{low:,}", f"{number:,}"]
                for low, high, number in bins[what]
            ]
            caption = f"{stage.id}: tokens of {title}" + "".join(
                f"; {name} is {value:,}" for name, value in limits
            )
            svg = histogram(bins[what], limits, f"tokens of {title}", "rows")
            yield Chart(svg, caption, Table(["tokens", "rows"], rows))


def _words(facts: RunFacts) -> Iterator[Block]:
    found = facts.figures["rows"]
    if not found or not found["words"]:
        return
    names = ("min", "p5", "median", "p95", "max")
    rows = [
        [name, f"{found['fields'][name]:,}", *(plain(one[what]) for what in names), plain(one["mean"])]
        + [bars(one["histogram"])]
        for name, one in found["words"].items()
    ]
    header = ["words in", "rows", "min", "5%", "median", "95%", "max", "mean", "from min to max"]
    yield Table(header, rows, prose=["from min to max"])
