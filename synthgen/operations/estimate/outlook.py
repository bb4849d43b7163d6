"""What a run would ask a teacher for, from the ledger and earlier results alone: nobody is asked.

Used by `--dry-run`. `estimate` knows more, since it may try stages.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from synthgen.core.errors import SynthgenError
from synthgen.core.progress import Reporter
from synthgen.core.text import dollars
from synthgen.operations.estimate.probe import Given, Probe, asks
from synthgen.pipeline.graph import Graph
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.plan import StageState
from synthgen.pipeline.spec import Pipeline, StageSpec, stage_id_of
from synthgen.stages.asking.pool_work import FIRST_YIELD
from synthgen.stages.asking.preview import Preview
from synthgen.tasks.contract import PoolTask
from synthgen.teachers.make import provider_class

LOOKED_UP = 2000
"""Of a stage's first rows or calls, that are looked up in the ledger."""


@dataclass(frozen=True)
class Outlook:
    """What a stage would ask for.

    `calls` are the requests that the ledger does not answer and `known` those that it does, among `looked_up`
    rows or calls of `of`; `usd` is what the calls may cost, None where no price is known. `why` says what is
    not known.
    """

    stage: str
    calls: int | None = None
    known: int = 0
    looked_up: int = 0
    of: int = 0
    usd: float | None = None
    why: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def line(self) -> str:
        """For a person."""
        if self.calls is None:
            return f"calls: {self.why}"
        if not self.calls:
            return "no new calls: the ledger has every reply"
        about = "" if self.looked_up == self.of else "about "
        cost = (
            f", about {dollars(self.usd)}"
            if self.usd is not None
            else "; `synthgen estimate` tells the price"
        )
        known = f"; {self.known:,} of {self.looked_up:,} are in the ledger" if self.known else ""
        return f"{about}{self.calls:,} new call{'s' * (self.calls != 1)}{cost}{known}"


def outlooks(
    pipeline: Pipeline,
    options: RunOptions,
    chosen: Iterable[StageSpec],
    states: Mapping[str, StageState],
    graph: Graph | None = None,
) -> list[Outlook]:
    """What each chosen stage that asks a teacher, and is not done, would ask for.

    Args:
        pipeline: the pipeline.
        options: where runs and ledger are.
        chosen: the stages of this command.
        states: of all stages, from `stage_states`.
        graph: where their results are; in the run's folder where left out.
    """
    asking = [spec for spec in chosen if asks(spec) and states[spec.id].state != "done"]
    if not asking:
        return []
    graph = graph or Graph(pipeline, options.folder(pipeline))
    with tempfile.TemporaryDirectory(prefix="synthgen-outlook-") as scratch:
        with Probe(pipeline, options, Path(scratch), Reporter("silent"), LOOKED_UP) as probe:
            return [_outlook(probe, spec, states[spec.id], graph) for spec in asking]


def _outlook(probe: Probe, spec: StageSpec, state: StageState, graph: Graph) -> Outlook:
    before = state.manifest
    requests = (before.requests or {}).get("planned", 0) if before else 0
    usd = (before.usage or {}).get("cost_usd") if before else None
    last = f"; it was {requests:,} calls last time" if requests else ""
    if state.state == "waits":
        return Outlook(spec.id, why=f"that depends on the stages before it{last}")
    try:
        found = _looked_up(probe, spec, graph)
    except SynthgenError as fault:
        return Outlook(spec.id, why=f"{fault.faults[0].what}{last}")
    if found.usd is None and usd and requests and found.calls is not None:
        return replace(found, usd=usd / requests * found.calls)  # as much a call as last time
    return found


def _looked_up(probe: Probe, spec: StageSpec, graph: Graph) -> Outlook:
    """Of the stage's first rows or calls, how many the ledger answers; the rest likewise."""
    task = probe.task(spec)
    if task is not None:
        return _pool(probe, spec, task)
    inputs = graph.inputs(spec, missing_ok=("model",))  # an evaluation may be looked at before its students
    rows = sum(artefact.rows for artefact in inputs[next(iter(spec.reads))])
    rows = min(rows, probe.options.limit or rows)
    models = [
        probe.pipeline.stage(stage_id).config
        for reference in spec.reads.get("students", ())
        if (stage_id := stage_id_of(reference))
    ]
    often = sum(spec.stage.asks_per_row(spec.config, models).values())
    looked = min(rows, LOOKED_UP)
    shown = probe.look(spec, Given(inputs, float(rows)), looked, ask=False)
    things, seen = round(rows * often), round(looked * often)
    each = sum(len(preview.exchanges) for preview in shown) / len(shown) if shown else 1.0
    unknown = max(seen - len(shown), 0)
    calls = math.ceil(unknown / seen * things * each) if seen else 0
    return Outlook(spec.id, calls, seen - unknown, seen, things, _cost(probe, spec, shown, calls))


def _pool(probe: Probe, spec: StageSpec, task: PoolTask) -> Outlook:
    """Calls that still are to be made until there are enough rows, at the yield so far."""
    shown = probe.look(spec, Given({}), LOOKED_UP, ask=False)
    kept = sum("rejection" not in row for preview in shown for row in preview.rows)
    lacking = max(task.num_rows - kept, 0)
    a_call = kept / len(shown) if kept else FIRST_YIELD * task.per_call
    calls = math.ceil(lacking / a_call)
    cost = _cost(probe, spec, shown, calls)
    return Outlook(spec.id, calls, len(shown), len(shown) + calls, len(shown) + calls + bool(calls), cost)


def _cost(probe: Probe, spec: StageSpec, shown: Sequence[Preview], calls: int) -> float | None:
    """What so many calls may cost, by the replies that are known."""
    sessions = [probe.sessions.open(name).config for name in spec.stage.asks(spec.config)]
    if all(provider_class(one.provider).costs_nothing for one in sessions):
        return 0.0
    usd = probe.ledger.account([key for preview in shown for key in preview.keys])["cost_usd"]
    known = sum(len(preview.exchanges) for preview in shown)
    return usd / known * calls if usd and known else None
