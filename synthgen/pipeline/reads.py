"""Which earlier artefact each need of a stage reads: the nearest of its kind, or the one that is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from synthgen.core.config import Location, Misfit
from synthgen.core.errors import nearest
from synthgen.pipeline.spec import StageSpec
from synthgen.stages import INTERNAL_STAGES, STAGES
from synthgen.stages.contract import Need, StageConfig, find_stage

NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"
_STAGE = r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[a-z]+)?(@[0-9a-f]{8,64})?"
_OF_ANOTHER_RUN = re.compile(f"run:{NAME}:{_STAGE}")
_OF_THE_WHOLE_RUN = re.compile(rf"run:(\.\.|\.\./\.\./{NAME}):{_STAGE}")


def with_later_reads(spec: StageSpec, index: int, specs: list[StageSpec], misfits: list[Misfit]) -> StageSpec:
    """Completes a stage's `reads` by the needs that follow other stages (`Need.read_by`).

    What those stages read must be made before this one.

    Args:
        spec: the stage.
        index: its place among `specs`.
        specs: all stages of the pipeline, in order.
        misfits: faults are added here.

    Returns:
        The stage, with `reads` completed.
    """
    for name, need in (spec.stage.needs(spec.config) if spec.reads else {}).items():
        if not need.read_by or need.choose:
            continue
        known = {reference for references in spec.reads.values() for reference in references}
        wanted = dict.fromkeys(
            reference
            for other in specs
            if other.kind == need.read_by and other.reads
            for reference in next(iter(other.reads.values()))
        )
        references = tuple(reference for reference in wanted if reference not in known)
        late = [
            later.id
            for later in specs[index:]
            if later.id in {reference.partition(".")[0] for reference in references}
        ]
        misfits += [
            Misfit(
                ("stages", index, spec.kind),
                f"{spec.id} comes before {later}, whose rows the student is evaluated on",
                f"put {later} before {spec.id}",
            )
            for later in late
        ]
        if references:
            spec = replace(spec, reads={**spec.reads, name: references})
    return spec


def resolve_reads(
    stage_id: str,
    needs: Mapping[str, Need],
    config: StageConfig,
    earlier: list[StageSpec],
    path: Location,
    misfits: list[Misfit],
) -> dict[str, tuple[str, ...]]:
    """The references of the artefacts that meet each need of a stage.

    Args:
        stage_id: the stage.
        needs: its needs, by name; `input` overrides the first.
        config: its options.
        earlier: the stages before it.
        path: where it stands in the file, for faults.
        misfits: faults are added here.

    Returns:
        Need -> references.
    """
    reads: dict[str, tuple[str, ...]] = {}
    for order, (name, need) in enumerate(needs.items()):
        asked = need.choose
        if order == 0 and config.input is not None:
            if not config.input:
                misfits.append(
                    Misfit(
                        (*path, "input"),
                        "input names nothing",
                        "name a stage, or leave `input` out for the nearest one",
                    )
                )
            asked = (config.input,) if isinstance(config.input, str) else config.input
        if asked:
            option = tuple(need.option.split(".")) if order and need.option else ("input",)
            reads[name] = tuple(
                _reference(asked_for, need, earlier, (*path, *option), misfits) for asked_for in asked
            )
            continue
        if need.read_by:
            continue
        fits = [
            spec for spec in earlier if _meets(spec.stage.writes, need) and need.made_by in ("", spec.kind)
        ]
        if not fits and not need.optional:
            misfits.append(
                Misfit(
                    path,
                    f"{stage_id} reads {need.kind}, but no earlier stage makes any",
                    f"put a {need.made_by or _makers(need.kind)} stage before it"
                    + (", or say `input:`" if order == 0 else ""),
                )
            )
        chosen = fits if need.many else fits[-1:]
        if need.wanted_by and not any(_fills(spec, need) for spec in chosen):
            misfits.append(
                Misfit(
                    (*path, need.wanted_by.partition(":")[0]),
                    f"{stage_id}: {need.wanted_by} needs {need.part} rows, but no split before it makes any",
                    f"split: {{{need.part}: N}} makes them; or leave {need.wanted_by} out",
                )
            )
        reads[name] = tuple(
            f"{spec.id}.{need.part or 'train'}" if spec.stage.writes == "split" else spec.id
            for spec in chosen
        )
    return reads


def _makers(kind: str) -> str:
    """The kinds of stage that make such an artefact; of rows, those that make new ones."""
    makers = [
        name
        for name in STAGES
        if (stage := find_stage(name)).writes == kind and (stage.may_add_rows or kind != "rows")
    ]
    return " or ".join(makers)


def _meets(writes: str, need: Need) -> bool:
    return writes == need.kind or (need.kind == "rows" and writes == "split")


def _fills(spec: StageSpec, need: Need) -> bool:
    """Whether a stage makes rows of the part that is needed; one that says nothing of its size may."""
    return bool(getattr(spec.config, str(need.part), True))


def _no_such(stage_id: str, earlier: list[StageSpec]) -> str:
    """What to write in place of a stage that is not there; one with `seeds` is there once for each."""
    of_seeds = [spec for spec in earlier if getattr(spec.config, "seed_of", None) == stage_id]
    if of_seeds:
        numbers = ", ".join(str(getattr(spec.config, "seed", "")) for spec in of_seeds)
        return (
            f"it has seeds: give this stage the same, seeds: [{numbers}], and each goes on with its own; or "
            f"name one, {of_seeds[0].id}"
        )
    whole, _, number = stage_id.rpartition("-seed")
    if number.isdecimal() and any(spec.id == whole for spec in earlier):
        return f"{whole} has no seeds: write {whole}, or give it seeds: [{number}]"
    if near := nearest(stage_id, [spec.id for spec in earlier]):
        return f"did you mean {near!r}?"
    return f"earlier stages: {', '.join(spec.id for spec in earlier) or 'none'}"


def _reference(
    asked: str, need: Need, earlier: list[StageSpec], path: Location, misfits: list[Misfit]
) -> str:
    option = ".".join(str(step) for step in path[3:])  # behind stages, its place, its kind
    if asked.startswith("run:"):
        # a shard's run lies two folders further down
        in_a_shard = any(kind in INTERNAL_STAGES for kind in (*path, *(spec.kind for spec in earlier)))
        if not (_OF_THE_WHOLE_RUN if in_a_shard else _OF_ANOTHER_RUN).fullmatch(asked):
            misfits.append(
                Misfit(
                    path,
                    f"{asked!r} is no reference to another run",
                    "write run:NAME:STAGE or run:NAME:STAGE.PART, and behind it @VERSION (8 to 64 "
                    "digits, 0-9a-f) if it has to be that one",
                )
            )
        return asked
    stage_id, _, part = asked.partition(".")
    spec = next((spec for spec in earlier if spec.id == stage_id), None)
    if spec is None:
        misfits.append(Misfit(path, f"no earlier stage {stage_id!r}", _no_such(stage_id, earlier)))
        return asked
    if spec.stage.writes == "split" and need.kind in ("rows", "split"):
        part = part or need.part or "train"
        if part not in ("train", "validation", "test"):
            misfits.append(
                Misfit(path, f"{stage_id} has no part {part!r}", "its parts: train, validation, test")
            )
        return f"{stage_id}.{part}"
    if need.made_by and spec.kind != need.made_by:
        misfits.append(Misfit(path, f"{stage_id} is a {spec.kind} stage", f"name a {need.made_by} stage"))
        return stage_id
    if part:
        misfits.append(Misfit(path, f"{stage_id} has no parts", f"write `{option}: {stage_id}`"))
    if need.kind != spec.stage.writes and not (need.kind == "split" and spec.stage.writes == "rows"):
        misfits.append(Misfit(path, f"{stage_id} makes {spec.stage.writes}, where {need.kind} are read"))
    return stage_id
