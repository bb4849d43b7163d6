"""A look at what generate would do: prompts as sent, replies, and what they become, before all of it is paid for."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from synthgen.dispatch.contract import Conversation, Rendered
from synthgen.exchange import Reply, Request
from synthgen.records import Row, rejected
from synthgen.stages.asking import input_rows
from synthgen.stages.contract import Context, Inputs
from synthgen.stages.generated import Births, with_policy
from synthgen.tasks.contract import Item, Rejected

if TYPE_CHECKING:
    from synthgen.stages.generate import Config


@dataclass(frozen=True)
class Exchange:
    """One request as the task made it, and the reply, or None where there was none."""

    request: Request
    reply: Reply | None


@dataclass
class Preview:
    """One input row (None where rows are made from seeds), what was said about it, and what became of it.

    `rows` are finished rows; those that the task itself, or the pool, said no to carry `rejection`. `failed` is the reason
    where there was no result, with the server's words. `keys` are ledger keys, for usage and cost.
    """

    row: Row | None
    exchanges: list[Exchange]
    rows: list[Row] = field(default_factory=list)
    failed: str = ""
    keys: tuple[str, ...] = ()


def preview(inputs: Inputs, config: Config, context: Context, n: int) -> list[Preview]:
    """See `generate.plan_preview`."""
    from synthgen.stages.generate import about, sending

    session = context.sessions.open(config.teacher)
    task = config.task.load()(config.task.options, context.seed)
    births = Births(about(config, session))
    pool = None
    if hasattr(task, "ask"):
        rows: list[Row | None] = list(input_rows([artefact.file for artefact in inputs["rows"]], n))
        talks: list[Conversation[list[Item]]] = [partial(task.ask, row) for row in rows]
    else:
        pool = task.pool()
        calls = min(n, task.round_calls * 2) if task.round_calls else min(n, getattr(task, "calls", n))
        rows = [None] * calls
        talks = [partial(task.call, index, []) for index in range(calls)]
    said: list[list[Exchange]] = [[] for _ in talks]
    send = sending(config, session)
    recorded = [partial(_recorded, send(talk), log) for talk, log in zip(talks, said, strict=True)]
    shown = []
    with closing(session.stream(recorded, ahead=lambda: n, stage=f"preview {context.stage_id}", total=len(talks))) as results:  # type: ignore[type-var]
        for row, log, rendered in zip(rows, said, results, strict=True):
            shown.append(_shown(row, log, rendered, config, context, births, pool))
    return shown


def _shown(row: Row | None, log: list[Exchange], rendered: Rendered[list[Item]], config: Config, context: Context, births: Births, pool: Any) -> Preview:
    found = Preview(row, list(log), keys=rendered.keys)
    if rendered.state != "answered":
        found.failed = f"{rendered.reason}: {rendered.detail}" if rendered.detail else rendered.reason
        return found
    parents = [row["id"]] if row and row.get("id") else []
    for item in rendered.result or [Rejected(row or {}, "no_items")]:
        item = with_policy(item, config.policies())
        if pool is not None and not isinstance(item, Rejected):
            item = pool.judge(item) or item
        if isinstance(item, Rejected):
            born = births.born(item.row, parents)
            found.rows.append(rejected(born, stage=context.stage_id, rule=item.rule, value=item.value, threshold=item.threshold, matched_id=item.matched_id, score=item.score))
            continue
        born = births.born(item, parents)
        found.rows.append(born)
        if pool is not None:
            pool.add(born)
    return found


def _recorded(conversation: Conversation[list[Item]], log: list[Exchange]) -> Generator[Request, Reply, list[Item]]:
    """The same conversation, noting down what is said; a fresh start forgets the notes of the one before."""
    log.clear()
    talk = conversation()
    try:
        request = next(talk)
        while True:
            log.append(Exchange(request, None))
            reply = yield request
            log[-1] = Exchange(request, reply)
            request = talk.send(reply)
    except StopIteration as done:
        return list(done.value)
