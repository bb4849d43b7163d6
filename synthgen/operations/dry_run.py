"""What a run would do, said without doing it: stages, changed options, new calls and their price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthgen.core.changes import Change
from synthgen.core.errors import ConfigError
from synthgen.core.text import COLUMNS, dollars, table
from synthgen.operations.estimate.outlook import Outlook, outlooks
from synthgen.pipeline.changed_options import changed_options
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.other_runs import other_run_faults
from synthgen.pipeline.plan import choose, stage_states
from synthgen.pipeline.spec import Pipeline


def dry_run(pipeline: Pipeline, options: RunOptions) -> list[dict[str, Any]]:
    """Each chosen stage as plain JSON.

    Args:
        pipeline: the pipeline.
        options: which stages, and where.

    Returns:
        `stage`, `kind`, `state` and `why`; `changes`, each with `option`, `from` and `to`; and of a stage
        that would ask a teacher `calls` (see `Outlook`), else None.

    Raises:
        ConfigError: a stage that was chosen reads another run, which is not there or is another version.
    """
    chosen = choose(pipeline, options.only, options.start, options.until, options.force)
    if faults := list(other_run_faults(chosen, options.others(pipeline), str(pipeline.path))):
        raise ConfigError.of(faults)
    run_dir = options.folder(pipeline)
    states = stage_states(pipeline, run_dir, limit=options.limit, forced=options.force, verify=options.verify)
    asked = {one.stage: one.plain() for one in outlooks(pipeline, options, chosen, states)}
    return [
        {
            "stage": spec.id,
            "kind": spec.kind,
            "state": states[spec.id].state,
            "why": states[spec.id].why,
            "changes": [
                {"option": change.path, "from": change.before, "to": change.after}
                for change in changed_options(spec, states[spec.id], pipeline, run_dir)
            ],
            "calls": asked.get(spec.id),
        }
        for spec in chosen
    ]


def dry_run_text(plan: Sequence[Mapping[str, Any]], columns: int = COLUMNS) -> str:
    """The plan as a person reads it."""
    rows = []
    for stage in plan:
        rows.append([stage["stage"], stage["state"], stage["why"]])
        rows += [
            ["", "", Change(change["option"], change["from"], change["to"]).line()]
            for change in stage["changes"]
        ]
        if stage["calls"] is not None:
            rows.append(["", "", Outlook(**stage["calls"]).line()])
    return "\n".join(
        [table(("stage", "state", "why"), rows, left=2, columns=columns, prose=True), *_total(plan)]
    )


def _total(plan: Sequence[Mapping[str, Any]]) -> list[str]:
    asked = [Outlook(**stage["calls"]) for stage in plan if stage["calls"] is not None]
    known = [one for one in asked if one.calls is not None]
    if len(asked) < 2 or not known:
        return []
    calls = sum(one.calls or 0 for one in known)
    priced = [one.usd for one in known if one.usd is not None]
    cost = f", about {dollars(sum(priced))}" if len(priced) == len(known) else ""
    less = "" if len(known) == len(asked) else ", and those of later stages"
    return ["", f"together {calls:,} new calls{cost}{less}"]
