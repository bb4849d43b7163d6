"""Improvement: train, find the slices that fail, make rows there, train again, as long as it pays.

Slices and stops are decided on the validation rows alone; the test rows are scored for the table. Each round
is two runs, `<name>.improve-1.rows` (new rows) and `<name>.improve-1` (students on all rows so far), over the
same ledger: after a kill the same call goes on, and takes what is there from files. With `control` one
more training has what the same dollars buy of all slices alike (`<name>.uniform-1`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from synthgen.core.errors import BudgetReached, ConfigError, EmptyResult
from synthgen.core.progress import Reporter
from synthgen.core.text import dollars, points
from synthgen.evaluation.intervals import Interval
from synthgen.evaluation.trainings import apart
from synthgen.operations.alone import alone
from synthgen.operations.improve.figures import IMPROVE, UNIFORM, Round, figures
from synthgen.operations.improve.measure import Scored, question_costs, scored, sources, spent
from synthgen.operations.improve.new_rows import new_rows
from synthgen.operations.improve.plan import ImprovePlan, Sizes
from synthgen.operations.improve.training import FRESH, training
from synthgen.operations.improve.weakness import shared, slice_scores, uniform
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.result import RunResult
from synthgen.pipeline.run import run_pipeline
from synthgen.pipeline.spec import Pipeline
from synthgen.store.manifest import read_manifest
from synthgen.store.publish import write_whole
from synthgen.teachers.config import Budget

CarryOut = Callable[[Pipeline, RunOptions, Reporter], RunResult]
"""How a pipeline is run; a look ahead takes what is there."""
NAME = "improve.json"
"""The figures, in the folder of the start."""
AIM = 0.95
"""Of a round's dollars: the cap holds for the most that each request may cost, so the last ones need room."""


@dataclass
class _Start:
    plan: ImprovePlan
    options: RunOptions
    reporter: Reporter
    sizes: Sizes
    of_stage: Mapping[str, str]
    cost: Mapping[str, float]
    """Of one question of a slice; 1 where questions are counted and not dollars."""
    first: Round
    carry_out: CarryOut | None = None


def improve(
    pipeline: Pipeline,
    options: RunOptions,
    *,
    rounds: int,
    usd: float | None = None,
    rows: int | None = None,
    by: str | None = None,
    student: str | None = None,
    evolve: bool = False,
    control: bool = False,
    reporter: Reporter | None = None,
    carry_out: CarryOut | None = None,
) -> dict[str, Any]:
    """Runs the start and up to `rounds` rounds; after an interruption, the same call continues.

    Args:
        pipeline: with a split that makes validation rows, a student and an evaluation that asks the teacher.
        options: where runs and the ledger are.
        rounds: at most so many.
        usd: dollars for the new rows of all rounds together, a hard cap.
        rows: questions a round, where `usd` is left out.
        by: the field whose values are slices, or `stage`; see `ImprovePlan`.
        student: the stage that trains the student, where the pipeline measures several.
        evolve: new questions are rewritten by the task evolve before they are answered.
        control: also spend as much on rows of all slices alike, to compare with.
        reporter: where progress goes.
        carry_out: in place of running each pipeline; then nothing is written either.

    Returns:
        The figures, as `figures` gives them; they are also in `improve.json` of the start's folder.

    Raises:
        ConfigError: see `ImprovePlan`; or neither `usd` nor `rows`, or dollars where rows cost nothing.
        RunLocked: another process improves this pipeline.
    """
    plan = checked_plan(pipeline, usd, rows, by, student, evolve)
    reporter = reporter or Reporter()
    with nullcontext() if carry_out else alone(options.folder(training(plan, IMPROVE, 0, ()))):
        return _rounds(plan, options, rounds, usd, rows, control, reporter, carry_out)


def _rounds(
    plan: ImprovePlan,
    options: RunOptions,
    rounds: int,
    usd: float | None,
    rows: int | None,
    control: bool,
    reporter: Reporter,
    carry_out: CarryOut | None,
) -> dict[str, Any]:
    """The start and the rounds of both arms; see `improve`."""
    pipeline = plan.pipeline
    own = replace(options, charged_run=options.charged_run or options.folder(pipeline).name)
    reporter.say("improve: the start")
    done = (carry_out or run_pipeline)(training(plan, IMPROVE, 0, ()), own, reporter)
    sizes, of_stage = sources(plan, done.run_dir)
    cost = question_costs(plan, done.run_dir, sizes)
    if usd is None:
        cost = dict.fromkeys(cost, 1.0)
    trained_on = _kept(done.run_dir / plan.students[0].id)
    both = _both(plan, done.run_dir, of_stage)
    first = Round("start", 0, done.run_dir.name, {}, 0, 0.0, trained_on, *both)
    start = _Start(plan, own, reporter, sizes, of_stage, cost, first, carry_out)
    arms: dict[str, list[Round]] = {IMPROVE: []}
    stopped = _improve(start, rounds, usd, rows, arms[IMPROVE], lambda: _write(start, arms, usd, ""))
    if control:
        arms[UNIFORM] = _uniform(start, arms[IMPROVE], usd)
    return _write(start, arms, usd, stopped)


def checked_plan(
    pipeline: Pipeline,
    usd: float | None,
    rows: int | None,
    by: str | None,
    student: str | None,
    evolve: bool,
) -> ImprovePlan:
    """The plan of an improvement; see `improve`."""
    if (usd is None) == (rows is None):
        raise ConfigError(
            "an improvement needs dollars for all rounds or questions a round",
            next="--usd 5, or --rows 2000 where the teacher has no price",
        )
    plan = ImprovePlan(pipeline, by, student, evolve)
    if usd is not None and (unpriced := plan.unpriced()):
        raise ConfigError(
            f"{unpriced} has no price, so dollars do not say how many rows to make",
            plan.where,
            "give it `price: {input_per_mtok: …, output_per_mtok: …}`, or --rows N in place of --usd",
        )
    return plan


def _improve(
    start: _Start,
    rounds: int,
    usd: float | None,
    rows: int | None,
    done: list[Round],
    write: Callable[[], object],
) -> str:
    """Rounds until one stops; appends them to `done`, and returns why no further one follows."""
    verdict = start.plan.evaluate.config.verdict  # type: ignore[attr-defined]
    last, in_vain = start.first, list[str]()
    for number in range(1, rounds + 1):
        scores = last.validation
        slices = slice_scores(
            scores.student, scores.teacher, scores.labels, verdict.margin, verdict.confidence
        )
        left = (usd or 0.0) - sum(one.usd for one in done)
        money = AIM * left / (rounds - number + 1) if usd is not None else float(rows or 0)
        wanted = shared(slices, money, start.cost, in_vain)
        if not any(one.fell for one in slices):
            return f"no slice lies below the teacher by more than {100 * verdict.margin:.1f} points"
        if not wanted:
            return f"{dollars(left)} are left, which buy no row"
        start.reporter.say(
            f"improve {number}/{rounds}: "
            + ", ".join(f"{rows:,} questions of {name}" for name, rows in wanted.items())
        )
        made, out_of_money = _round(start, IMPROVE, number, wanted, done, usd)
        if made is None:
            return (
                f"{dollars(left)} were left, which is less than the first requests may cost at most: lower "
                "the teacher's max_tokens, or give more"
            )
        done.append(made)
        write()
        gain = _gain(made, last)
        if out_of_money:
            return "the budget was reached"
        if gain.low <= 0:
            return (
                f"round {number} gained {points(gain.value)} points on the validation rows, which may be "
                f"chance ({points(gain.low)} to {points(gain.high)})"
            )
        in_vain = [name for name in wanted if _gain(made, last, name).low <= 0]
        last = made
    return f"{len(done)} of {rounds} rounds are done"


def _uniform(start: _Start, others: Sequence[Round], usd: float | None) -> list[Round]:
    """As much as all rounds of the other arm spent, on all slices alike: one more round, to compare with."""
    if usd is not None:
        money = sum(one.usd for one in others)
    else:
        money = float(sum(sum(one.wanted.values()) for one in others))
    wanted = uniform({name: start.sizes.of(name) for name in start.cost}, money, start.cost)
    made = _round(start, UNIFORM, 1, wanted, (), usd)[0] if wanted else None
    return [made] if made is not None else []


def _gain(made: Round, last: Round, name: str | None = None) -> Interval:
    """What a round gained on the validation rows that both have, or on those of a slice."""
    labels = zip(last.validation.ids, last.validation.labels, strict=True)
    rows = {row for row, label in labels if name in (None, label)} & set(made.validation.ids)
    return apart(made.validation.only(rows).student, last.validation.only(rows).student)


def _round(
    start: _Start,
    arm: str,
    number: int,
    wanted: Mapping[str, int],
    earlier: Sequence[Round],
    usd: float | None,
) -> tuple[Round | None, bool]:
    """Makes the rows, trains on all so far and measures; and whether the cap kept some from being made.

    None where it kept all of them.
    """
    plan, reporter = start.plan, start.reporter
    grown = new_rows(plan, arm, number, wanted, start.sizes)
    options, carry_out = start.options, start.carry_out or run_pipeline
    if usd is not None:
        grown = replace(grown, budget=Budget(usd=usd))
        options = replace(options, charged_run=f"{plan.pipeline.name}.{arm}")
    out_of_money = False
    try:
        run = carry_out(grown, options, reporter)
    except BudgetReached as reached:
        reporter.say(f"{arm} {number}: {reached}; going on with the rows that are there")
        out_of_money = True
        try:
            run = carry_out(grown, replace(options, accept_partial=True), reporter)
        except EmptyResult:
            return None, True
    names = [f"{plan.name(arm, one.number)}.rows" for one in earlier] + [grown.name]
    done = carry_out(training(plan, arm, number, names), start.options, reporter)
    one = Round(
        arm,
        number,
        done.run_dir.name,
        dict(wanted),
        _kept(done.run_dir / FRESH) - sum(one.new_rows for one in earlier),
        spent(run.run_dir, run.stages),
        _kept(done.run_dir / plan.students[0].id),
        *_both(plan, done.run_dir, start.of_stage),
    )
    return one, out_of_money


def _kept(folder: Path) -> int:
    manifest = read_manifest(folder)
    return int(manifest.counts.get("kept", 0)) if manifest is not None else 0


def _both(plan: ImprovePlan, run_dir: Path, of_stage: Mapping[str, str]) -> tuple[Scored, Scored]:
    """A run's scores on validation rows and on test rows."""
    return scored(plan, run_dir, True, of_stage), scored(plan, run_dir, False, of_stage)


def _write(
    start: _Start, arms: Mapping[str, Sequence[Round]], usd: float | None, stopped: str
) -> dict[str, Any]:
    found = figures(start.plan, start.first, arms, usd, stopped)
    if start.carry_out is not None:
        return found
    folder = start.options.folder(training(start.plan, IMPROVE, 0, ()))
    write_whole(folder / NAME, orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")
    return found
