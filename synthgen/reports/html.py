"""A run as one HTML file that needs nothing else: no script, no font, no address is loaded.

The template engine escapes all that comes from rows, replies or options. The same run gives the same bytes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from synthgen.core.rows import Row
from synthgen.core.text import duration, percent, points
from synthgen.evaluation.speed_table import HEADER, remarks, speed_rows
from synthgen.operations.estimate.forecast import likely
from synthgen.reports.attempts import last_attempts
from synthgen.reports.charts import charts
from synthgen.reports.inspect import inspect_run
from synthgen.reports.money import account, read_estimate
from synthgen.reports.row_text import bars
from synthgen.reports.run_folder import PublishedStage, stages_of
from synthgen.reports.status import at_work
from synthgen.store.publish import write_whole
from synthgen.training.footprint import size

NAME = "report.html"
SHOWN_CHARS = 2000
"""How much of one field of a row is shown."""
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Characters that HTML forbids, or that turn a line's direction around."""


def html_report(run_dir: Path, samples: int = 5, seed: int = 0) -> str:
    """The report's text: counts, cost, drop reasons with examples, lengths, random rows, scores, and inputs.

    Raises:
        InputError: the folder holds no run.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    figures = inspect_run(run_dir, samples, seed)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        shown=_shown,
        share=percent,
        points=points,
        duration=duration,
        bars=bars,
        number=lambda value: f"{value:,}",
        fields=_fields,
        speed_rows=lambda measured: speed_rows(measured["sizes"], measured["speed"]),
        remarks=lambda measured: remarks(measured["sizes"], measured["speed"]),
        bytes=size,
        likely=likely,
    )
    template = environment.from_string(
        (Path(__file__).with_name("report.html.jinja")).read_text(encoding="utf-8")
    )
    stages = [
        _stage(entry, stage) for entry, stage in zip(figures["stages"], stages_of(run_dir), strict=True)
    ]
    money = account(stages, read_estimate(run_dir))
    attempts = last_attempts(run_dir, at_work(run_dir))
    return (
        template.render(
            run=figures["run"],
            stages=stages,
            rows=figures["rows"],
            totals=money["total"],
            money=money,
            attempts=attempts,
            evaluations=[stage for stage in stages if stage["report"]],
            speed_header=HEADER,
            charts=charts(run_dir),
        )
        + "\n"
    )


def write_html_report(run_dir: Path, samples: int = 5, seed: int = 0) -> Path:
    """Writes `report.html` into the run's folder; returns its path."""
    path = run_dir / NAME
    write_whole(path, html_report(run_dir, samples, seed).encode("utf-8"))
    return path


def _stage(entry: dict[str, Any], stage: PublishedStage) -> dict[str, Any]:
    import orjson

    report: Any = None
    speed: Any = None
    metrics = stage.folder / "metrics.json"
    if metrics.is_file():
        try:
            report = orjson.loads(metrics.read_bytes())
            if stage.manifest.kind == "measure":
                speed = orjson.loads((stage.folder / "speed.json").read_bytes())
        except (OSError, orjson.JSONDecodeError):
            report = None
    counts = entry["counts"]
    manifest = stage.manifest
    return {
        **entry,
        "in": counts.get("in", 0),
        "kept": counts.get("kept", 0),
        "rejected": sum(counts.get("rejected", {}).values()),
        "failed": sum(counts.get("failed", {}).values()),
        "options": manifest.config,
        "writes": manifest.writes,
        "inputs": [record.file for group in manifest.inputs.values() for record in group],
        "outputs": {name: record.sha256 for name, record in manifest.outputs.items() if "/" not in name},
        "finished_at": manifest.finished_at,
        "linked_from": manifest.linked_from,
        "report": report if isinstance(report, dict) and "models" in report else None,
        "variants": report if isinstance(report, dict) and "variants" in report else None,
        "measured": {**report, "speed": speed} if isinstance(report, dict) and speed else None,
    }


def _shown(value: Any, limit: int = SHOWN_CHARS) -> str:
    """A value as text of at most `limit` characters, without those that a page must not hold."""
    text = _UNSEEN.sub("\ufffd", str(value))
    return text if len(text) <= limit else text[:limit] + f" … ({len(text) - limit:,} more characters)"


def _fields(row: Row) -> list[tuple[str, str]]:
    """A row's fields as texts."""
    return [(_shown(name, 100), _shown(value)) for name, value in row.items() if name != "rejection"]
