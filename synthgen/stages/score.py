"""score: a teacher grades rows; its verdicts go into `meta.scores`, where the `score` filter and `select` read them.

Rows keep their ids and all else. With `golden`, a field that holds people's verdicts, the judge's agreement with them is
reported. A row whose grade cannot be read is rejected as `ungraded`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from synthgen.config import Unhashed
from synthgen.records import Row
from synthgen.stages.asking import RowWork, outcome_of
from synthgen.stages.contract import Context, Inputs, Need, Outcome, StageConfig
from synthgen.stages.generate import read_share
from synthgen.stages.generated import ItemWriter
from synthgen.tasks.grades import agreement
from synthgen.tasks.judge import Judge, JudgeConfig

VERSION = 1
WRITES = "rows"
SEEDED = False


class Config(StageConfig):
    """Who grades, and by what."""

    judge: JudgeConfig = Field(JudgeConfig(), description="the rubric and its form")
    teacher: Annotated[str, Unhashed()] = Field("", description="a name under `teachers`; the pipeline's teacher where left out")
    draw: int = Field(1, ge=1, description="raise it to ask for fresh replies to requests that are in the ledger")
    max_failed: Annotated[float, BeforeValidator(read_share), Unhashed()] = Field(0.0, ge=0, le=1, description="share of rows that may fail, as 0.01 or 1%; above it the exit code is 4")
    golden: str | None = Field(None, description="a field with people's verdicts; the judge's agreement with them is reported")


def needs(config: Config) -> dict[str, Need]:
    """What score reads."""
    return {"rows": Need("rows", part="train")}


def teachers(config: Config) -> tuple[str, ...]:
    """Whom it asks."""
    return (config.teacher,)


def run(inputs: Inputs, config: Config, context: Context, out: Path) -> Outcome:
    """Writes `rows.jsonl` and `rejected.jsonl`.

    Raises:
        EmptyResult: no row got a grade.
        TeacherFailed, BudgetReached, Interrupted: as the session says.
    """
    session = context.sessions.open(config.teacher)
    with _Scored(out, context.stage_id, config) as writer:
        work = RowWork(Judge(config.judge, context.seed), session, context, writer, {}, config.draw)
        work.run(inputs)
    outcome = outcome_of(work, writer, context)
    outcome.extra.update(writer.report())
    return outcome


class _Scored(ItemWriter):
    """Rows as they were, and a tally of their grades."""

    def __init__(self, out: Path, stage: str, config: Config) -> None:
        super().__init__(out, stage, None)
        self._name, self._golden = config.judge.name, config.golden
        self._grades: dict[str, int] = {}
        self._judged: list[float] = []
        self._human: list[float] = []

    def keep(self, row: Row, parents: Any = ()) -> Row:
        """Writes a row, and counts its grade."""
        grade = row["meta"]["scores"][self._name]
        self._grades[f"{grade:g}"] = self._grades.get(f"{grade:g}", 0) + 1
        human = row.get(self._golden) if self._golden else None
        if isinstance(human, int | float):
            self._judged.append(float(grade))
            self._human.append(float(human))
        return super().keep(row, parents)

    def report(self) -> dict[str, Any]:
        """How often each grade was given, and how far the judge agrees with people."""
        found: dict[str, Any] = {"grades": dict(sorted(self._grades.items(), key=lambda entry: float(entry[0])))}
        return {**found, "agreement": agreement(self._judged, self._human)} if self._golden else found
