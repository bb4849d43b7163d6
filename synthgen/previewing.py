"""A look before paying for all: prompts as sent, replies, parsed rows and each rule's verdict for the first few rows.

Replies stay in the ledger, so that the run does not pay for them again; nothing is published.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

from synthgen.errors import ConfigError
from synthgen.lazy_sessions import LazySessions
from synthgen.pipeline import RunOptions, run_pipeline
from synthgen.pipeline_file import Pipeline, StageSpec
from synthgen.plan import Graph, is_current
from synthgen.progress import Reporter
from synthgen.records import Row
from synthgen.reports.tables import printable
from synthgen.stages.contract import Context


def preview_pipeline(
    pipeline: Pipeline, rows: int, stage: str | None = None, *, runs: Path = Path("data/runs"), ledger: Path = Path("data/ledger"), reporter: Reporter | None = None
) -> dict[str, Any]:
    """The first `rows` rows of a generate stage (or as many calls as make about that many), asked and judged.

    Returns:
        `stage`, `prompt_tokens`, `completion_tokens`, `cost_usd`, and `previews`: each with `messages` as sent, `replies`
        (text, reasoning, finish_reason), `rows` with their `verdicts`, and `rejected`.
    """
    spec = _generate_stage(pipeline, stage)
    reporter = reporter or Reporter()
    options = RunOptions(runs=runs, ledger=ledger)
    with tempfile.TemporaryDirectory(prefix="synthgen-preview-") as scratch:
        graph = _graph_with_inputs(pipeline, spec, options, Path(scratch), reporter)
        sessions = LazySessions(pipeline, options, reporter, lambda: 0, "preview")
        try:
            config: Any = spec.config
            context = Context(Path(scratch), spec.id, Path(scratch) / "work", pipeline.seed, sessions, reporter, lambda: 0)
            calls = rows if spec.reads else max(1, math.ceil(rows / config.task.load()(config.task.options, pipeline.seed).per_call))
            shown = spec.module.plan_preview(graph.inputs(spec), config, context, calls)
            keys = [key for preview in shown for key in preview.keys]
            return {"stage": spec.id, **sessions.open(config.teacher).account(keys), "previews": [_plain(preview, spec, pipeline) for preview in shown]}
        finally:
            sessions.close()


def _generate_stage(pipeline: Pipeline, stage: str | None) -> StageSpec:
    if stage is not None:
        spec = pipeline.stage(stage)
        if spec.kind != "generate":
            raise ConfigError(f"{stage!r} is a {spec.kind} stage; preview shows a generate stage", str(pipeline.path))
        return spec
    found = next((spec for spec in pipeline.stages if spec.kind == "generate"), None)
    if found is None:
        raise ConfigError("this pipeline asks no teacher: there is nothing to preview", str(pipeline.path), "`synthgen run --dry-run` says what it would do")
    return found


def _graph_with_inputs(pipeline: Pipeline, spec: StageSpec, options: RunOptions, scratch: Path, reporter: Reporter) -> Graph:
    """The run's published inputs, or, where they are not there or have changed, the stages before run aside."""
    published = Graph(pipeline, options.folder(pipeline))
    needed = {reference.partition(".")[0] for references in spec.reads.values() for reference in references if not reference.startswith("run:")}
    if is_current(pipeline, published.run_dir, needed):
        return published
    before = pipeline.stages[: pipeline.stages.index(spec)]
    asking = next((earlier for earlier in before if earlier.kind == "generate" and not is_current(pipeline, published.run_dir, [earlier.id])), None)
    if asking is not None:
        why = f"{spec.id} reads what {asking.id} generates, which has not run yet or has changed since"
        raise ConfigError(why, str(pipeline.path), f"run it first: --until {before[-1].id}; or preview --id {asking.id}")
    run_pipeline(pipeline, RunOptions(run_dir=scratch / "run", ledger=options.ledger, until=before[-1].id), reporter)
    return Graph(pipeline, scratch / "run")


def _plain(preview: Any, spec: StageSpec, pipeline: Pipeline) -> dict[str, Any]:
    """One preview of the stage's as plain JSON, with the verdict of every rule that comes after."""
    kept = [row for row in preview.rows if "rejection" not in row]
    replies = [exchange.reply.samples if exchange.reply is not None else () for exchange in preview.exchanges]
    return {
        "messages": [list(exchange.request.messages) or exchange.request.prompt for exchange in preview.exchanges],
        "replies": [[{"text": sample.text, "reasoning": sample.reasoning, "finish_reason": sample.finish_reason} for sample in samples] for samples in replies],
        "rows": [{"row": row, "verdicts": verdicts} for row, verdicts in zip(kept, _verdicts(kept, spec, pipeline), strict=True)],
        "rejected": [row for row in preview.rows if "rejection" in row],
        **({"failed": preview.failed} if preview.failed else {}),
    }  # fmt: skip


def _verdicts(rows: list[Row], spec: StageSpec, pipeline: Pipeline) -> list[dict[str, Any]]:
    """What each rule of the filter stages behind the generate stage says of each row."""
    from synthgen.filters.apply import build_rules, judge_all

    verdicts: list[dict[str, Any]] = [{} for _ in rows]
    for later in pipeline.stages[pipeline.stages.index(spec) + 1 :]:
        if later.kind in ("generate", "sft", "evaluate"):
            break
        if later.kind != "filter":
            continue
        config: Any = later.config
        for name, rule in build_rules(config.rules):
            for said, verdict in zip(verdicts, judge_all(name, rule, rows), strict=True):
                said[name] = {"keep": not verdict.reject, "value": verdict.value}
    return verdicts


def preview_text(shown: dict[str, Any]) -> str:
    """A preview as a person reads it."""
    lines: list[str] = []
    for number, preview in enumerate(shown["previews"], 1):
        lines.append(f"=== {shown['stage']} {number} of {len(shown['previews'])}")
        for at, messages in enumerate(preview["messages"]):
            for message in messages if isinstance(messages, list) else [{"role": "prompt", "content": messages}]:
                lines.append(f"--- {message['role']}\n{message['content']}")
            for reply in preview["replies"][at] if at < len(preview["replies"]) else ():
                if reply["reasoning"]:
                    lines.append(f"--- reasoning\n{reply['reasoning']}")
                lines.append(f"--- reply ({reply['finish_reason']})\n{reply['text']}")
        for entry in preview["rows"]:
            lines.append("--- row\n" + "\n".join(f"{name}: {value}" for name, value in entry["row"].items() if name != "meta"))
            if entry["verdicts"]:
                said = [f"{rule} {'ok' if verdict['keep'] else 'rejects'}" for rule, verdict in entry["verdicts"].items()]
                lines.append("verdicts: " + ", ".join(said))
        for item in preview["rejected"]:
            why = item["rejection"]
            lines.append(f"--- rejected by {why['rule']} (value {why.get('value')!r})\n" + "\n".join(f"{name}: {value}" for name, value in item.items() if name not in ("meta", "rejection")))
        if "failed" in preview:
            lines.append(f"--- failed: {preview['failed']}")
        lines.append("")
    cost = shown.get("cost_usd")
    lines.append(f"{shown.get('prompt_tokens', 0):,} prompt and {shown.get('completion_tokens', 0):,} completion tokens" + (f", ${cost:.4f}" if cost else "") + "; the replies are in the ledger")
    return printable("\n".join(lines))
