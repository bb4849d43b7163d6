"""The charts of a run's report: a learning curve or an improvement whose figures lie in the run's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from synthgen.operations.curve import NAME as CURVE
from synthgen.operations.improve.run import NAME as IMPROVEMENT
from synthgen.reports.curve import curve_chart, curve_table
from synthgen.reports.improvement import improvement_chart, improvement_table

Draw = Callable[[Mapping[str, Any]], str]

CHARTS: tuple[tuple[str, str, Draw, Draw], ...] = (
    (CURVE, "Score by training rows", curve_chart, curve_table),
    (IMPROVEMENT, "Score by what new rows cost", improvement_chart, improvement_table),
)


def charts(run_dir: Path) -> list[tuple[str, Any, str]]:
    """Title, SVG and table of each chart that a run has; a file that cannot be read has none."""
    from markupsafe import Markup

    found = []
    for name, title, draw, tell in CHARTS:
        try:
            figures = orjson.loads((run_dir / name).read_bytes())
            # The chart escapes what it is given; nothing else of it comes from a file.
            found.append((title, Markup(draw(figures)), tell(figures)))
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            continue
    return found
