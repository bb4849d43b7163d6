"""The pipeline that makes new rows of some slices.

It is a copy of the user's pipeline under another seed, from its question stages to what the student reads,
without the split. Where all questions were loaded from files, those of the slice are asked again by another
draw, or evolved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from synthgen.operations.improve.plan import (
    EVOLVED,
    LATER,
    QUESTIONS,
    STAGE,
    ImprovePlan,
    Sizes,
    can_grow,
    options_of,
)
from synthgen.pipeline.spec import Pipeline, StageSpec, ancestors

SEED_STEP = 10_007
"""Between the seeds of two rounds: far from the seeds that people give to runs that they compare."""
SPARE = 1.15
"""How many more questions are asked for than are wanted, where not all that come are of the slice."""


def new_rows(plan: ImprovePlan, arm: str, number: int, wanted: Mapping[str, int], sizes: Sizes) -> Pipeline:
    """The pipeline that makes `wanted[slice]` new questions of each slice, answered and filtered.

    Args:
        plan: the pipeline that is improved.
        arm: the name of the run.
        number: of the round, by which the seed is another.
        wanted: slice -> questions.
        sizes: what the start's questions came to.
    """
    stages = _asked(plan, wanted, sizes) if plan.growing else []
    ends = []
    for place, (name, rows) in enumerate(wanted.items()):
        reads = _sources_of(plan, [name], sizes) if plan.growing else [plan.train]
        if plan.by != STAGE:
            only = {"one_of": {"field": plan.by, "values": [name]}}
            stages.append({"filter": {"id": f"improve-slice-{place}", "input": reads, "rules": [only]}})
            reads = [f"improve-slice-{place}"]
        ends.append(f"improve-rows-{place}")
        stages.append({"select": {"id": ends[-1], "input": reads, "sample": {"size": rows}}})
    every = {"size": max(1, sum(wanted.values()))}
    stages.append({"select": {"id": QUESTIONS, "input": ends, "sample": every}})
    if plan.evolve:
        task = {"task": "evolve", "draw": number + 1}
        stages.append({"generate": {"id": EVOLVED, "input": QUESTIONS, **task}})
    for spec in plan.back:
        if spec.kind == LATER:
            continue
        options = options_of(spec)
        if "draw" in options and not plan.growing:
            options["draw"] += number  # the same questions are asked again
        stages.append({spec.kind: {**options, "input": plan.past(options["input"])}})
    return plan.copy(f"{plan.name(arm, number)}.rows", stages, plan.pipeline.seed + SEED_STEP * number)


def _asked(plan: ImprovePlan, wanted: Mapping[str, int], sizes: Sizes) -> list[dict[str, Any]]:
    """The stages that make the questions, each asked for as many as it takes."""
    needed = ancestors(plan.pipeline, _sources_of(plan, wanted, sizes))
    stages = []
    for spec, options in plan.entries():
        if spec.id in needed:
            if can_grow(spec):
                options |= _scaled(plan, spec, options, wanted, sizes)
            stages.append({spec.kind: options})
    return stages


def _sources_of(plan: ImprovePlan, wanted: Mapping[str, int] | list[str], sizes: Sizes) -> list[str]:
    """The stages before the split from which questions of these slices came."""
    return [
        source
        for source in plan.sources
        if any(sizes.rows(source, name) for name in wanted) and plan.grows(source)
    ]


def _scaled(
    plan: ImprovePlan,
    spec: StageSpec,
    options: Mapping[str, Any],
    wanted: Mapping[str, int],
    sizes: Sizes,
) -> dict[str, Any]:
    """How many questions a stage makes: enough for the slice that needs the most of it.

    Of several stages that make a slice, each makes the part that it had made. Where the slices are values of
    an attribute, the stage is asked for those alone.
    """
    mine = [source for source in plan.sources if spec.id in ancestors(plan.pipeline, [source])]
    came = {name: sum(sizes.rows(source, name) for source in mine) for name in wanted}
    parts = {name: rows * came[name] / max(1, sizes.of(name)) for name, rows in wanted.items()}
    prefix, _, attribute = plan.by.rpartition(".")
    grid = options.get("attributes")
    if prefix == "meta.attributes" and isinstance(grid, dict) and attribute in grid:
        values = [value for value in grid[attribute] if str(value) in wanted]
        most = math.ceil(sum(parts.values()) * SPARE)
        return {"attributes": {**grid, attribute: values}, "num_rows": max(1, most)}
    asked = int(options["num_rows"])
    needed = [
        rows if came[name] >= asked else SPARE * rows * asked / came[name]
        for name, rows in parts.items()
        if came[name]
    ]
    return {"num_rows": max(1, math.ceil(max(needed, default=1)))}
