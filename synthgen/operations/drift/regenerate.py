"""New training rows for the slices in which a student fell, and for no others.

The run's own stages make them, as a run of its own beside it. A grid of attributes is cut down to the fallen
values, so that nothing else is asked for. Other tasks cannot be told which slice to ask about: there the
questions of the looks are taken, as far as they lie in those slices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synthgen.core.errors import StageFailed
from synthgen.core.progress import Reporter
from synthgen.core.rows import Row, ordered
from synthgen.operations.drift.baseline import Baseline
from synthgen.operations.drift.look import Drift
from synthgen.operations.drift.looks import digest
from synthgen.operations.drift.questions import FRESH, TAKEN, makers
from synthgen.operations.drift.standing import named
from synthgen.operations.measured import checked
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.run import run_pipeline
from synthgen.pipeline.spec import Pipeline, StageSpec, ancestors, stage_id_of
from synthgen.store.jsonl import read_rows
from synthgen.store.publish import write_whole

ASKED = "asked"
"""The stage that reads the questions of the looks."""
ATTRIBUTES = "meta.attributes."

Slices = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Regenerated:
    """A run that made rows for fallen slices."""

    number: int
    run_dir: Path
    slices: Slices
    rows: dict[str, int]
    """The references that a student's `input` can name -> their rows."""

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        slices = [{"field": field, "slice": label} for field, label in self.slices]
        return {"run": str(self.run_dir), "slices": slices, "rows": self.rows}

    def lines(self) -> list[str]:
        """For a person."""
        where = ", ".join(named(*one) for one in self.slices)
        made = [f"  {reference}: {rows:,} rows" for reference, rows in self.rows.items()]
        return [f"regenerated for {where}; add to the student's input:", *made]


def regenerate(
    drift: Drift, rows: int, options: RunOptions | None = None, reporter: Reporter | None = None
) -> Regenerated | None:
    """Makes rows for the fallen slices, through the ledger; the same looks make the same rows once.

    Args:
        drift: what the looks have come to.
        rows: how many questions are made, for all these slices together.
        options: where ledger and runs are.
        reporter: where progress goes.

    Returns:
        The run; None where no slice fell.

    Raises:
        StageFailed: the looks hold no question of these slices.
        TeacherFailed, BudgetReached, Interrupted: as the run says.
    """
    fallen = drift.fallen()
    if not fallen:
        return None
    baseline, options = drift.baseline, options or RunOptions()
    looks = [look["look"] for look in drift.looks.counted]
    wanted = {"looks": looks, "slices": [list(one) for one in fallen], "rows": rows, "key": drift.looks.key}
    number = next(
        (
            entry["regenerate"]
            for entry in drift.looks.regenerated
            if {name: entry.get(name) for name in wanted} == wanted
        ),
        0,
    )
    if not number:
        number = len(drift.looks.regenerated) + 1
        drift.looks.add({"regenerate": number, **wanted})
    name = f"{baseline.run_dir.name}.regenerate-{number}"
    made, ends = _pipeline(baseline, drift, fallen, rows, number, name)
    run_dir = baseline.run_dir.parent / name
    result = run_pipeline(
        made, RunOptions(run_dir=run_dir, ledger=options.ledger, grace=options.grace), reporter
    )
    kept = {f"run:{name}:{stage_id}": result.stages[stage_id].counts["kept"] for stage_id in ends}
    return Regenerated(number, run_dir, fallen, kept)


def _pipeline(
    baseline: Baseline, drift: Drift, fallen: Slices, rows: int, number: int, name: str
) -> tuple[Pipeline, list[str]]:
    """The run's stages up to the students, from the questions of the fallen slices on; and the last ones."""
    pipeline = baseline.pipeline
    ends = makers(pipeline, baseline.spec)
    before = ancestors(pipeline, ends)
    splits = {
        stage_id_of(one)
        for one in baseline.spec.reads["questions"]
        if pipeline.stage(stage_id_of(one)).stage.writes == "split"
    }
    trained_on = [
        one
        for student in baseline.students
        for one in pipeline.stage(student).reads["rows"]
        if stage_id_of(one)
    ]
    wanted = before | splits | ancestors(pipeline, trained_on)
    grid = next((spec for spec in pipeline.stages if spec.id in before and _values(spec)), None)
    drawn = [one for one in fallen if grid is not None and _value(grid, one) is not None]
    looked = [one for one in fallen if one not in drawn]
    each = -(-rows // len(fallen))
    stages: list[dict[str, Any]] = []
    # Stage -> what has its place in the new pipeline: itself, where it works on rows of fallen slices.
    instead: dict[str, list[str]] = {}
    if grid is not None and drawn:
        instead[grid.id] = [f"{grid.id}-{place}" for place in range(1, len(drawn) + 1)]
        for one, stage_id in zip(drawn, instead[grid.id], strict=True):
            stages.append(_restricted(grid, one, each, number, stage_id, pipeline))
    if looked:
        behind = wanted - before - splits
        answering = any(spec.stage.asks(spec.config) for spec in pipeline.stages if spec.id in behind)
        questions = list(_asked(drift, looked, each * len(looked), answering))
        if not questions:
            where = ", ".join(named(*one) for one in looked)
            raise StageFailed(f"the looks hold no question of {where}", str(baseline.run_dir), "look again")
        file = drift.looks.folder / f"{name}.jsonl"
        write_whole(file, b"".join(orjson.dumps(row) + b"\n" for row in questions))
        stages.append({"load": {"id": ASKED, "sources": [{"path": str(file)}]}})
    asked = [ASKED] if looked else []
    instead |= {} if splits else {end: [*instead.get(end, []), *asked] for end in ends}
    for spec, entry in zip(pipeline.stages, pipeline.resolved()["stages"], strict=True):
        if spec.id not in wanted or spec.id in instead or not spec.reads:
            continue
        ((kind, given),) = entry.items()
        first, *others = spec.reads
        moved = [other for one in spec.reads[first] for other in instead.get(stage_id_of(one), ())]
        if spec.id in splits:
            instead[spec.id] = [*moved, *asked]
        elif moved:  # other rows that it had read are no rows of these slices
            instead[spec.id] = [spec.id]
            given["input"] = moved
            for other in others:
                _read_before(spec, other, given, baseline.run_dir.name)
            stages.append({kind: given})
    resolved = {**pipeline.resolved(), "name": name, "seed": pipeline.seed + FRESH, "stages": stages}
    last = [other for one in trained_on for other in instead.get(stage_id_of(one), ())]
    return checked(pipeline, resolved), list(dict.fromkeys(last))


def _read_before(spec: StageSpec, name: str, given: dict[str, Any], run: str) -> None:
    """Has a stage read the parts of a split, which it must not repeat, from the run before."""
    need, references = spec.stage.needs(spec.config)[name], spec.reads[name]
    if need.kind == "split" and need.part and need.option and references and stage_id_of(references[0]):
        given[need.option] = f"run:{run}:{stage_id_of(references[0])}"


def _values(spec: StageSpec) -> Mapping[str, Sequence[Any]]:
    """The grid of a stage that draws cells of one."""
    config: Any = spec.config
    return getattr(getattr(getattr(config, "task", None), "options", None), "attributes", None) or {}


def _value(grid: StageSpec, one: tuple[str, str]) -> Any:
    """The value of a grid's attribute that a slice is about; None where it is about none."""
    field, label = one
    values = _values(grid).get(field.removeprefix(ATTRIBUTES), ()) if field.startswith(ATTRIBUTES) else ()
    return next((value for value in values if str(value)[:80] == label), None)


def _restricted(
    grid: StageSpec, one: tuple[str, str], rows: int, number: int, stage_id: str, pipeline: Pipeline
) -> dict[str, Any]:
    options = next(
        entry[grid.kind]
        for spec, entry in zip(pipeline.stages, pipeline.resolved()["stages"], strict=True)
        if spec.id == grid.id
    )
    name = one[0].removeprefix(ATTRIBUTES)
    attributes = {**options["attributes"], name: [_value(grid, one)]}
    draw = options["draw"] + FRESH * 2 + number
    return {grid.kind: {**options, "id": stage_id, "attributes": attributes, "num_rows": rows, "draw": draw}}


def _asked(drift: Drift, slices: Slices, most: int, answering: bool) -> Iterable[Row]:
    """The questions that the looks asked in some slices, the newest first, each once.

    They have no answer, since a log's is the student's own. Where no later stage answers, they have the
    teacher's, as far as it gave one.
    """
    wanted, seen = set(slices), set[str]()
    for look in reversed(drift.looks.counted):
        folder = drift.looks.folder / f"{drift.baseline.run_dir.name}.drift-{look['look']}"
        within = {
            row["question"]
            for row in look["rows"]
            if wanted & {(field, label) for field, label in row["slices"].items()}
        }
        entries = {entry["id"]: entry for entry in read_rows(folder / "evaluate" / "answers.jsonl")}
        for row in read_rows(folder / TAKEN / "test.jsonl"):
            name = digest(row)
            if name not in within or name in seen or len(seen) >= most:
                continue
            answer = (
                entries[row["id"]]["answers"].get(drift.baseline.teacher, {}) if row["id"] in entries else {}
            )
            if not answering and (not answer or answer.get("failed")):
                continue
            seen.add(name)
            yield _question(row, None if answering else answer["text"])


def _question(row: Row, answer: str | None) -> Row:
    """A row with its question alone, or with an answer of the teacher's."""
    kept: dict[str, Any] = {
        name: row[name] for name in ("system", "instruction", "input", "reference", "meta") if name in row
    }
    turns = [turn for turn in row.get("messages") or () if turn["role"] != "developer"]
    if turns and "instruction" not in row:
        while turns[-1]["role"] != "user":
            turns.pop()
        if [turn["role"] for turn in turns[-2:]] in (["user"], ["system", "user"]) and len(turns) <= 2:
            kept["instruction"] = turns[-1]["content"]
            if len(turns) == 2:
                kept["system"] = turns[0]["content"]
        else:
            kept["messages"] = [*turns, *([{"role": "assistant", "content": answer}] if answer else [])]
            return ordered({"id": row["id"], **kept})
    return ordered({"id": row["id"], **kept, **({"output": answer} if answer else {})})
