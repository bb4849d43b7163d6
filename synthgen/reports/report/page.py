"""A run as one HTML file that needs nothing else: no script, no font, no address is loaded.

The same run gives the same bytes. Whatever comes from rows, replies or options is escaped by the template
engine, and characters that cannot be seen are named.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from markupsafe import Markup

from synthgen.reports.report.blocks import Block
from synthgen.reports.report.facts import RunFacts, read_facts
from synthgen.reports.report.sections.answers import answers
from synthgen.reports.report.sections.cost import cost
from synthgen.reports.report.sections.diversity import diversity
from synthgen.reports.report.sections.drops import drops
from synthgen.reports.report.sections.funnel import funnel
from synthgen.reports.report.sections.grown import grown
from synthgen.reports.report.sections.headline import headline
from synthgen.reports.report.sections.lengths import lengths
from synthgen.reports.report.sections.rows import rows
from synthgen.reports.report.sections.scores import scores
from synthgen.reports.report.sections.setup import setup
from synthgen.reports.report.sections.training import training
from synthgen.reports.report.sections.variants import variants
from synthgen.reports.run_folder import reading_published
from synthgen.reports.visible import visible
from synthgen.store.publish import write_whole

NAME = "report.html"
SECTIONS: tuple[tuple[str, str, Callable[[RunFacts], list[Block]]], ...] = (
    ("overview", "Overview", headline),
    ("scores", "Scores", scores),
    ("grown", "With more rows", grown),
    ("variants", "Variants", variants),
    ("funnel", "Rows", funnel),
    ("training", "Training", training),
    ("lengths", "Lengths", lengths),
    ("diversity", "Diversity", diversity),
    ("cost", "Cost and time", cost),
    ("answers", "Answers side by side", answers),
    ("kept", "Kept", rows),
    ("dropped", "Dropped", drops),
    ("setup", "How it was made", setup),
)
"""The sections in order: anchor, title, and what makes its blocks. One without blocks is left out."""


def html_report(run_dir: Path, samples: int = 5, seed: int = 0, ledger: Path | None = None) -> str:
    """The report's text.

    Args:
        run_dir: the run's folder.
        samples: how many rows are shown of those that the run came to.
        seed: of the draw.
        ledger: the folder of the ledger, where prompts are as they were sent.

    Raises:
        InputError: the folder holds no run.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    facts = read_facts(run_dir, samples, seed, ledger)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_safe,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found = [(anchor, title, make(facts)) for anchor, title, make in SECTIONS]
    return environment.get_template("page.html.jinja").render(
        run=facts.figures["run"],
        style=Markup((Path(__file__).with_name("page.css")).read_text(encoding="utf-8")),
        sections=[section for section in found if section[2]],
    )


def write_html_report(
    run_dir: Path, samples: int = 5, seed: int = 0, ledger: Path | None = None, out: Path | None = None
) -> Path:
    """Writes `report.html` into the run's folder or the one of `out`, or the file `out`; returns its path."""
    path = out or run_dir / NAME
    if path.is_dir():
        path /= NAME
    with reading_published(run_dir):
        page = html_report(run_dir, samples, seed, ledger)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page.encode("utf-8"))
    return path


def _safe(value: Any) -> Any:
    """What a template writes: texts with their invisible characters named; the engine escapes them."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value)
