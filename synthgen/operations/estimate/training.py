"""Memory, disk and hours of the stages that train a student: from its config, and from an earlier training.

No weights are loaded and nothing is trained. Hours are told only where this run has trained the same student
before, by the tokens a second of that training; otherwise they are known after the first steps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synthgen.core.config import resolved
from synthgen.core.errors import SynthgenError
from synthgen.core.text import duration
from synthgen.operations.estimate.origins import config_of, origin_of
from synthgen.operations.estimate.taught import teacher_memory
from synthgen.pipeline.graph import Graph
from synthgen.pipeline.spec import Pipeline, StageSpec
from synthgen.store.machine import host
from synthgen.store.manifest import Manifest, read_manifest
from synthgen.training.footprint import Training, can_count, footprint
from synthgen.training.loading_check import positions_in
from synthgen.training.student import INSTALL

PACE = (
    "student",
    "method",
    "lora",
    "batch_size",
    "gradient_accumulation",
    "max_length",
    "packing",
    "trainer",
)
"""Options on which the tokens a second depend."""


def estimate_training(pipeline: Pipeline, run_dir: Path) -> list[dict[str, Any]]:
    """What each stage that trains a student takes, in their order.

    Args:
        pipeline: the pipeline.
        run_dir: its run's folder, where an earlier training may be.

    Returns:
        For each: `stage`, `kind`, the figures of `Footprint.plain` as far as they are known, `hours` (None
        where they are not), and `notes`.
    """
    return [_stage(pipeline, run_dir, spec) for spec in pipeline.stages if spec.stage.teaches is not None]


def _stage(pipeline: Pipeline, run_dir: Path, spec: StageSpec) -> dict[str, Any]:
    assert spec.stage.teaches is not None
    config: Any = spec.config
    training = Training(config.student, config, spec.stage.teaches(config, "output"))
    earlier = read_manifest(run_dir / spec.id)
    figures, notes = _size(pipeline, run_dir, training, earlier)
    hours, note = _hours(spec, training, earlier, _rows_now(pipeline, run_dir, spec))
    return {"stage": spec.id, "kind": spec.kind, **figures, "hours": hours, "notes": [*notes, note]}


def _size(
    pipeline: Pipeline, run_dir: Path, training: Training, earlier: Manifest | None
) -> tuple[dict[str, Any], list[str]]:
    """Memory and disk, and what they rest on."""
    if not can_count():
        return {}, [f"memory and disk: torch, transformers and peft are needed to know them ({INSTALL})"]
    try:
        student = origin_of(pipeline, run_dir, training.student)
        config, stored = config_of(pipeline, run_dir, student)
    except (SynthgenError, OSError, ValueError, ImportError):
        return {}, [
            "memory and disk: the student's config is not in the hub's cache yet, or cannot be read "
            "(synthgen validate says why); they are known once it was loaded"
        ]
    longest = (earlier.extra.get("preflight") or {}).get("longest") if earlier is not None else None
    most = min(training.options.max_length, positions_in(config) or training.options.max_length)
    tokens = min(training.options.longest(longest or most), most)
    found = footprint(config, training._replace(student=student), tokens=tokens, stored=stored)
    if found is None:
        return {}, [f"memory and disk: {config.model_type} models cannot be made without their weights"]
    scratch = student.init is not None
    lines = found.lines(training.options, scratch)
    if longest is None and not training.options.packing:
        reads = f"the {most:,} tokens that it reads are"
        taken = "max_length is" if most == training.options.max_length else reads
        lines[0] += f"; no row is known yet: {taken} taken for the longest"
    figures = found.plain(training.options, scratch)
    if taught := teacher_memory(pipeline, run_dir, training.options, config, found.weights):
        figures["teacher_bytes"], line = taught
        lines.insert(1, line)
    return figures, lines


def _rows_now(pipeline: Pipeline, run_dir: Path, spec: StageSpec) -> int | None:
    """How many rows are there to train on; None where the stages before have not run."""
    need = next(iter(spec.reads), None)
    if need is None:
        return None
    try:
        found = [Graph(pipeline, run_dir).find(reference) for reference in spec.reads[need]]
    except (SynthgenError, OSError):
        return None
    return sum(one.rows for one in found if one is not None)


def _hours(
    spec: StageSpec, training: Training, earlier: Manifest | None, rows: int | None
) -> tuple[float | None, str]:
    """How long it takes, by an earlier training of the same student; and what that rests on."""
    unknown = "time: known after the first steps"
    if earlier is None or earlier.linked_from is not None or earlier.host != host():
        return None, unknown
    now = resolved(spec.config)
    trained, before = earlier.extra.get("training") or {}, earlier.counts.get("in", 0)
    same = all(earlier.config.get(name) == now.get(name) for name in PACE)
    if not (same and before and earlier.seconds and trained.get("tokens")):
        return None, unknown
    rate = trained["tokens"] / earlier.seconds
    epochs = float(earlier.config.get("epochs") or training.options.epochs)
    tokens = trained["tokens"] / epochs * training.options.epochs * (rows or before) / before
    seconds = tokens / rate
    return seconds / 3600, (
        f"time: about {duration(seconds)}, at the {rate:,.0f} tokens/s of its last training"
    )


def training_lines(entries: list[dict[str, Any]]) -> list[str]:
    """What is known of each training, as a person reads it."""
    return [f"{entry['stage']}: {note}" for entry in entries for note in entry["notes"]]
