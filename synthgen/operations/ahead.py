"""What runs would train and ask for, from files and the ledger alone: nothing is written, nobody is asked.

For commands that run a pipeline several times; `dry_run` says more of a single run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from synthgen.core.text import COLUMNS, dollars, table
from synthgen.operations.estimate.outlook import outlooks
from synthgen.pipeline.links import LinkedGraph
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.spec import Pipeline, StageSpec, stage_id_of
from synthgen.teachers.make import provider_class

MANY = 10**12
"""No file has so many rows: all are counted."""


@dataclass(frozen=True)
class Piece:
    """One stage of a run that would train a student or ask a teacher; None for what is not known yet."""

    run: str
    stage: str
    does: str
    """trains or asks."""
    rows: int | None
    """Questions that it can read or is to make, at most."""
    calls: int | None = None
    """New ones, about: as many as rows where the ledger says nothing yet."""
    usd: float | None = None
    """What these may cost."""

    def line(self) -> str:
        """For a person."""
        if self.does == "trains":
            return f"trains {self.stage}" + (
                "" if self.rows is None else f" on the rows of at most {self.rows:,} questions"
            )
        cost = f", about {dollars(self.usd)}" if self.usd else ""
        return f"asks {self.stage}: about {self.calls:,} new calls{cost}"


def pieces_of(
    pipeline: Pipeline, options: RunOptions, *, but: Iterable[str] = (), asked_once: Iterable[str] = ()
) -> list[Piece]:
    """What one run would train and ask for; stages that are done, or would be linked, are left out.

    Args:
        pipeline: of the run.
        options: where runs and ledger are.
        but: stages that an earlier run will have done, and this one links.
        asked_once: evaluations whose teacher an earlier run will have asked: their judges count alone.
    """
    graph = LinkedGraph(pipeline, options.folder(pipeline), options.other_runs)
    todo = [
        spec for spec in pipeline.stages if graph.states[spec.id].state != "done" and spec.id not in set(but)
    ]
    known = {spec.id for spec in todo if graph.made_inputs(spec) is not None}
    states = {
        name: replace(state, state="run") if name in known else state for name, state in graph.states.items()
    }
    asked = {one.stage: one for one in outlooks(pipeline, options, todo, states, graph)}
    most = _Most(pipeline, graph)
    pieces = []
    for spec in todo:
        size = most.read(spec)
        if spec.stage.writes == "model":
            pieces.append(Piece(options.folder(pipeline).name, spec.id, "trains", size))
        if spec.stage.asks(spec.config):
            found = asked.get(spec.id)
            calls, usd = (found.calls, found.usd) if found is not None else (None, None)
            if calls is None or spec.id in asked_once:
                calls = counted(pipeline, spec, size, spec.id in asked_once)
                usd = free(pipeline, spec)
            if calls != 0:
                pieces.append(Piece(options.folder(pipeline).name, spec.id, "asks", size, calls, usd))
    return pieces


def counted(pipeline: Pipeline, spec: StageSpec, rows: int | None, judges: bool = False) -> int | None:
    """As many calls as a stage asks about so many rows, at one each; with `judges`, all but the teacher's.

    None where the rows are not known.
    """
    models = [
        pipeline.stage(stage_id).config
        for reference in spec.reads.get("students", ())
        if (stage_id := stage_id_of(reference))
    ]
    each = dict(spec.stage.asks_per_row(spec.config, models))
    if judges and models:
        from synthgen.stages.evaluate.preview import TEACHER

        each.pop(TEACHER, None)
    often = sum(each.values())
    return 0 if not often else None if rows is None else rows * often


def free(pipeline: Pipeline, spec: StageSpec) -> float | None:
    """0 where nobody is paid for what a stage asks."""
    teachers = [pipeline.teachers[name] for name in spec.stage.asks(spec.config)]
    return 0.0 if all(provider_class(teacher.provider).costs_nothing for teacher in teachers) else None


class _Most:
    """The most rows that a run's stages can read: what is there, what options ask for, what files hold."""

    def __init__(self, pipeline: Pipeline, graph: LinkedGraph) -> None:
        self.pipeline, self.graph = pipeline, graph

    def read(self, spec: StageSpec) -> int | None:
        """Of what a stage's first need names; of one without any, what it makes."""
        if not spec.reads:
            return spec.stage.most_rows(spec.config, MANY)
        return self._all(spec.reads[next(iter(spec.reads))])

    def _all(self, references: Sequence[str]) -> int | None:
        found = [self._one(reference) for reference in references]
        return None if None in found else sum(size for size in found if size is not None)

    def _one(self, reference: str) -> int | None:
        stage_id, _, part = reference.partition(".")
        if not stage_id_of(reference) or self.graph.states[stage_id].state == "done":
            found = self.graph.find(reference)
            return found.rows if found is not None else None
        spec = self.pipeline.stage(stage_id)
        rows = self.read(spec)
        if rows is None:
            return None
        if spec.stage.writes == "split":
            return _part(spec.config, part, rows)
        sample = getattr(spec.config, "sample", None)
        size = getattr(sample, "size", None)
        return rows if size is None else min(rows, size if isinstance(size, int) else math.ceil(size * rows))


def _part(config: Any, part: str, rows: int) -> int:
    """How many of so many rows a split's part holds, as near as its options say."""
    sizes = {
        name: size if isinstance(size := getattr(config, name), int) else round(size * rows)
        for name in ("test", "validation")
    }
    return min(rows, sizes[part]) if part in sizes else max(0, rows - sum(sizes.values()))


@dataclass(frozen=True)
class Ahead:
    """What a command of several runs would do."""

    pieces: list[Piece]
    capped: float | None = None
    """Dollars that new rows cost at most."""
    budget: float | None = None
    """Dollars of the pipeline's own budget, which caps all else."""
    notes: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "trains": sum(piece.does == "trains" for piece in self.pieces),
            "calls": _sum(piece.calls for piece in self.pieces if piece.does == "asks"),
            "usd": _sum(piece.usd for piece in self.pieces if piece.does == "asks"),
            "usd_at_most_for_new_rows": self.capped,
            "budget_usd": self.budget,
            "pieces": [asdict(piece) for piece in self.pieces],
            "notes": list(self.notes),
        }

    def text(self, columns: int = COLUMNS) -> str:
        """For a person."""
        rows: list[list[str]] = []
        for run in dict.fromkeys(piece.run for piece in self.pieces):
            mine = [piece for piece in self.pieces if piece.run == run]
            open_ones = [piece.stage for piece in mine if piece.does == "asks" and piece.calls is None]
            lines = [piece.line() for piece in mine if piece.stage not in open_ones]
            if open_ones:
                lines.append(f"asks {', '.join(open_ones)}: how often depends on the runs before")
            rows += [[run if not number else "", line] for number, line in enumerate(lines)]
        shown = [table(("run", "what it does"), rows, columns=columns, prose=True), ""] if rows else []
        return "\n".join([*shown, *self.notes, *self._totals()])

    def _totals(self) -> list[str]:
        found = self.plain()
        calls, usd, trains = found["calls"], found["usd"], found["trains"]
        known = sum(piece.calls or 0 for piece in self.pieces)
        told = f"about {known:,} new calls" + ("" if calls is not None else " that are known")
        cost = f", about {dollars(usd)}" if usd else ", free of charge" if usd == 0 and known else ""
        lines = [f"in all {trains:,} training{'s' * (trains != 1)}" + (f", {told}{cost}" if known else "")]
        if self.capped is not None:
            lines.append(f"new rows cost at most {dollars(self.capped)}")
        asks = any(piece.does == "asks" and piece.usd != 0 for piece in self.pieces)
        if self.budget is not None:
            what = "all else costs" if self.capped is not None else "they cost"
            lines.append(f"{what} at most {dollars(self.budget)}, the pipeline's budget")
        elif asks:
            what = "all else" if self.capped is not None else "what they cost"
            lines.append(f"nothing caps {what}: `budget: {{usd: X}}` of the pipeline does")
        return [*lines, "nothing was written, and nobody was asked"]


def _sum(values: Iterable[float | None]) -> Any:
    """The sum, None where one is not known."""
    found = list(values)
    return None if None in found else sum(one for one in found if one is not None)
