"""The first few rows of a stage that asks a teacher: prompts as sent, replies, and the rows made of them.

For generate the parsed rows and each later rule's verdict, for score the grades, for evaluate the teacher's
answers and the verdicts of judges. Replies stay in the ledger, so that the run does not pay for them again;
nothing is published.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

from synthgen.core.chat import Request
from synthgen.core.errors import ConfigError
from synthgen.core.progress import Reporter
from synthgen.core.rows import Row
from synthgen.operations.estimate.probe import Probe, asking_stages, asks
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.spec import Pipeline, StageSpec


def preview_pipeline(
    pipeline: Pipeline,
    rows: int,
    stage: str | None = None,
    *,
    runs: Path = Path("data/runs"),
    ledger: Path = Path("data/ledger"),
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Asks about the first `rows` rows of a stage, or makes as many calls as give about that many rows.

    Args:
        pipeline: the pipeline.
        rows: how many rows.
        stage: the stage's id; the first one that asks where left out.
        runs: the folder of all runs.
        ledger: the ledger's folder.
        reporter: where progress goes.

    Returns:
        `stage`, `kind`, `assumed` (what stands in for earlier stages that have not run), `others` (the other
        stages that ask), `prompt_tokens`, `completion_tokens`, `cost_usd`, and `previews`: each with
        `messages` as sent, `replies` (text, reasoning, finish_reason), `rows` with the decisions of later
        rules under `verdicts`, and `rejected`.

    Raises:
        ConfigError: no stage asks a teacher, or the one that is named does not.
    """
    asking = asking_stages(pipeline)
    spec = asking[0] if stage is None else pipeline.stage(stage)
    if not asks(spec):
        raise ConfigError(
            f"{stage!r} is a {spec.kind} stage that asks no teacher",
            str(pipeline.path),
            f"these ask: {', '.join(one.id for one in asking)}",
        )
    with tempfile.TemporaryDirectory(prefix="synthgen-preview-") as scratch:
        with Probe(
            pipeline, RunOptions(runs=runs, ledger=ledger), Path(scratch), reporter or Reporter(), rows
        ) as probe:
            given = probe.given(spec)
            task = probe.task(spec)
            shown = probe.look(spec, given, rows if task is None else max(1, math.ceil(rows / task.per_call)))
            usage = probe.ledger.account([key for preview in shown for key in preview.keys])
    return {
        "stage": spec.id,
        "kind": spec.kind,
        "assumed": list(given.assumed),
        "others": [one.id for one in asking if one is not spec],
        **usage,
        "previews": [_plain(preview, spec, pipeline) for preview in shown],
    }


def _plain(preview: Any, spec: StageSpec, pipeline: Pipeline) -> dict[str, Any]:
    """One preview of the stage's as plain JSON, with the verdict of every rule that comes after."""
    kept = [row for row in preview.rows if "rejection" not in row]
    replies = [
        exchange.reply.samples if exchange.reply is not None and exchange.request.tokens is None else ()
        for exchange in preview.exchanges
    ]
    return {
        **({"asks": preview.asks} if preview.asks else {}),
        "messages": [
            list(exchange.request.messages) or _raw_prompt(exchange.request) for exchange in preview.exchanges
        ],
        "replies": [
            [
                {"text": sample.text, "reasoning": sample.reasoning, "finish_reason": sample.finish_reason}
                for sample in samples
            ]
            for samples in replies
        ],
        "rows": [
            {"row": row, "verdicts": verdicts}
            for row, verdicts in zip(kept, _verdicts(kept, spec, pipeline), strict=True)
        ],
        "rejected": [row for row in preview.rows if "rejection" in row],
        **({"failed": preview.failed} if preview.failed else {}),
        **({"note": preview.note} if preview.note else {}),
    }


def _raw_prompt(request: Request) -> str | None:
    """A prompt that is no chat; of token ids, how many there are."""
    return request.prompt if request.tokens is None else f"{len(request.tokens):,} token ids"


def _verdicts(rows: list[Row], spec: StageSpec, pipeline: Pipeline) -> list[dict[str, Any]]:
    """The decisions of the filter rules behind a stage on each row, up to a stage that asks or trains."""
    from synthgen.filters.apply import build_rules, check_rows

    verdicts: list[dict[str, Any]] = [{} for _ in rows]
    for later in pipeline.stages[pipeline.stages.index(spec) + 1 :] if spec.stage.writes == "rows" else ():
        if later.stage.writes == "model" or later.stage.preview is not None:
            break
        for name, rule in build_rules(later.stage.rules(later.config)):
            for decisions, decision in zip(verdicts, check_rows(name, rule, rows), strict=True):
                decisions[name] = {
                    "keep": not decision.reject,
                    "value": decision.value,
                    "threshold": decision.threshold,
                }
    return verdicts
