"""`--rehearse`: the students of a pipeline are trained, saved, loaded and asked, on a few made-up rows.

Stages do it themselves, with their own code and options. No teacher is asked, and all files are in a folder
on the run's disk that is removed at the end.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from synthgen.core.artefacts import Artefact, Inputs
from synthgen.core.config import resolved
from synthgen.core.errors import ConfigError, Interrupted, StageFailed, SynthgenError
from synthgen.core.hashing import file_sha256
from synthgen.core.interrupts import Stopping
from synthgen.core.progress import Reporter
from synthgen.core.rows import Row
from synthgen.operations.rehearse.figures import Asking, Rehearsed, Training, size_of
from synthgen.operations.rehearse.leftovers import OURS, sweep
from synthgen.operations.rehearse.measuring import Peak, Watching, now
from synthgen.operations.rehearse.students import Group, groups
from synthgen.pipeline.foresight import foreseen
from synthgen.pipeline.graph import Graph
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.other_runs import other_run_faults
from synthgen.pipeline.spec import Pipeline, StageSpec, readers
from synthgen.stages.contract import Context, Outcome, find_stage
from synthgen.stages.training_inputs import REHEARSED_STEPS
from synthgen.store.jsonl import read_log, read_rows, write_rows
from synthgen.training import checkpoints
from synthgen.training.made_up import made_up_questions, made_up_rows
from synthgen.training.start import STUDENT, TOKENIZER, completion_of, started
from synthgen.training.student import quiet_libraries

QUESTIONS = 2
"""How folders of rehearsals begin; the process follows. Another machine may share the disk."""
WITHOUT_EVALUATE = {"models": ["students"], "max_new_tokens": 16}
"""How a student is asked that no evaluate reads."""


def rehearse(pipeline: Pipeline, options: RunOptions, reporter: Reporter | None = None) -> list[Rehearsed]:
    """Trains each student of a pipeline for a few steps and asks it, as its stages would.

    Args:
        pipeline: the pipeline.
        options: which stages, and where their run is.
        reporter: where progress and the stages' own lines go.

    Returns:
        What each took, and what broke; a student that starts from a broken one is not tried.

    Raises:
        ConfigError: no stage that was chosen trains a student, or another run that it reads is not there.
        Interrupted: a signal asked to stop.
    """
    chosen = groups(pipeline, options)
    specs = [group.spec for group in chosen]
    if faults := list(other_run_faults(specs, options.others(pipeline), str(pipeline.path))):
        raise ConfigError.of(faults)
    disk = next(one for one in options.folder(pipeline).parents if one.is_dir())
    with Stopping() as stopping, stopping.at_once():
        sweep(disk)
        with tempfile.TemporaryDirectory(prefix=f"{OURS}{os.getpid()}-", dir=disk) as folder:
            rehearsal = _Rehearsal(pipeline, options, Path(folder), reporter or Reporter(), stopping)
            return [
                rehearsal.student(group, keep={name for one in chosen for name in one.models.values()})
                for group in chosen
            ]


class _NoTeachers:
    """In the place of a run's teachers: asking one would be a mistake in a stage's `rehearsed`."""

    def open(self, name: str = "") -> Any:
        raise StageFailed(f"a rehearsal asks no teacher, and was to ask {name or 'the teacher'}")

    def open_own(self, name: str, config: Any) -> Any:
        return self.open(name)

    def stop_servers(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Rehearsal:
    """The students of one rehearsal, in their order; later ones may start from earlier ones."""

    def __init__(
        self, pipeline: Pipeline, options: RunOptions, folder: Path, reporter: Reporter, stopping: Stopping
    ) -> None:
        self.pipeline, self.options, self.folder = pipeline, options, folder
        self.reporter, self.stopping = reporter, stopping
        self._made: dict[str, Artefact | None] = {}
        self._not_tried: set[str] = set()

    def student(self, group: Group, keep: Collection[str]) -> Rehearsed:
        """Rehearses one student; its files are kept if it is in `keep`, since others start from it."""
        spec, by = group.spec, group.spec.id
        self._made[spec.id] = None
        if untried := self._untried(group):
            return Rehearsed(group.ids, untried=untried)
        result = Rehearsed(group.ids)
        try:
            models = {need: self._model(name) for need, name in group.models.items()}
            if faults := spec.stage.faults(spec.config) or foreseen(self.pipeline, spec):
                raise ConfigError.of(faults)
            student, training = self._trained(group, models)
            result = replace(result, training=training)
            for evaluation in self._evaluations(spec):
                by = f"{spec.id}, asked by {evaluation.id}"
                result = replace(result, askings=(*result.askings, self._asked(student, evaluation)))
            if spec.id in keep:
                self._made[spec.id] = student
            else:
                shutil.rmtree(student.folder)
        except Interrupted:
            raise
        except Exception as fault:  # whatever a library raises is what a rehearsal looks for
            result = replace(result, fault=_explained(fault, spec.id, by))
        return result

    def _untried(self, group: Group) -> str:
        """Why a student cannot be rehearsed on made-up rows; "" where it can."""
        missing = [name for name in group.models.values() if name in self._not_tried]
        if missing:
            why = f"it needs {missing[0]}, which is not rehearsed either"
        elif group.spec.stage.rehearsed(group.spec.config) is None:
            why = "it is made of rows that are not there yet, so made-up ones would say nothing"
        else:
            return ""
        self._not_tried.update(group.ids)
        return why

    def _model(self, name: str) -> Artefact:
        """The model of another stage: rehearsed before, or as a run has left it."""
        if name in self._made:
            if (made := self._made[name]) is None:
                raise StageFailed(
                    f"not rehearsed, since it needs {name}, which broke", next=f"mend {name} first"
                )
            return made
        graph = Graph(self.pipeline, self.options.folder(self.pipeline), self.options.other_runs)
        if (found := graph.find(name)) is None:
            raise StageFailed(
                f"{name} has no result", next=f"run it first, or rehearse it as well: --only {name}"
            )
        return found

    def _trained(self, group: Group, models: Mapping[str, Artefact]) -> tuple[Artefact, Training]:
        """Trains and saves the student; what a run would publish, and what that took."""
        spec, start = group.spec, models.get(STUDENT)
        config: Any = spec.stage.rehearsed(spec.config)
        if spec.stage.teaches is None or config is None:
            raise StageFailed(f"a stage of kind {spec.kind} cannot be rehearsed")
        learned: Any = completion_of(start) if start is not None else "output"
        objective = spec.stage.teaches(spec.config, learned)
        with quiet_libraries():
            number = config.batch_size * config.gradient_accumulation * REHEARSED_STEPS
            rows = made_up_rows(
                number,
                objective=objective,
                student=started(config.student, start, models.get(TOKENIZER)),
                max_length=config.max_length,
            )
        validation: list[Row] = []
        if group.measured:
            answers = group.measured_by_answers
            validation = made_up_questions(QUESTIONS) if answers else rows[: config.batch_size]
        inputs = self._inputs(spec, config, {"rows": rows, "split": validation}, models)
        watching, peak, began = Watching(self.reporter, REHEARSED_STEPS), Peak(), now()
        with self._run(spec, config, inputs, watching) as (out, outcome, work):
            saved = max(map(size_of, checkpoints.all_checkpoints(work / "checkpoints")), default=0)
        made = Artefact(
            spec.id, spec.kind, "model", out, out / "model", "", 0, inputs=inputs, config=resolved(config)
        )
        told, rows_told = outcome.extra["training"], outcome.extra["preflight"]
        processes = told.get("processes", 1)
        return made, Training(
            base=outcome.extra["student"]["base"],
            parameters=outcome.extra["student"]["parameters"],
            trained_parameters=told["trained weights"],
            method=config.method,
            processes=processes,
            batch_rows=config.batch_size,
            batches=config.gradient_accumulation,
            longest=rows_told["longest"],
            tokens=told["tokens"] // told["steps"],
            step_seconds=watching.step_seconds,
            seconds=now() - began,
            memory_bytes=peak.resident(processes),
            gpu_memory_bytes=peak.gpu(processes),
            model_bytes=size_of(out / "model"),
            checkpoint_bytes=saved,
        )

    def _evaluations(self, spec: StageSpec) -> list[StageSpec]:
        """The evaluations that ask a student, without teachers; one of our own where there is none."""
        found = [
            replace(reader, config=config)
            for reader in readers(self.pipeline, spec.id)
            if reader.stage.writes == "metrics"
            and (config := reader.stage.rehearsed(reader.config)) is not None
        ]
        if found:
            return found
        evaluate = find_stage("evaluate")
        config = evaluate.config.model_validate(WITHOUT_EVALUATE)
        return [StageSpec("evaluate", "evaluate", evaluate, config)]

    def _asked(self, student: Artefact, spec: StageSpec) -> Asking:
        """Has an evaluation ask a student, and its base if it would."""
        config: Any = spec.config
        name = getattr(config, "reference", "reference")
        questions = [{**row, name: row["reference"]} for row in made_up_questions(QUESTIONS, first=1_000_000)]
        inputs = self._inputs(spec, config, {"split": questions}, student)
        peak, began = Peak(), now()
        with self._run(spec, config, inputs, self.reporter) as (out, _, work):
            seconds = now() - began
            answers = [row["answers"] for row in read_rows(out / "answers.jsonl")]
            tokens = sum(int(entry["tokens"]) for log in work.glob("*.jsonl") for entry in read_log(log))
        _require_room(answers, config)
        return Asking(spec.id, tuple(answers[0]), len(answers), tokens, seconds, peak.resident(), peak.gpu())

    @contextmanager
    def _run(
        self, spec: StageSpec, config: Any, inputs: Inputs, reporter: Reporter
    ) -> Iterator[tuple[Path, Outcome, Path]]:
        """Runs a stage's code: its files, its account, and what it left to go on from, which is removed."""
        out, work = (Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder)) for name in ("out", "work"))
        context = Context(
            run_dir=self.folder,
            stage_id=spec.id,
            work=work,
            seed=self.pipeline.seed,
            sessions=_NoTeachers(),
            reporter=reporter,
            stopping=self.stopping.signal,
        )
        try:
            outcome = spec.stage.run(inputs, config, context, out)
            outcome.counts.check(spec.id)
            yield out, outcome, work
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _inputs(
        self,
        spec: StageSpec,
        config: Any,
        rows: Mapping[str, list[Row]],
        models: Mapping[str, Artefact] | Artefact,
    ) -> Inputs:
        """What a stage reads, by need: made-up rows, those of a split's part, and models."""
        inputs: dict[str, tuple[Artefact, ...]] = {}
        for name, need in spec.stage.needs(config).items():
            if need.kind == "model":
                model = models if isinstance(models, Artefact) else models.get(name)
                inputs[name] = (model,) if model is not None else ()
            else:
                given = rows.get(need.kind, [])
                inputs[name] = (self._artefact(name, given, need.part),) if given else ()
        return inputs

    def _artefact(self, name: str, rows: list[Row], part: str | None) -> Artefact:
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))
        file = folder / "rows.jsonl"
        write_rows(file, rows)
        kind: Any = "split" if part else "rows"
        return Artefact("made_up", "load", kind, folder, file, file_sha256(file), len(rows), part)


def _require_room(answers: Sequence[Mapping[str, Any]], config: Any) -> None:
    """Refuses an evaluation in which a model has no room for any question beside its answer."""
    for model in answers[0]:
        if all(row[model]["ending"] == "prompt_too_long" for row in answers):
            raise ConfigError(
                f"{model} has no room for a question beside {config.max_new_tokens:,} new tokens",
                next="lower max_new_tokens, or take a student that reads more tokens",
            )


def _explained(fault: Exception, stage_id: str, by: str) -> SynthgenError:
    """An error of any kind as one that says what was rehearsed."""
    if isinstance(fault, SynthgenError):
        faults = [
            one if one.what.startswith(f"{stage_id}: ") else replace(one, what=f"{by}: {one.what}")
            for one in fault.faults
        ]
        kind = ConfigError if isinstance(fault, ConfigError) else StageFailed
        return kind("; ".join(one.what for one in faults), faults=faults)
    first = (str(fault).strip() or "no reason given").splitlines()[0][:300]
    frames = traceback.extract_tb(fault.__traceback__)
    return StageFailed(
        f"{by}: {type(fault).__name__}: {first}",
        f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "",
        "a run would break here too, once its teachers are paid",
    )
