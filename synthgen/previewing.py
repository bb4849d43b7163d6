"""A look before paying for all: prompts as sent, replies, parsed rows and each rule's verdict for the first few rows.

Replies stay in the ledger, so that the run does not pay for them again; nothing is published.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from synthgen.dispatch.contract import Conversation, Session
from synthgen.errors import ConfigError
from synthgen.exchange import Reply, Request
from synthgen.pipeline import LazySessions, RunOptions, run_pipeline
from synthgen.pipeline_file import Pipeline, StageSpec
from synthgen.plan import Graph
from synthgen.records import Row
from synthgen.reports.progress import Reporter
from synthgen.store.jsonl import read_rows
from synthgen.store.manifest import read_manifest
from synthgen.tasks.contract import Item, Pool, Rejected


@dataclass
class _Heard:
    """What one conversation asked and was told."""

    asked: list[Request] = field(default_factory=list)
    told: list[Reply] = field(default_factory=list)


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
            session = sessions.open(config.teacher)
            task = config.task.load()(config.task.options, pipeline.seed)
            if hasattr(task, "ask"):
                given = list(islice((row for artefact in graph.inputs(spec)["rows"] for row in read_rows(artefact.file)), rows))
                starters: list[Callable[[], Generator[Request, Reply, list[Item]]]] = [lambda row=row: task.ask(row) for row in given]  # type: ignore[misc]
            else:
                starters = [lambda index=index: task.call(index, []) for index in range(max(1, math.ceil(rows / task.per_call)))]  # type: ignore[misc]
            pool = None if hasattr(task, "ask") else task.pool()
            return {"stage": spec.id, **_asked(session, starters, spec, pipeline, pool)}
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
    """The run's published inputs, or, where they are not there yet, the data stages before run aside."""
    published = Graph(pipeline, options.folder(pipeline))
    needed = {reference.partition(".")[0] for references in spec.reads.values() for reference in references if not reference.startswith("run:")}
    if all(read_manifest(published.run_dir / stage_id) for stage_id in needed):
        return published
    before = pipeline.stages[: pipeline.stages.index(spec)]
    asking = next((earlier for earlier in before if earlier.kind == "generate"), None)
    if asking is not None:
        raise ConfigError(f"{spec.id} reads what {asking.id} generates, which has not run yet", str(pipeline.path), f"run it first: --until {before[-1].id}; or preview --id {asking.id}")
    run_pipeline(pipeline, RunOptions(run_dir=scratch / "run", ledger=options.ledger, until=before[-1].id), reporter)
    return Graph(pipeline, scratch / "run")


def _asked(session: Session, starters: list[Any], spec: StageSpec, pipeline: Pipeline, pool: Pool | None) -> dict[str, Any]:
    session.fetch(starters, total=len(starters), stage=f"preview {spec.id}")
    heard = [_Heard() for _ in starters]
    listening: Iterable[Conversation[list[Item]]] = [lambda start=start, to=to: _listen(start(), to) for start, to in zip(starters, heard, strict=True)]  # type: ignore[misc]
    previews: list[dict[str, Any]] = []
    keys: list[str] = []
    for rendered, listened in zip(session.render(listening), heard, strict=True):
        keys += rendered.keys
        items = [_joined(item, pool) for item in rendered.result or ()]
        rows = [item for item in items if not isinstance(item, Rejected)]
        previews.append({
            "messages": [list(request.messages) or request.prompt for request in listened.asked],
            "replies": [[{"text": sample.text, "reasoning": sample.reasoning, "finish_reason": sample.finish_reason} for sample in reply.samples] for reply in listened.told],
            "rows": [{"row": row, "verdicts": verdicts} for row, verdicts in zip(rows, _verdicts(rows, spec, pipeline), strict=True)],
            "rejected": [{"row": item.row, "rule": item.rule, "value": item.value, "threshold": item.threshold} for item in items if isinstance(item, Rejected)],
            **({} if rendered.state == "answered" else {"failed": f"{rendered.reason} {rendered.detail}".strip()}),
        })  # fmt: skip
    return {**session.account(keys), "previews": previews}


def _joined(item: Item, pool: Pool | None) -> Item:
    """An item held to the pool that it would join (too much like an earlier one, say)."""
    if pool is None or isinstance(item, Rejected):
        return item
    refused = pool.judge(item)
    if refused is None:
        pool.add({"id": "earlier in this preview", **item})
    return refused or item


def _listen(talk: Generator[Request, Reply, list[Item]], heard: _Heard) -> Generator[Request, Reply, list[Item]]:
    """The same conversation, with what is said written down."""
    heard.asked.clear()
    heard.told.clear()
    try:
        request = next(talk)
        while True:
            heard.asked.append(request)
            reply = yield request
            heard.told.append(reply)
            request = talk.send(reply)
    except StopIteration as end:
        return list(end.value)


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
            lines.append(f"--- rejected by {item['rule']} (value {item['value']!r})\n" + "\n".join(f"{name}: {value}" for name, value in item["row"].items() if name != "meta"))
        if "failed" in preview:
            lines.append(f"--- failed: {preview['failed']}")
        lines.append("")
    cost = shown.get("cost_usd")
    lines.append(f"{shown.get('prompt_tokens', 0):,} prompt and {shown.get('completion_tokens', 0):,} completion tokens" + (f", ${cost:.4f}" if cost else "") + "; the replies are in the ledger")
    return "\n".join(lines)
