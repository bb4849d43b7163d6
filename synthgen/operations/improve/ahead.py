"""What an improvement would train and ask for, and at most spend: its rounds so far are taken from files."""

from __future__ import annotations

from typing import Any

from synthgen.core.errors import BudgetReached
from synthgen.core.progress import Reporter
from synthgen.core.text import dollars
from synthgen.operations.ahead import Ahead, Piece, counted, free, pieces_of
from synthgen.operations.improve.figures import IMPROVE, UNIFORM
from synthgen.operations.improve.measure import spent
from synthgen.operations.improve.plan import QUESTIONS, ImprovePlan
from synthgen.operations.improve.run import checked_plan, improve
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.plan import stage_states
from synthgen.pipeline.result import RunResult
from synthgen.pipeline.spec import Pipeline


def improvement_ahead(
    pipeline: Pipeline,
    options: RunOptions,
    *,
    rounds: int,
    usd: float | None = None,
    rows: int | None = None,
    control: bool = False,
    **chosen: Any,
) -> Ahead:
    """What is left of an improvement; arguments and errors are those of `improve`.

    Slices and shares of a round are decided by the round before. So the next round is known in full where
    the one before is there, and of later ones the most that they can be.
    """
    plan = checked_plan(
        pipeline, usd, rows, chosen.get("by"), chosen.get("student"), bool(chosen.get("evolve"))
    )
    there = _There()
    try:
        found = improve(
            pipeline,
            options,
            rounds=rounds,
            usd=usd,
            rows=rows,
            control=control,
            reporter=there,
            carry_out=there.carry_out,
            **chosen,
        )
    except _NotYet as reached:
        todo = reached.pipeline
    else:
        return Ahead([], notes=(f"all is done: {found['stopped']}",))
    order = [plan.name(IMPROVE, 0)]
    for arm, last in ((IMPROVE, rounds), (UNIFORM, int(control))):
        for number in range(1, last + 1):
            order += [f"{plan.name(arm, number)}.rows", plan.name(arm, number)]
    pieces = pieces_of(todo, options)
    trained = next((piece.rows for piece in pieces if piece.does == "trains"), there.trained)
    new = _wanted(todo)
    for name in order[order.index(todo.name) + 1 :]:
        if name.endswith(".rows"):
            new = rows
            pieces += _new_rows(plan, name, rows)
        else:
            trained = trained + new if trained is not None and new is not None else None
            pieces += _training(plan, name, trained)
    return Ahead(
        pieces,
        None if usd is None else usd * (1 + control),
        pipeline.budget.usd if pipeline.budget is not None else None,
        tuple(there.notes(usd)),
    )


def _wanted(todo: Pipeline) -> int | None:
    """How many questions a run of new rows is to make; None for one that trains."""
    made = next((spec for spec in todo.stages if spec.id == QUESTIONS), None)
    return int(made.config.sample.size) if made is not None else None  # type: ignore[attr-defined]


def _new_rows(plan: ImprovePlan, name: str, rows: int | None) -> list[Piece]:
    """A run of new rows whose slices are not decided yet."""
    whole = plan.pipeline
    found = [Piece(name, spec.id, "asks", None, usd=free(whole, spec)) for spec in plan.growing]
    for spec in plan.back:
        if spec.stage.asks(spec.config):
            found.append(Piece(name, spec.id, "asks", rows, counted(whole, spec, rows), free(whole, spec)))
    return found


def _training(plan: ImprovePlan, name: str, rows: int | None) -> list[Piece]:
    """A run that trains, of which the teacher's answers are known; judges are asked about new ones."""
    found = [Piece(name, spec.id, "trains", rows) for spec in plan.students]
    calls = counted(plan.pipeline, plan.evaluate, None, judges=True)
    return found if calls == 0 else [*found, Piece(name, plan.evaluate.id, "asks", None)]


class _NotYet(Exception):
    """A run of the improvement is not finished."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__(pipeline.name)
        self.pipeline = pipeline


class _There(Reporter):
    """Takes finished runs from their files, and keeps what an improvement says meanwhile."""

    def __init__(self) -> None:
        super().__init__("silent")
        self.said: list[str] = []
        self.paid = 0.0
        self.trained: int | None = None

    def say(self, text: str) -> None:
        """Keeps a line."""
        self.said.append(text)

    def carry_out(self, pipeline: Pipeline, options: RunOptions, reporter: Reporter) -> RunResult:
        """What a finished run came to.

        Raises:
            BudgetReached: as running it again would, since some of its rows were cut off by its cap.
            _NotYet: it is not finished.
        """
        run_dir = options.folder(pipeline)
        states = stage_states(pipeline, run_dir, limit=options.limit)
        manifests = {name: state.manifest for name, state in states.items() if state.manifest is not None}
        if len(manifests) < len(states) or any(state.state != "done" for state in states.values()):
            raise _NotYet(pipeline)
        if any(one.partial for one in manifests.values()) and not options.accept_partial:
            raise BudgetReached(f"the budget of {pipeline.name} was reached")
        if pipeline.name.endswith(".rows"):
            self.paid += spent(run_dir, manifests)
        for one in manifests.values():
            if one.writes == "model":
                self.trained = int(one.counts["kept"])
        return RunResult(run_dir, manifests)

    def notes(self, usd: float | None) -> list[str]:
        """What the next round asks for, and what earlier ones paid."""
        lines = [line for line in self.said[-1:] if " questions of " in line]
        return [*lines, *([f"{dollars(self.paid)} of {dollars(usd)} is spent"] if usd and self.paid else [])]
