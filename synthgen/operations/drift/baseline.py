"""What a run's students could do when they were trained: the answers of its evaluate stage, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from synthgen.answers.equality import answers_equal
from synthgen.core.artefacts import Artefact, Inputs
from synthgen.core.errors import ConfigError, InputError, StageFailed, nearest
from synthgen.core.hashing import value_hash
from synthgen.core.rows import Row
from synthgen.evaluation.slices import labels_of
from synthgen.pipeline.file import load_pipeline
from synthgen.pipeline.graph import Graph
from synthgen.pipeline.spec import RESOLVED, Pipeline, StageSpec
from synthgen.store.jsonl import read_rows
from synthgen.store.manifest import altered, read_manifest

AGREEMENT = "agreement"
"""What is measured where there is no right answer: whether a student gives its teacher's answer."""
ALL = "all"
"""The one field, and the one slice, where there are no slices."""


@dataclass(frozen=True)
class Baseline:
    """An evaluation of a run, and what is needed to ask its students again."""

    run_dir: Path
    pipeline: Pipeline
    spec: StageSpec
    inputs: Inputs
    key: str
    """Changes with whatever changes the students, the test rows, the options or the slices."""
    metric: str
    students: tuple[str, ...]
    teacher: str
    """Its name among the models; empty where it was not asked."""
    by: tuple[str, ...]
    rows: list[Row]
    """The test rows, in the order of the answers."""
    labels: dict[str, list[str]]
    entries: list[dict[str, Any]]
    """The lines of `answers.jsonl`."""

    def scores(self, student: str, measure: str) -> list[float | None]:
        """See `kept_up`, for each test row."""
        return [kept_up(entry["answers"], student, self.teacher, measure) for entry in self.entries]


def read_baseline(
    run_dir: Path, stage: str = "", by: Sequence[str] = (), students: Sequence[str] = ()
) -> Baseline:
    """The evaluation that later answers are held against.

    Args:
        run_dir: the run's folder.
        stage: the id of an evaluate stage; the last one where left out.
        by: fields that cut rows into slices; those of the stage where left out.
        students: whom it is about; all where left out.

    Raises:
        InputError: the run has no such evaluation, or it asked no student.
        StageFailed: what evaluate wrote was changed, or a student or the test rows are others by now.
        ConfigError: there is no such student.
    """
    if not (run_dir / RESOLVED).is_file():
        raise InputError("this run has no pipeline", str(run_dir / RESOLVED), "drift is about a whole run")
    pipeline = load_pipeline(run_dir / RESOLVED)
    spec = _evaluation(pipeline, run_dir, stage)
    manifest = read_manifest(run_dir / spec.id)
    assert manifest is not None
    folder = run_dir / spec.id
    again = f"run the pipeline again, or with --force {spec.id}"
    if changed := altered(folder, manifest):
        raise StageFailed(f"{', '.join(changed)} is no longer what {spec.id} wrote", str(folder), again)
    inputs = Graph(pipeline, run_dir).inputs(spec)
    recorded = {name: [record.sha256 for record in group] for name, group in manifest.inputs.items()}
    for name, artefacts in inputs.items():
        if [one.sha256 for one in artefacts] != recorded.get(name, []):
            raise StageFailed(
                f"{spec.id} asked other {name} than those that are there now", str(folder), again
            )
        for one in artefacts:
            _require_untouched(one, spec.id)
    report = orjson.loads((folder / "metrics.json").read_bytes())
    roles = {name: figures["role"] for name, figures in report["models"].items()}
    config: Any = spec.config
    entries = list(read_rows(folder / "answers.jsonl"))
    rows = _rows_of(entries, inputs["questions"])
    by = tuple(by) or config.by
    return Baseline(
        run_dir,
        pipeline,
        spec,
        inputs,
        value_hash([manifest.key, list(by)]),
        config.verdict.metric or report["metrics"][0],
        _students(roles, students, folder),
        next((name for name, role in roles.items() if role == "teacher"), ""),
        by,
        rows,
        labels_of(rows, by) or {ALL: [ALL] * len(rows)},
        entries,
    )


def kept_up(answers: Mapping[str, Any], student: str, teacher: str, measure: str) -> float | None:
    """How far a student's answer is as good as its teacher's: 1, less by how much it is worse.

    Args:
        answers: of all models to one question, as `answers.jsonl` has them.
        student: whose answer is judged.
        teacher: whom it is held against; empty: the score itself.
        measure: a metric, or `AGREEMENT`: whether the two give the same final answer.

    Returns:
        From 0 to 1; None where it cannot be said.
    """
    mine, theirs = answers[student], answers.get(teacher, {})
    if theirs.get("failed"):
        return None
    if measure == AGREEMENT:
        if theirs.get("parsed") is None:
            return None
        return float(mine["parsed"] is not None and answers_equal(mine["parsed"], theirs["parsed"]))
    score = score_of(mine, measure)
    if score is None or not teacher:
        return score
    above = score_of(theirs, measure)
    return None if above is None else 1.0 - max(0.0, above - score)


def score_of(answer: Mapping[str, Any], measure: str) -> float | None:
    """An answer's score by a metric; None where it has none."""
    score = (answer.get("scores") or {}).get(measure)
    return None if score is None else float(score)


def _require_untouched(one: Artefact, asked_by: str) -> None:
    """Raises StageFailed where what was asked has been changed by hand since."""
    manifest = read_manifest(one.folder)
    changed = altered(one.folder, manifest) if manifest is not None else []
    if mine := [name for name in changed if name.startswith(one.file.name)]:
        raise StageFailed(
            f"{', '.join(mine[:3])} of {one.stage_id} was changed after {asked_by} had asked",
            str(one.folder),
            "run the pipeline again: what was changed by hand is made anew",
        )


def _evaluation(pipeline: Pipeline, run_dir: Path, wanted: str) -> StageSpec:
    done = [
        spec
        for spec in pipeline.stages
        if spec.kind == "evaluate" and read_manifest(run_dir / spec.id) is not None
    ]
    found = [spec for spec in done if spec.id == wanted or not wanted]
    if not found:
        named = f" {wanted!r}" if wanted else ""
        raise InputError(
            f"this run has no finished evaluation{named}",
            str(run_dir),
            f"finished are {', '.join(spec.id for spec in done)}"
            if done
            else "drift needs scores to start from",
        )
    return found[-1]


def _students(roles: Mapping[str, str], wanted: Sequence[str], folder: Path) -> tuple[str, ...]:
    known = [name for name, role in roles.items() if role == "student"]
    if not known:
        raise InputError("this evaluation asked no student", str(folder), "models: [students, teacher]")
    for name in wanted:
        if name not in known:
            near = nearest(name, known)
            raise ConfigError(
                f"no student {name!r}",
                "--student",
                f"did you mean {near!r}?" if near else f"there are {', '.join(known)}",
            )
    return tuple(wanted) or tuple(known)


def _rows_of(entries: Iterable[Mapping[str, Any]], questions: Iterable[Artefact]) -> list[Row]:
    rows = {row.get("id"): row for artefact in questions for row in read_rows(artefact.file)}
    return [rows[entry["id"]] for entry in entries]
