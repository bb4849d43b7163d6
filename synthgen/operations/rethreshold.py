"""What each rule of a filter would drop, and other thresholds on the values that a filter stored."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from synthgen.core.artefacts import Artefact, Counts
from synthgen.core.config import Misfit, build, resolved
from synthgen.core.errors import ConfigError, EmptyResult, Fault
from synthgen.core.hashing import value_hash
from synthgen.core.registry import Choice
from synthgen.filters.rethreshold import rethreshold
from synthgen.filters.rule_report import RuleReport
from synthgen.filters.stored_values import VALUES, stored_rules
from synthgen.filters.workers import filter_blocks
from synthgen.operations.curate_files import check_out, component, curate
from synthgen.pipeline.graph import Graph
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.spec import Pipeline
from synthgen.stages.filter import Config, table
from synthgen.store.blocks import Block, read_blocks
from synthgen.store.manifest import Manifest, read_manifest, record_outputs, write_manifest
from synthgen.store.publish import publish


def report_files(
    files: Sequence[Path], out: Path | None = None, *, sets: Sequence[str] = (), **given: Any
) -> Manifest:
    """What each rule would drop of files, in the manifest's `extra`: `report` as JSON, `table` for people.

    Args:
        files: data files of the user's.
        out: a folder to publish the untouched rows and the report into; nothing is left behind where None.
        sets: other options of the stage, as `curate` takes them.
        given: `choices`, `columns`, `overwrite` and `workers`, as `curate` takes them.
    """
    sets = [*sets, "filter.action=report"]
    if out is not None:
        return curate("filter", files, out, sets=sets, **given)
    with tempfile.TemporaryDirectory(
        prefix="synthgen-"
    ) as scratch:  # rows as they were loaded, for as long as it takes
        return curate("filter", files, Path(scratch) / "report", sets=sets, **given)


def report_stage(pipeline: Pipeline, stage_id: str, options: RunOptions) -> tuple[RuleReport, list[Path]]:
    """What each rule of a filter stage would drop of the published rows before it, and their files.

    Nothing is written.

    Raises:
        StageFailed: a stage before it has not run.
        EmptyResult: no rows come in.
    """
    spec = pipeline.stage(stage_id)
    assert isinstance(spec.config, Config)
    artefacts = Graph(pipeline, options.folder(pipeline)).inputs(spec)["rows"]
    report: RuleReport | None = None
    for filtered in filter_blocks(
        spec.config.rules, stage_id, _blocks(artefacts), options.workers or os.cpu_count() or 1, "report"
    ):
        assert filtered.report is not None
        if report is None:
            report = filtered.report
        else:
            report.add(filtered.report)
    if report is None:
        raise EmptyResult(f"{stage_id}: no rows come in", next="look at the stage before")
    return report, [artefact.file for artefact in artefacts]


def _blocks(artefacts: Sequence[Artefact]) -> Iterator[tuple[Block, str]]:
    return ((block, artefact.file.name) for artefact in artefacts for block in read_blocks(artefact.file))


def rethreshold_folder(folder: Path, rules: Sequence[Any], out: Path, *, overwrite: bool = False) -> Manifest:
    """Decides a filter stage's rows again, from the values that it stored, and publishes the result at `out`.

    Args:
        folder: a published filter stage that ran with `values: true`.
        rules: all the rules, in order, as `curate` takes them; each must have been measured, thresholds
            apart.
        out: the folder to publish; it must not exist, unless `overwrite`.
        overwrite: replace `out`.

    Returns:
        The manifest of the published folder.

    Raises:
        ConfigError: there is no such folder, it holds no values, or a rule was not measured in this way.
        EmptyResult: no row would be left.
    """
    manifest = read_manifest(folder)
    if manifest is None or manifest.kind != "filter":
        raise ConfigError(
            "--rethreshold wants the folder of a filter stage",
            str(folder),
            "such as data/runs/NAME/filter, or the -o DIR of synthgen filter",
        )
    if not (folder / VALUES).is_file():
        raise ConfigError(
            "this filter stage stored no values",
            str(folder),
            "run it once with `values: true` (for files: --set filter.values=true), then give other "
            "thresholds",
        )
    measured = ", ".join(stored_rules(folder))
    if not rules:
        raise ConfigError(
            "--rethreshold: which rules? the ones that are given are all that decide",
            str(folder),
            f"give each with --rule; measured were {measured}",
        )
    check_out(out, overwrite)
    if out.resolve() == folder.resolve():
        raise ConfigError(
            "the result cannot replace the folder that it is made from", str(out), "give another -o"
        )
    choices = _choices(rules)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        staging = Path(scratch) / "filter"
        staging.mkdir()
        counts = rethreshold(folder, choices, staging, manifest.stage)
        made = _manifest(manifest, choices, counts, staging)
        write_manifest(staging, made)
        publish(staging, out)
        return made


def _choices(rules: Sequence[Any]) -> tuple[Choice, ...]:
    misfits: list[Misfit] = []
    config = build(Config, {"rules": [component(rule) for rule in rules]}, (), misfits)
    if config is None or misfits:
        raise ConfigError.of([Fault(misfit.what, "--rule", misfit.next) for misfit in misfits])
    return config.rules


def _manifest(before: Manifest, choices: Sequence[Choice], counts: Counts, staging: Path) -> Manifest:
    rules = [resolved(choice) for choice in choices]
    said: dict[str, int | None] = {"rows.jsonl": counts.kept, "rejected.jsonl": sum(counts.rejected.values())}
    return before.model_copy(
        update={
            "key": value_hash([before.key, rules]),
            "key_parts": {**before.key_parts, "rethreshold": value_hash(rules)},
            "config": {**before.config, "rules": rules, "values": False},
            "inputs": {},
            "outputs": record_outputs(staging, said),
            "counts": counts.plain(),
            "linked_from": None,
            "seconds": 0.0,
            "peak_memory_bytes": 0,
            "extra": {"table": table([choice.name for choice in choices], counts, {}, {}, {})},
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )
