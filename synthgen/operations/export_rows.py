"""Rows of files or of a run in another tool's format, without a pipeline: the stage `export` alone."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthgen.core.errors import ConfigError, EmptyResult
from synthgen.core.progress import Reporter
from synthgen.operations.curate_files import check_files, check_out, run_on_files
from synthgen.pipeline.file import check_pipeline
from synthgen.pipeline.options import RunOptions
from synthgen.pipeline.result import last_rows
from synthgen.pipeline.run import run_pipeline
from synthgen.pipeline.spec import RESOLVED
from synthgen.store.failed import forget_failed, move_failed, read_failure
from synthgen.store.manifest import Manifest, read_manifest, record_outputs, write_manifest
from synthgen.store.publish import publish

KIND = "export"
_STAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def export_rows(
    places: Sequence[Path],
    out: Path,
    options: Mapping[str, Any],
    *,
    runs: Path = Path("data/runs"),
    stage: str = "",
    columns: Sequence[str] = (),
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> Manifest:
    """Writes rows in a format into `out`, with a card and what the format cannot hold.

    The card of a run's rows tells what each of its stages did.

    Args:
        places: data files; or one run (its name or folder), the folder of one stage, or its rows.jsonl.
        out: the folder to publish.
        options: options of the stage `export`.
        runs: the folder that holds all runs.
        stage: of a run: whose rows, `STAGE` or `STAGE.PART`; the last stage with rows where left out.
        columns: of files: `field=column` pairs.
        overwrite: replace `out`.
        reporter: where progress goes.

    Returns:
        The manifest of the published folder.

    Raises:
        InputError: there is no such file or run, or the run has no rows.
        ConfigError: an option is wrong, or `out` is there already.
        EmptyResult: the format can hold none of the rows.
    """
    folder, found = _published(places[0], runs) if len(places) == 1 else (None, "")
    if folder is None:
        if stage:
            raise ConfigError(f"--stage {stage} is for a run", str(places[0]), "files are exported whole")
        check_files(places)
        check_out(out, overwrite)
        return run_on_files(
            KIND,
            {"title": out.absolute().name, **options},
            places,
            out,
            columns=columns,
            reporter=reporter,
            place=_place,
        )
    if columns:
        raise ConfigError("--columns is for files; a run's rows have synthgen's fields", str(places[0]))
    check_out(out, overwrite)
    named = stage or found or last_rows(folder)
    title = folder.name if (folder / RESOLVED).is_file() else out.absolute().name
    return _export_run(folder, named, out, {"title": title, **options}, reporter)


def _published(place: Path, runs: Path) -> tuple[Path | None, str]:
    """The folder in which a published stage stands, and its name, where the place is one; (None, "") else."""
    for run in (place, runs / place):
        if (run / RESOLVED).is_file():
            return run, ""
    if place.name.endswith(".jsonl") and place.is_file() and _STAGE.fullmatch(place.parent.name):
        manifest = read_manifest(place.parent)
        own = manifest is not None and manifest.writes in ("rows", "split")
        if manifest is not None and own and place.name in manifest.outputs and place.name != "rejected.jsonl":
            part = place.stem if manifest.writes == "split" else ""
            return place.parent.resolve().parent, place.parent.name + (f".{part}" if part else "")
    if place.is_dir() and read_manifest(place) is not None and _STAGE.fullmatch(place.name):
        return place.resolve().parent, place.name
    return None, ""


def _export_run(
    run: Path, named: str, out: Path, options: dict[str, Any], reporter: Reporter | None
) -> Manifest:
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        place = Path(scratch)
        (place / "from").symlink_to(
            run.resolve(), target_is_directory=True
        )  # any folder is then a run's name
        stages = [{KIND: {"input": f"run:from:{named}", **options}}]
        tree = {"version": 1, "name": KIND, "stages": stages}
        pipeline = check_pipeline(Path("command line"), tree, lambda path: _place(path[2:]))
        chosen = RunOptions(run_dir=place / "run", ledger=place / "ledger", other_runs=place)
        try:
            result = run_pipeline(pipeline, chosen, reporter)
        except EmptyResult as fault:
            move_failed(place / "run", out, fault)
            raise
        folder = place / "run" / KIND
        made = result.stages[KIND]
        (folder / "manifest.json").unlink()
        rows = {name: record.rows for name, record in made.outputs.items()}
        manifest = made.model_copy(
            update={
                "inputs": {},
                "extra": {**made.extra, "of": f"{run.name}/{named}"},
                "outputs": record_outputs(folder, rows),
            }
        )
        write_manifest(folder, manifest)
        publish(folder, out)
    if read_failure(out.parent, out.name) is not None:
        forget_failed(out.parent, out.name)
    return manifest


def _place(path: Sequence[Any]) -> str:
    """The flag that gave an option of `export`."""
    return f"--{path[1]}" if len(path) > 1 and path[0] == KIND else ""
