"""Pairwise comparisons of an evaluation: their options, who is compared, and what a judge is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from synthgen.core.config import Unhashed
from synthgen.core.errors import ConfigError, Fault
from synthgen.core.rows import Row
from synthgen.evaluation.compare import ModelAnswers
from synthgen.evaluation.local import Local
from synthgen.evaluation.pairwise import Comparison, compare_pairs, pairs_of
from synthgen.evaluation.pairwise_report import FILE, comparison_rows, pairwise_report
from synthgen.stages.contract import Context
from synthgen.store.jsonl import RowWriter
from synthgen.tasks.judge import Judge, JudgeConfig
from synthgen.tasks.prompting import AskOptions, refuse_faults
from synthgen.teachers.config import Sampling, TeacherConfig

PART = "pairwise"
"""The judge's part in previews and estimates."""


class PairwiseOptions(AskOptions):
    """Who compares students' answers with whose."""

    judge: Annotated[str, Unhashed()] = Field(
        "", description="who compares: a name under `teachers`; the pipeline's teacher where left out"
    )
    against: tuple[str, ...] = Field(
        ("base", "teacher"),
        min_length=1,
        description=(
            "whom each student is compared with: base, teacher, or the id of a stage that trains, each one "
            "of `models`"
        ),
    )
    form: Literal["text", "json"] = Field(
        "text", description="json: the verdict's form is prescribed by a schema, as for the task judge"
    )
    show_reference: bool = Field(True, description="whether the judge sees the row's reference")
    sampling: Sampling = Field(
        Sampling(temperature=0.0), description="what differs from the judge's own sampling"
    )

    @model_validator(mode="after")
    def _check(self) -> PairwiseOptions:
        refuse_faults(lambda: self.asking().load_prompt())
        return self

    def asking(self) -> JudgeConfig:
        """The options of the task that asks."""
        own = {name: getattr(self, name) for name in AskOptions.model_fields}
        shown = {"form": self.form, "show_reference": self.show_reference}
        return JudgeConfig(**own, **shown, kind="pairwise", against="")

    def prompts(self) -> tuple[str, ...]:
        """Prompts that no option names."""
        return self.asking().prompts()


def asked_in_vain(options: PairwiseOptions | None, teachers: Mapping[str, TeacherConfig]) -> list[Fault]:
    """A judge that cannot compare answers: the builtin teacher is a program and knows its own tasks alone."""
    judge = teachers.get(options.judge) if options is not None else None
    if judge is None or judge.provider != "builtin":
        return []
    return [
        Fault(
            "the builtin teacher cannot compare answers",
            "pairwise: {judge: …}",
            "name another under `teachers`: pairwise: {judge: NAME}",
        )
    ]


class Pairwise:
    """The comparisons of one evaluation: what was found, as figures and as rows."""

    def __init__(self, comparison: Comparison, figures: dict[str, Any], rows: Sequence[Row]) -> None:
        self.failed, self.account, self.figures = comparison.failed, comparison.account, figures
        self._comparison, self._rows = comparison, rows

    def write(self, out: Path) -> int:
        """Writes every row of every pair into a folder; returns how many."""
        with RowWriter(out / FILE) as writer:
            for row in comparison_rows(self._comparison, self._rows):
                writer.write(row)
        return writer.rows


def compare(
    models: Sequence[ModelAnswers], rows: Sequence[Row], options: PairwiseOptions, context: Context
) -> Pairwise:
    """Has the judge compare the answers of all pairs.

    Raises:
        TeacherFailed, BudgetReached, Interrupted: as the session says.
    """
    session = context.sessions.open(options.judge)
    comparison = compare_pairs(
        session,
        Judge(options.asking(), 0),
        pairs_of(models, options.against),
        rows,
        stage=f"{context.stage_id} {PART}",
        accept_partial=context.accept_partial,
    )
    return Pairwise(comparison, pairwise_report(comparison, session.config.model, rows), rows)


def require_pairs(locals_: Sequence[Local], models: Sequence[str], options: PairwiseOptions) -> None:
    """Raises ConfigError where no student has anybody to be compared with, before anybody is asked.

    Args:
        locals_: the models at hand that are asked.
        models: all that are asked.
        options: whom students are compared with.
    """
    found = [ModelAnswers(one.name, one.role, [], one.base, seed_of=one.seed_of) for one in locals_]
    if "teacher" in models:
        found.append(ModelAnswers("teacher", "teacher", []))
    empty = [name for name in options.against if not pairs_of(found, [name])]
    named = "against" in options.model_fields_set
    if not empty or (not named and len(empty) < len(options.against)):
        return
    raise ConfigError(
        f"pairwise: no student can be compared with {empty[0]!r}"
        if named
        else "pairwise has nobody to compare students with",
        "evaluate: {pairwise: …}",
        "put base or teacher into `models`, or name another student: against: [STAGE_ID]"
        f" (asked are {', '.join(one.name for one in found)})",
    )


def count_pairs(students: Sequence[Any], models: Sequence[str], against: Sequence[str]) -> int:
    """How many pairs there will be, from the options of the stages whose students are compared."""
    named = [
        ModelAnswers(
            str(getattr(one, "id", None) or number),
            "student",
            [],
            base="base",
            seed_of=str(getattr(one, "seed_of", None) or ""),
        )
        for number, one in enumerate(students)
    ]
    others: list[ModelAnswers] = [ModelAnswers("base", "base", [])] if "base" in models else []
    others += [ModelAnswers("teacher", "teacher", [])] if "teacher" in models else []
    return len(pairs_of([*named, *others], against))
