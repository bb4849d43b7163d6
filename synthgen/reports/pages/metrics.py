"""docs/reference/metrics.md: every metric, what it is worth, and its options."""

from __future__ import annotations

import inspect

from synthgen.core import registry
from synthgen.evaluation import METRICS
from synthgen.reports.pages.options import cell, option_table

INTRO = """# Metrics

*Generated from the code by `make generate`: change the docstrings, not this page.*

    - evaluate: {metrics: [exact_match, rouge_l]}

A metric says what a reply is worth, from 0 to 1. A metric with options is a name with options, as a rule
is: `metrics: [exact_match: {method: math_verify}]`. [evaluation.md](../evaluation.md) says how models are
asked, how scores are compared and how a verdict is reached.

Shares (0 or 1 for each reply) have Wilson's interval, other means Hartigan's.

| metric | a reply is worth | interval | asks a judge |
|---|---|---|---|
"""


def metric_page() -> str:
    """The page's markdown: a table of all metrics, then each with its options."""
    metrics = {name: registry.find("metric", name) for name in sorted(METRICS)}
    texts = {name: (inspect.getdoc(metric) or "").split("\n\n") for name, metric in metrics.items()}
    lines = [
        f"| [{name}](#{name}) | {cell(' '.join(texts[name][0].split()))} | "
        f"{'Wilson' if metric.SHARE else 'Hartigan'} | {'yes' if metric.ASKS else 'no'} |"
        for name, metric in metrics.items()
    ]
    for name, metric in metrics.items():
        lines += ["", f"## {name}"]
        for paragraph in texts[name]:
            lines += ["", " ".join(paragraph.split())]
        lines += ["", *option_table(metric.Config)]
    return INTRO + "\n".join(lines) + "\n"
