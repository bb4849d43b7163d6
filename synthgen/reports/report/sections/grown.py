"""A learning curve or an improvement whose figures lie in the run's folder."""

from __future__ import annotations

from synthgen.core.text import wrapped
from synthgen.reports.charts import charts
from synthgen.reports.report.blocks import CONSOLE, Block, Chart, Code, Fold
from synthgen.reports.report.facts import RunFacts


def grown(facts: RunFacts) -> list[Block]:
    """The chart of each, and its table as the console prints it."""
    blocks: list[Block] = []
    for title, svg, text in charts(facts.run_dir):
        blocks += [Chart(svg, title), Fold(f"{title}: figures", [Code(wrapped(text, CONSOLE))])]
    return blocks
