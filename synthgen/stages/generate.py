"""generate: a teacher is asked, its replies become rows; every item and every request is accounted for.

Two accounts. Requests: planned = answered + failed + unsent. Items: in = kept + rejected + failed, where `in` counts the
items that replies held (an unparsable reply is one), a seed that could not be used, and a row whose requests failed. A task
that makes rows from seeds asks ahead of what it has judged; `ahead` counts the requests that were not needed in the end: they
are paid for, in the ledger, and no part of the sums.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from synthgen.config import OneOf, Unhashed
from synthgen.dispatch.contract import Session, Sessions
from synthgen.errors import Fault
from synthgen.registry import Choice
from synthgen.stages.asking import PoolWork, RowWork, outcome_of
from synthgen.stages.contract import Context, Inputs, Need, Outcome, StageConfig
from synthgen.stages.generated import ItemWriter
from synthgen.stages.resending import Sending
from synthgen.stages.round_plan import RoundPlan

if TYPE_CHECKING:
    from synthgen.stages.preview import Preview

VERSION = 1
WRITES = "rows"
SEEDED = True


def read_share(value: Any) -> Any:
    """A share written as 0.01 or as "1%"."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return float(value.strip()[:-1]) / 100
        except ValueError:
            raise ValueError("write a share, such as 0.01 or 1%") from None
    return value


class Config(StageConfig):
    """What is asked of whom, and what is done with replies that are not whole."""

    task: Annotated[Choice, OneOf("task", inline=True)] = Field(description="what is asked; its options stand beside it")
    teacher: Annotated[str, Unhashed()] = Field("", description="a name under `teachers`; the pipeline's teacher where left out")
    draw: int = Field(1, ge=1, description="raise it to ask for fresh replies to requests that are in the ledger")
    max_failed: Annotated[float, BeforeValidator(read_share), Unhashed()] = Field(0.0, ge=0, le=1, description="share of rows (or calls) that may fail, as 0.01 or 1%; above it the exit code is 4")
    on_length: Literal["keep", "reject", "continue", "escalate"] = Field("keep", description="items of a reply that ended at max_tokens; continue asks the teacher to go on, at most twice, and joins the parts; escalate asks once more with four times the room")
    on_content_filter: Literal["keep", "reject"] = Field("reject", description="items of a reply that the provider's filter cut off")

    def policies(self) -> dict[str, str]:
        """finish_reason -> what is done with the items of such a reply; what is not reject keeps them."""
        return {"length": self.on_length, "content_filter": self.on_content_filter}


def needs(config: Config) -> dict[str, Need]:
    """What generate reads: rows, unless its task makes them from seeds."""
    return {"rows": Need("rows", part="train")} if hasattr(config.task.load(), "ask") else {}


def teachers(config: Config) -> tuple[str, ...]:
    """Whom it asks: the stage's own teacher, and others that the task's options name."""
    return tuple(dict.fromkeys((config.teacher, *others(config))))


def others(config: Config) -> tuple[str, ...]:
    """Teachers that the task's requests may name, beside the stage's own."""
    named: tuple[str, ...] = getattr(config.task.options, "teachers", tuple)()
    return named


def faults(config: Config) -> list[Fault]:
    """What the task itself can know to be wrong before anybody is asked: seeds of which none can be used, say."""
    find = getattr(config.task.load(), "faults", None)
    return find(config.task.options) if find is not None else []


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Writes `rows.jsonl` and `rejected.jsonl`.

    Raises:
        EmptyResult: no row was kept, or a task that makes rows from seeds keeps too few of them.
        TeacherFailed, BudgetReached, Interrupted: as the session says.
    """
    session = context.sessions.open(config.teacher)
    task = config.task.load()(config.task.options, context.seed)
    with ItemWriter(out, context.stage_id, about(config, session)) as writer:
        shared = (task, session, context, writer, config.policies(), sending(config, session, context.sessions))
        plan = RoundPlan.of(context, config, session) if getattr(task, "round_calls", 0) else None
        work = RowWork(*shared) if hasattr(task, "ask") else PoolWork(*shared, plan=plan)
        work.run(inputs)
    return outcome_of(work, writer, context)


def plan_preview(inputs: Inputs, config: Config, context: Context, n: int, ask: bool = True) -> list[Preview]:
    """What the first n rows (or calls) would be asked and would become; replies stay in the ledger, nothing is published."""
    from synthgen.stages.generate_preview import preview

    return preview(inputs, config, context, n, ask)


def sending(config: Config, session: Session, sessions: Sessions) -> Sending:
    """How requests are sent."""
    return Sending(config.draw, config.on_length, session.config, {name: sessions.open(name).config for name in others(config)})


def about(config: Config, session: Session) -> dict[str, Any]:
    """What `meta` holds of every row of the stage."""
    return {"task": config.task.name, "teacher": session.identity, "model": session.config.model}
